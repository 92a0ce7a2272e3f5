import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { firstStopSignal, plainText, progressOn, screenOf } from '../../src/cli/terminal.ts'

t.test('what a stranger wrote stays on its line, and turns nothing around', async (t) => {
  t.equal(plainText('a\r\n\u001b[2Jb\u0085c'), 'a [2Jb c')
  t.equal(plainText('relay/\u202etes/0\u2066-yaler'), 'relay/ tes/0 -yaler')
  t.equal(plainText('home/👨‍👩‍👧/می‌خواهم'), 'home/👨‍👩‍👧/می‌خواهم')
})

t.test('the first signal asks for an end, one long after it ends at once', async (t) => {
  const signals = new EventEmitter()
  const exits: (number | string)[] = []
  let nowMs = 5000
  const late: [delayMs: number, act: () => void][] = []
  const stopped = firstStopSignal({
    signals,
    now: () => nowMs,
    after: (...alarm) => late.push(alarm),
    exit: (code) => exits.push(code),
    kill: (signal) => exits.push(signal),
  })
  signals.emit('SIGINT')
  await stopped
  signals.emit('SIGINT')
  nowMs = 6000
  signals.emit('SIGTERM')
  t.same(exits, [], 'npm repeats a Ctrl-C')
  nowMs = 6001
  signals.emit('SIGINT', 'SIGINT')
  t.same(exits, ['SIGINT', 130])
  t.equal(signals.listenerCount('SIGINT'), 0)
  signals.emit('SIGTERM', 'SIGTERM')
  t.same(exits.splice(2), ['SIGTERM', 143])
  t.same(
    late.map(([delayMs]) => delayMs),
    [10_000],
  )
  late[0]?.[1]()
  t.same(exits.slice(2), ['SIGKILL', 137], 'what does not end is ended')
})

t.test(
  'a terminal has a size, colours unless nobody wants them, and shows how far it is',
  async (t) => {
    const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 })
    const screen = screenOf(stream, { TERM: 'xterm' })
    t.same([screen?.columns(), screen?.rows(), screen?.hasColors], [80, 24, true])
    t.equal(screenOf(stream, { TERM: 'dumb' })?.hasColors, false)
    t.equal(screenOf(stream, { NO_COLOR: '1' })?.hasColors, false)
    progressOn(stream)('3 of 4')
    t.equal(String(stream.read()), '\r\u001b[K3 of 4')
    const pipe = new PassThrough()
    t.equal(screenOf(pipe, {}), undefined)
    progressOn(pipe)('3 of 4')
    t.equal(pipe.read(), null)
  },
)
