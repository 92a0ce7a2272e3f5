import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import t from 'tap'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { RateLimitedReader } from '../../src/ws/rate-limited-reader.ts'
import { createInbox } from '../inbox.ts'
import { startedHub, talkTo } from '../started-hub.ts'

type Options = ConstructorParameters<typeof RateLimitedReader>[1]

function readerOf(limits: Options['limits'], costs: Pick<Options, 'costOf' | 'pingCost'> = {}) {
  const counters = createCounters()
  const received = createInbox<string>()
  const calls = createInbox<string>()
  const errors: string[] = []
  const clock = { nowMs: 0 }
  const memory = { isShort: true }
  const socket = {
    pause: () => calls.put('pause'),
    resume: () => calls.put('resume'),
    pong: (data: Buffer) => calls.put(`pong ${data}`),
  }
  const reader = new RateLimitedReader(socket, {
    limits,
    sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
    receive: (frame) => received.put(String(frame)),
    disconnect: {
      afterSeconds: 5,
      isShortOfMemory: () => memory.isShort,
      notify: ({ code, message }) => errors.push(`${code}: ${message}`),
    },
    now: () => clock.nowMs,
    ...costs,
  })
  return { reader, counters, received, calls, errors, clock, memory }
}

t.test('a burst passes at once; what is past it waits, and the socket is not read', async (t) => {
  const { reader, received, calls, clock, counters } = readerOf({
    messagesPerSecond: 1000,
    messageBurst: 2,
  })
  for (const text of ['1', '2', '3', '4']) reader.message(Buffer.from(text))
  t.same(received.items, ['1', '2'])
  t.same(calls.items, ['pause'])
  clock.nowMs = 10
  await calls.next((call) => call === 'resume')
  t.same(received.items, ['1', '2', '3', '4'])
  reader.message(Buffer.from('5'))
  t.equal(received.items.length, 4)
  clock.nowMs = 20
  await received.next((text) => text === '5')
  t.equal(counters.snapshot()['websocket-held-back'], 2)
})

t.test('pings count as messages, and only the latest that waits is answered', async (t) => {
  const { reader, calls, clock } = readerOf({ messagesPerSecond: 1000, messageBurst: 1 })
  for (const text of ['a', 'b', 'c']) reader.ping(Buffer.from(text))
  clock.nowMs = 10
  await calls.next((call) => call === 'resume')
  t.same(calls.items, ['pong a', 'pause', 'pong c', 'resume'])
})

t.test('what counts for several messages makes the next one wait longer', async (t) => {
  const costOf = (frame: Buffer) => frame.length
  const limits = { messagesPerSecond: 10, messageBurst: 2 }
  const { reader, received, calls, clock } = readerOf(limits, { costOf, pingCost: 4 })
  reader.message(Buffer.from('12345'))
  reader.message(Buffer.from('6'))
  t.same(received.items, ['12345'])
  clock.nowMs = 400
  await calls.next((call) => call === 'resume')
  t.same(received.items, ['12345', '6'])
  clock.nowMs = 1000
  reader.ping(Buffer.from('p'))
  reader.noise()
  t.same(calls.items, ['pause', 'resume', 'pong p', 'pause'])
  reader.noise()
  clock.nowMs = 1500
  await calls.next((call) => call === 'resume')
  reader.close()
  reader.noise()
  t.equal(calls.items.length, 5)
})

/** A socket with a rate of its own, and how it sends more. */
function pouring() {
  const opened = readerOf({ messagesPerSecond: 1000, messageBurst: 1 })
  const { reader, errors, clock, received } = opened
  let sent = 0
  /** Sends two at once at `nowMs`: the second is held back. */
  const excess = async (nowMs: number) => {
    clock.nowMs = nowMs
    reader.message(Buffer.from(String(sent++)))
    reader.message(Buffer.from(String(sent++)))
    clock.nowMs = nowMs + 2
    if (errors.length === 0) await received.next((text) => text === String(sent - 1))
  }
  return { ...opened, excess }
}

t.test(
  'while there is memory, who goes on for hours is read more slowly and loses nothing',
  async (t) => {
    const { excess, errors, received, memory } = pouring()
    memory.isShort = false
    for (let nowMs = 0; nowMs < 50_000; nowMs += 900) await excess(nowMs)
    t.same(errors, [])
    memory.isShort = true
    for (let nowMs = 50_400; nowMs < 54_000; nowMs += 900) await excess(nowMs)
    t.same(errors, [], 'it has as long from when memory is short')
    t.same(received.items, Array.from(received.items.keys()).map(String))
    for (let nowMs = 54_000; nowMs < 57_000; nowMs += 900) await excess(nowMs)
    t.equal(errors.length, 1)
  },
)

t.test('who goes on for too long is given up, who rests for a second is not', async (t) => {
  const { reader, errors, counters, received, excess } = pouring()
  for (const nowMs of [0, 900, 1800, 2700, 3600, 4500]) await excess(nowMs)
  await excess(10_000)
  t.same(errors, [])
  for (const nowMs of [10_900, 11_800, 12_700, 13_600, 14_500]) await excess(nowMs)
  t.same(errors, [])
  await excess(15_400)
  t.same(errors, ['too-fast: expected at most 1000 messages a second, got more for too long'])
  t.equal(counters.snapshot()['websocket-over-rate'], 1)
  const before = received.items.length
  reader.message(Buffer.from('more'))
  reader.ping(Buffer.from('more'))
  t.equal(received.items.length, before)
})

t.test('each line of a frame counts as a message', async (t) => {
  const limits = { messagesPerSecond: 100, messageBurst: 100 }
  const hub = await startedHub(t, { limits: { websocket: limits } })
  const watcher = await talkTo(t, hub)
  const { websocket } = await talkTo(t, hub)
  const startMs = performance.now()
  const frames = 4
  for (let frame = 0; frame < frames; frame++) websocket.send('["lines/-",1]\n'.repeat(50))
  websocket.send('["lines/-","last"]')
  await watcher.frames.next(([topic, payload]) => topic === 'lines/-' && payload === 'last')
  t.ok(performance.now() - startMs > 900, 'no faster than the rate')
  t.equal(watcher.frames.items.length, frames * 50 + 1)
})

t.test('F23: a flood of pings is read no faster than the rate, and not closed', async (t) => {
  const limits = { messagesPerSecond: 50, messageBurst: 10, overRateSeconds: 1 }
  const hub = await startedHub(t, { limits: { websocket: limits } })
  const healthy = await talkTo(t, hub)
  const { websocket, settle } = await talkTo(t, hub)
  const pongs = createInbox<string>()
  websocket.on('pong', (data) => pongs.put(String(data)))
  const flood = setInterval(() => {
    for (let number = 0; number < 200; number++) websocket.ping('p')
  }, 10)
  t.teardown(() => clearInterval(flood))
  const startMs = performance.now()
  for (let number = 0; number < 90; number++) await pongs.next()
  t.ok(performance.now() - startMs > 1500, 'no faster than the rate')
  await healthy.settle()
  clearInterval(flood)
  await settle()
  t.notOk(hub.counters()['websocket-over-rate'])
})

t.test(
  'commands that wait are obeyed after a clean close, and not after a broken line',
  async (t) => {
    const limits = { messagesPerSecond: 100, messageBurst: 1 }
    const hub = await startedHub(t, { limits: { websocket: limits } })
    const watcher = await talkTo(t, hub)
    const polite = await talkTo(t, hub)
    for (let number = 0; number < 5; number++) polite.send('polite/-', number)
    polite.websocket.close()
    await watcher.frames.next(([topic, payload]) => topic === 'polite/-' && payload === 4)
    const rude = await talkTo(t, hub)
    for (let number = 0; number < 20; number++) rude.send('rude/-', number)
    await watcher.frames.next(([topic]) => topic === 'rude/-')
    rude.websocket.terminate()
    await delay(300)
    t.ok(watcher.frames.items.filter(([topic]) => topic === 'rude/-').length < 20)
  },
)
