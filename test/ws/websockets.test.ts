import { once } from 'node:events'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { createHeartbeat } from '../../src/ws/websockets.ts'
import { startedHub, talkTo } from '../started-hub.ts'

function beating(t: Test) {
  const counters = createCounters()
  const clock = { nowMs: 0 }
  const heartbeat = createHeartbeat({
    limits: { pingSeconds: 20, pongSeconds: 10 },
    sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
    now: () => clock.nowMs,
  })
  t.teardown(heartbeat.close)
  const calls: string[] = []
  const socket = {
    isPaused: false,
    ping: () => calls.push('ping'),
    terminate: () => calls.push('terminate'),
  }
  const read = { bytes: 0 }
  const pulse = heartbeat.watch(socket, () => read.bytes)
  /** Lets time pass in the seconds of a hub that runs well. */
  const pass = (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      clock.nowMs += 1000
      heartbeat.tick()
    }
    return calls.splice(0)
  }
  return { heartbeat, clock, counters, calls, socket, read, pulse, pass }
}

t.test('who answers each ping stays', async (t) => {
  const { pass, pulse } = beating(t)
  t.same(pass(19), [])
  t.same(pass(1), ['ping'])
  pulse.alive()
  t.same(pass(19), [])
  t.same(pass(1), ['ping'])
})

t.test('F23: who withholds its pong is disconnected', async (t) => {
  const { pass, counters } = beating(t)
  t.same(pass(29), ['ping'])
  t.same(pass(1), ['terminate'])
  t.same(pass(100), [])
  t.same(counters.snapshot(), { 'websocket-no-pong': 1 })
})

t.test(
  'who is still sending a large message is there; who only drips is disconnected',
  async (t) => {
    const { pass, read } = beating(t)
    t.same(pass(20), ['ping'])
    for (let second = 0; second < 60; second++) {
      read.bytes += 2000
      t.same(pass(1), [])
    }
    const calls: string[] = []
    for (let second = 0; second < 25; second++) {
      read.bytes += 500
      calls.push(...pass(1))
    }
    t.same(calls, ['terminate'])
  },
)

t.test('F28: after a stall of the hub everybody gets a fresh deadline', async (t) => {
  const { pass, heartbeat, clock, calls } = beating(t)
  t.same(pass(29), ['ping'])
  clock.nowMs += 60_000
  heartbeat.tick()
  t.same(calls, [])
  t.same(pass(9), [])
  t.same(pass(1), ['terminate'])
})

t.test('who is not read by the hub itself is not disconnected for its silence', async (t) => {
  const { pass, socket } = beating(t)
  t.same(pass(20), ['ping'])
  socket.isPaused = true
  t.same(pass(60), [])
  socket.isPaused = false
  t.same(pass(10), ['terminate'])
})

t.test('who has left is not pinged', async (t) => {
  const { pass, pulse } = beating(t)
  pulse.stop()
  t.same(pass(60), [])
})

t.test(
  'F5: a websocket whose peer hangs is disconnected, and one that answers is not',
  async (t) => {
    const limits = { pingSeconds: 1, pongSeconds: 1 }
    const hub = await startedHub(t, { limits: { websocket: limits } })
    const healthy = await talkTo(t, hub)
    const { websocket } = await talkTo(t, hub)
    websocket.pause()
    const closed = once(websocket, 'close')
    await hub.log.next(({ kind }) => kind === 'websocket-no-pong')
    websocket.resume()
    await closed
    await healthy.settle()
  },
)
