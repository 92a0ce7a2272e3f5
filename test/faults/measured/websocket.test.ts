import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { checkConfig } from '../../../src/config.ts'
import type { Hub } from '../../../src/hub.ts'
import { mqttTo, startedHub, talkTo } from '../../started-hub.ts'
import { startControl } from '../control.ts'
import { startProxy } from '../proxy.ts'

/** The publisher of a flood is an honest client of a hub that allows it as much. */
const limits = { mqtt: { publishesPerSecond: 20_000, publishBurst: 20_000 } }

interface FloodOptions {
  readonly perSecond: number
  readonly bytes: number
  readonly topics: number
}

/** Publishes below `nodes/bridge/0/flood` until stopped; answers then how many it were. */
async function startFlood(t: Test, hub: Hub, { perSecond, bytes, topics }: FloodOptions) {
  const { client } = await mqttTo(t, hub)
  const filling = 'x'.repeat(bytes)
  const startMs = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) * perSecond) / 1000
    // After a pause of the test itself the rest is not made up for at once.
    for (let number = 0; number < perSecond / 50 && sent < due; number++) {
      client.publish(`nodes/bridge/0/flood/${sent % topics}`, JSON.stringify([sent++, filling]))
    }
  }, 5)
  t.teardown(() => clearInterval(timer))
  return {
    stop: () => {
      clearInterval(timer)
      return sent
    },
  }
}

async function websocketTo(t: Test, hub: Hub): Promise<WebSocket> {
  const url = `ws://clown:bigclown@127.0.0.1:${hub.httpPort}/talk/nodes/bridge/0`
  const websocket = new WebSocket(url)
  t.teardown(() => websocket.terminate())
  await once(websocket, 'open')
  return websocket
}

/** Websockets that read nothing any more. */
async function frozenOnes(t: Test, hub: Hub, count: number): Promise<WebSocket[]> {
  const all = await Promise.all(Array.from({ length: count }, () => websocketTo(t, hub)))
  for (const websocket of all) websocket.pause()
  return all
}

/** Counts what a healthy member of the same audience gets of the flood. */
async function countingOne(t: Test, hub: Hub) {
  const websocket = await websocketTo(t, hub)
  const seen: number[] = []
  websocket.on('message', (text) => {
    const [, number] = /^\["flood\/\d+",\[(\d+)/.exec(String(text)) ?? []
    if (number !== undefined) seen.push(Number(number))
  })
  return seen
}

async function until(isTrue: () => boolean, patienceMs: number): Promise<number> {
  const startMs = performance.now()
  while (!isTrue() && performance.now() - startMs < patienceMs) await delay(20)
  return performance.now() - startMs
}

const upTo = (count: number) => Array.from({ length: count }, (_, number) => number)

t.test('F6: frozen websockets are cut within 4 s, and healthy ones lose nothing', async (t) => {
  const hub = await startedHub(t, { limits, log: { level: 'info' } })
  const seen = await countingOne(t, hub)
  await frozenOnes(t, hub, 5)
  const control = await startControl(t, hub)
  const flood = await startFlood(t, hub, { perSecond: 4000, bytes: 1000, topics: 4000 })
  const isCut = () => hub.counters()['websocket-slow-consumer'] === 5
  const cutMs = await until(isCut, 10_000)
  t.ok(cutMs < 4000, `cut after ${cutMs} ms`)
  await delay(2000)
  const sent = flood.stop()
  const { p99LatencyMs } = await control.stop()
  t.ok(p99LatencyMs < 250, `p99 is ${p99LatencyMs} ms`)
  await until(() => seen.length >= sent, 5000)
  t.same(seen, upTo(sent))
})

t.test('F6: a websocket that reads again has the latest values and knows its loss', async (t) => {
  const hub = await startedHub(t, { limits })
  const [frozen] = await frozenOnes(t, hub, 1)
  t.ok(frozen)
  if (frozen === undefined) return
  const frames: [string, unknown][] = []
  frozen.on('message', (text) => frames.push(JSON.parse(String(text))))
  const control = await startControl(t, hub)
  const flood = await startFlood(t, hub, { perSecond: 4000, bytes: 1000, topics: 10 })
  await until(() => (hub.counters()['websocket-conflated'] ?? 0) > 0, 10_000)
  await delay(1000)
  const sent = flood.stop()
  await control.stop()
  frozen.resume()
  const seen = () =>
    frames.flatMap(([topic, payload]) =>
      topic.startsWith('flood/') && Array.isArray(payload) ? [Number(payload[0])] : [],
    )
  // The last of them may still have been on their way to the hub.
  await until(() => seen().at(-1) === sent - 1, 10_000)
  const numbers = seen()
  t.same(
    [...numbers].sort((one, other) => one - other),
    numbers,
    'what came is in order',
  )
  t.same(numbers.slice(-10), upTo(sent).slice(-10), 'the latest of each topic is there')
  const missed = frames.filter(([topic]) => topic === 'clown.talk/-/missed')
  t.equal(missed.length, 1)
  t.ok(numbers.length < sent)
  t.match(missed, [['clown.talk/-/missed', { count: Number }]])
  t.equal(hub.counters()['websocket-slow-consumer'], undefined)
})

t.test('F5: a websocket behind a dead connection is cut, and its place is free', async (t) => {
  const usual = checkConfig({ users: { clown: { password: 'bigclown' } } }).limits.websocket
  t.ok(usual.pingSeconds + usual.pongSeconds <= 30, 'unless configured, within 30 s')
  const websocket = { pingSeconds: 1, pongSeconds: 1 }
  // Three healthy clients, and the one that goes dead.
  const hub = await startedHub(t, { limits: { websocket, connections: { total: 4 } } })
  const control = await startControl(t, hub)
  const proxy = await startProxy(t, hub.httpPort)
  await talkTo(t, { ...hub, httpPort: proxy.port })
  await t.rejects(talkTo(t, hub), { message: /503/ })
  const startMs = performance.now()
  proxy.stopForwarding()
  await proxy.hubEnded
  const tookMs = performance.now() - startMs
  t.ok(tookMs < 4000, `cut after ${tookMs} ms`)
  t.equal(hub.counters()['websocket-no-pong'], 1)
  await talkTo(t, hub)
  await control.stop()
})

t.test('F6, F23: a frozen websocket that is given up is gone a second later', async (t) => {
  // Three healthy clients, the one that floods, and the frozen one.
  const hub = await startedHub(t, { limits: { ...limits, connections: { total: 5 } } })
  await frozenOnes(t, hub, 1)
  const control = await startControl(t, hub)
  const flood = await startFlood(t, hub, { perSecond: 4000, bytes: 1000, topics: 4000 })
  await until(() => hub.counters()['websocket-slow-consumer'] === 1, 10_000)
  const startMs = performance.now()
  flood.stop()
  const isFree = async () => {
    const headers = { Connection: 'close' }
    return (await fetch(`http://127.0.0.1:${hub.httpPort}/healthz`, { headers })).ok
  }
  t.equal(await isFree(), false, 'what waits for it holds its place')
  while (!(await isFree())) await delay(20)
  const tookMs = performance.now() - startMs
  t.ok(tookMs < 2500, `gone after ${tookMs} ms`)
  await control.stop()
})

t.test('F7: a hundred frozen websockets cost bounded memory, and time for nobody', async (t) => {
  const hub = await startedHub(t, { limits, log: { level: 'info' } })
  await frozenOnes(t, hub, 100)
  const control = await startControl(t, hub)
  const before = process.memoryUsage.rss()
  const flood = await startFlood(t, hub, { perSecond: 400, bytes: 8000, topics: 2000 })
  let peak = before
  const isCut = () => {
    peak = Math.max(peak, process.memoryUsage.rss())
    return hub.counters()['websocket-slow-consumer'] === 100
  }
  const cutMs = await until(isCut, 20_000)
  t.ok(isCut(), `${hub.counters()['websocket-slow-consumer']} cut after ${cutMs} ms`)
  flood.stop()
  const { p99LatencyMs } = await control.stop()
  t.ok(p99LatencyMs < 500, `p99 is ${p99LatencyMs} ms`)
  const grownMiB = (peak - before) / 1024 / 1024
  t.ok(grownMiB < 150, `grown by ${grownMiB} MiB`)
})
