import { once } from 'node:events'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { type HubPorts, mqttTo } from '../started-hub.ts'

/** What the two healthy clients saw, and how long messages took to either: 99 of 100, and all. */
export interface ControlResult {
  readonly sent: number
  readonly websocket: number[]
  readonly mqtt: number[]
  readonly p99LatencyMs: number
  readonly worstLatencyMs: number
}

export interface Control {
  /** Ends the messages, waits for the last one, and asserts that both saw each, in order. */
  stop(): Promise<ControlResult>
}

const topic = 'nodes/bridge/0/control/-'
const linePattern = /^\["control\/-",(\d+)\]\n$/
const intervalMs = 10
const patienceMs = 60_000

/**
 * One healthy websocket and one healthy MQTT client. While a fault goes on around them, a numbered
 * message every 10 milliseconds has to reach both.
 */
export async function startControl(t: Test, hub: HubPorts): Promise<Control> {
  const sentAtMs: number[] = []
  const websocket = createReceiver(sentAtMs)
  const mqtt = createReceiver(sentAtMs)
  await listenByWebSocket(t, hub, websocket.receive)
  await listenByMqtt(t, hub, mqtt.receive)
  const { client } = await mqttTo(t, hub)
  const timer = setInterval(() => {
    sentAtMs.push(performance.now())
    client.publish(topic, String(sentAtMs.length))
  }, intervalMs)
  t.teardown(() => clearInterval(timer))
  return {
    stop: async () => {
      clearInterval(timer)
      const sent = sentAtMs.length
      await Promise.all([websocket.has(sent), mqtt.has(sent)])
      const expected = sentAtMs.map((_, index) => index + 1)
      t.same(websocket.numbers, expected, 'the healthy websocket saw every message, in order')
      t.same(mqtt.numbers, expected, 'the healthy MQTT client saw every message, in order')
      const latenciesMs = [...websocket.latenciesMs, ...mqtt.latenciesMs].sort((a, b) => a - b)
      const p99LatencyMs = latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? 0
      const worstLatencyMs = latenciesMs.at(-1) ?? 0
      const { numbers } = websocket
      return { sent, websocket: numbers, mqtt: mqtt.numbers, p99LatencyMs, worstLatencyMs }
    },
  }
}

function createReceiver(sentAtMs: readonly number[]) {
  const numbers: number[] = []
  const latenciesMs: number[] = []
  let look = () => {}
  return {
    numbers,
    latenciesMs,
    receive: (number: number) => {
      numbers.push(number)
      latenciesMs.push(performance.now() - (sentAtMs[number - 1] ?? 0))
      look()
    },
    /** Resolves when message `last` is there, or after 60 seconds: the assertion tells the rest. */
    has: (last: number) =>
      new Promise<void>((resolve) => {
        const deadline = setTimeout(resolve, patienceMs)
        look = () => {
          if (last > 0 && numbers.at(-1) !== last) return
          clearTimeout(deadline)
          resolve()
        }
        look()
      }),
  }
}

async function listenByWebSocket(t: Test, hub: HubPorts, receive: (number: number) => void) {
  const url = `ws://clown:bigclown@127.0.0.1:${hub.httpPort}/talk/nodes/bridge/0`
  const websocket = new WebSocket(url)
  t.teardown(() => websocket.terminate())
  websocket.on('message', (text) => {
    const [, number] = linePattern.exec(String(text)) ?? []
    if (number !== undefined) receive(Number(number))
  })
  await once(websocket, 'open')
}

async function listenByMqtt(t: Test, hub: HubPorts, receive: (number: number) => void) {
  const { client } = await mqttTo(t, hub)
  client.on('message', (_topic, payload) => receive(Number(String(payload))))
  await client.subscribeAsync(topic, { qos: 0 })
}
