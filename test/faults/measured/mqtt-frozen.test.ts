import { once } from 'node:events'
import type { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { Qos } from '../../../src/core/message.ts'
import { atLength } from '../../full-length.ts'
import { type HubProcess, type HubReport, hubProcess } from '../../hub-process.ts'
import { type RawMqtt, rawMqttTo, signedIn, subscribePacket } from '../../raw-mqtt.ts'
import { mqttTo } from '../../started-hub.ts'
import { startControl } from '../control.ts'

const mebibyte = 1024 * 1024

/** Frozen clients subscribe to it, and one healthy client of each kind. */
const busyTopic = 'nodes/bridge/0/busy/-'
const messageBytes = 1000
const perSecond = 4000

/** How long the load goes on before anything is measured: until all code has run often. */
const warmUpMs = atLength(3000, 1500)

/** What one load of messages needs; clients of their own have a lower rate. */
const limits = { mqtt: { publishesPerSecond: 2 * perSecond, publishBurst: 2 * perSecond } }

t.test('F6: a frozen MQTT subscriber costs nobody anything, and catches up', async (t) => {
  const hub = await hubProcess(t, { limits })
  const load = await startLoad(t, hub)
  await wait(warmUpMs)
  const before = await hub.report()
  const control = await startControl(t, hub)
  const frozen = await frozenMqtt(t, hub)
  // About 4 MB go into the buffers of the kernel before the hub sees that somebody does not read.
  await untilBehind(hub, 1)
  await wait(1000)
  const after = await hub.report()
  t.ok(after.residentBytes - before.residentBytes < 16 * mebibyte, growth(before, after))
  const { sent } = await load.stop(t)
  const { p99LatencyMs } = await control.stop()
  t.ok(p99LatencyMs < 250, `p99 of the healthy is ${p99LatencyMs} ms`)
  const latest = untilText(frozen.stream, `[${sent - 1},"`)
  frozen.stream.resume()
  await latest
  t.pass('it has the latest message')
})

t.test('F7: a hundred frozen MQTT subscribers at once cost at most 150 MiB', async (t) => {
  const hub = await hubProcess(t, { limits })
  const load = await startLoad(t, hub)
  await wait(warmUpMs)
  const before = await hub.report()
  await Promise.all(Array.from({ length: 100 }, () => frozenMqtt(t, hub)))
  const control = await startControl(t, hub)
  await untilBehind(hub, 100)
  const { p99LatencyMs } = await control.stop()
  t.ok(p99LatencyMs < 500, `p99 of the healthy is ${p99LatencyMs} ms`)
  const { peakBytes } = await hub.report()
  const grownMiB = (peakBytes - before.peakBytes) / mebibyte
  t.ok(grownMiB < 150, `at most ${grownMiB.toFixed(1)} MiB more`)
  await load.stop(t)
})

t.test('F7: those who acknowledge nothing are cut, and cost at most 150 MiB', async (t) => {
  const hub = await hubProcess(t, { limits })
  const load = await startLoad(t, hub, { qos: 1 })
  await wait(warmUpMs)
  const before = await hub.report()
  await Promise.all(Array.from({ length: 50 }, () => frozenMqtt(t, hub, 1)))
  await untilCounted(hub, 'mqtt-slow-consumer', 50)
  const { peakBytes } = await hub.report()
  const grownMiB = (peakBytes - before.peakBytes) / mebibyte
  t.ok(grownMiB < 150, `at most ${grownMiB.toFixed(1)} MiB more`)
  await load.stop(t)
})

t.test('aedes#1060, F6: five frozen clients of each kind rob six healthy of nothing', async (t) => {
  const hub = await hubProcess(t, { limits })
  const load = await startLoad(t, hub, { each: 3 })
  await wait(warmUpMs)
  const before = await hub.report()
  const control = await startControl(t, hub)
  for (let at = 0; at < 5; at++) {
    await frozenMqtt(t, hub)
    const websocket = await talk(t, hub)
    websocket.pause()
  }
  await wait(atLength(5000, 2000))
  const middle = await hub.report()
  await wait(atLength(7000, 2000))
  const after = await hub.report()
  t.ok(middle.residentBytes - before.residentBytes < 32 * mebibyte, growth(before, middle))
  t.ok(after.residentBytes - middle.residentBytes < 16 * mebibyte, growth(middle, after))
  // On one topic the latest value is all that waits for who is frozen.
  t.equal(after.counters['mqtt-conflated'], 5)
  t.equal(after.counters['websocket-conflated'], 5)
  const { sent } = await load.stop(t)
  t.ok(sent > atLength(12, 4) * perSecond, `${sent} messages were published`)
  await control.stop()
})

let frozenClients = 0

/** Subscribes, and reads no more. */
async function frozenMqtt(t: Test, hub: HubProcess, qos: Qos = 0): Promise<RawMqtt> {
  const clientId = `frozen-${frozenClients++}`
  const raw = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId })
  raw.send(subscribePacket([busyTopic], qos))
  await raw.next()
  raw.stream.pause()
  return raw
}

async function talk(t: Test, hub: HubProcess): Promise<WebSocket> {
  const url = `ws://clown:bigclown@127.0.0.1:${hub.httpPort}/talk/nodes/bridge/0`
  const websocket = new WebSocket(url)
  websocket.on('error', () => {})
  t.teardown(() => websocket.terminate())
  await once(websocket, 'open')
  return websocket
}

/** Waits until the hub has left something out for `count` clients. */
function untilBehind(hub: HubProcess, count: number): Promise<void> {
  return untilCounted(hub, 'mqtt-conflated', count)
}

/** Waits until a counter has come to `count`, at most 60 seconds. */
async function untilCounted(hub: HubProcess, counter: string, count: number): Promise<void> {
  const deadlineMs = performance.now() + 60_000
  while (performance.now() < deadlineMs) {
    const counters = await hub.counters()
    if ((counters[counter] ?? 0) >= count) return
    await wait(50)
  }
  throw new Error(`expected ${counter} to be ${count} within 60 seconds`)
}

/** Resolves when `text` has come, wherever it is in all that comes. */
function untilText(stream: Readable, text: string): Promise<void> {
  return new Promise((resolve) => {
    let end = ''
    stream.on('data', (chunk: Buffer) => {
      const read = end + chunk.toString('latin1')
      if (read.includes(text)) resolve()
      end = read.slice(-text.length)
    })
  })
}

function growth(before: HubReport, after: HubReport): string {
  return `${((after.residentBytes - before.residentBytes) / mebibyte).toFixed(1)} MiB more`
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

interface Load {
  /** Ends the load; each healthy client has to have all of it, in order. */
  stop(t: Test): Promise<{ sent: number }>
}

const burstIntervalMs = 10

interface LoadOptions {
  /** How many healthy clients of each kind there are. */
  readonly each?: number
  readonly qos?: Qos
}

/** Numbered messages of 1 kB, 4,000 a second, to healthy clients. */
async function startLoad(
  t: Test,
  hub: HubProcess,
  { each: count = 1, qos = 0 }: LoadOptions = {},
): Promise<Load> {
  const each = Array.from({ length: count })
  const websockets = await Promise.all(each.map(() => countByWebSocket(t, hub)))
  const mqttClients = await Promise.all(each.map(() => countByMqtt(t, hub)))
  const healthy = [...websockets, ...mqttClients]
  const publisher = await mqttTo(t, hub)
  let sent = 0
  const startMs = performance.now()
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) / 1000) * perSecond
    for (; sent < due; sent++) {
      publisher.client.publish(busyTopic, numbered(sent), { qos })
    }
  }, burstIntervalMs)
  t.teardown(() => clearInterval(timer))
  return {
    stop: async (t) => {
      clearInterval(timer)
      const deadlineMs = performance.now() + 10_000
      const isBehind = () => healthy.some(({ next }) => next() < sent)
      while (isBehind() && performance.now() < deadlineMs) await wait(50)
      const all = each.map(() => sent)
      const seenBy = (counts: Count[]) => counts.map(({ next }) => next())
      t.same(seenBy(mqttClients), all, 'the healthy MQTT clients have all messages in order')
      t.same(seenBy(websockets), all, 'the healthy websockets have all messages in order')
      return { sent }
    },
  }
}

async function countByWebSocket(t: Test, hub: HubProcess): Promise<Count> {
  const count = createCount()
  const websocket = await talk(t, hub)
  websocket.on('message', (frame) => {
    const [, number] = /^\["busy\/-",\[(\d+),/.exec(String(frame)) ?? []
    if (number !== undefined) count.saw(Number(number))
  })
  return count
}

async function countByMqtt(t: Test, hub: HubProcess): Promise<Count> {
  const count = createCount()
  const { client } = await mqttTo(t, hub)
  client.on('message', (_topic, payload) => count.saw(JSON.parse(String(payload))[0]))
  await client.subscribeAsync(busyTopic)
  return count
}

function numbered(number: number): string {
  return `[${number},"${'x'.repeat(messageBytes - 12)}"]`
}

interface Count {
  /** The number that is expected next. */
  next(): number
  saw(number: number): void
}

/** Counts messages that come in order, and none after one was missing. */
function createCount(): Count {
  let next = 0
  return {
    next: () => next,
    saw: (number: number) => {
      if (number === next) next++
    },
  }
}
