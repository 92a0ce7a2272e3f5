import { EventEmitter } from 'node:events'
import t from 'tap'
import { firstStopSignal } from '../../src/cli/stop-signals.ts'

t.test('the first signal asks for an end, one long after it ends at once', async (t) => {
  const signals = new EventEmitter()
  const exits: number[] = []
  let nowMs = 5000
  const stopped = firstStopSignal({ signals, now: () => nowMs, exit: (code) => exits.push(code) })
  signals.emit('SIGINT')
  await stopped
  signals.emit('SIGINT')
  nowMs = 6000
  signals.emit('SIGTERM')
  t.same(exits, [], 'npm repeats a Ctrl-C')
  nowMs = 6001
  signals.emit('SIGINT')
  t.same(exits, [130])
})
