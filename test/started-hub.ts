import { once } from 'node:events'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { pino } from 'pino'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import type { ConfigInput } from '../src/config.ts'
import { type Hub, type HubOptions, startHub } from '../src/hub.ts'
import { createInbox, type Inbox } from './inbox.ts'

export interface LogLine {
  readonly kind?: string
  readonly msg: string
  readonly [field: string]: unknown
}

export interface StartedHub extends Hub {
  readonly log: Inbox<LogLine>
}

const clown = { password: 'bigclown', role: 'admin' } as const

/** Users of a hub that lets in whoever gives no credentials, too. */
export const everybody = { clown, anonymous: { role: 'admin' } } as const

/** A hub inside a test shares its memory with the test and the compiler. */
const roomy = { mib: 8192 }

/** Where a hub is to be reached. */
export type HubPorts = Pick<Hub, 'httpPort' | 'mqttPort'>

/** What the hub says of a mistake of its own, whoever provoked it. */
const ownMistakes = ['defects', 'http-failed', 'profile-failed']

interface StartOptions extends Pick<HubOptions, 'isLab' | 'announceEveryMs'> {
  /** The test is about mistakes of the hub; every other one fails by one. */
  readonly isMistaken?: true
}

/** A hub on free loopback ports, with the user of the founding documents, closed at teardown. */
export async function startedHub(
  t: Test,
  config: Partial<ConfigInput> = {},
  { isMistaken, ...options }: StartOptions = {},
): Promise<StartedHub> {
  const log = createInbox<LogLine>()
  const lines = { write: (line: string) => log.put(JSON.parse(line)) }
  const input: ConfigInput = {
    http: { port: 0 },
    ...(config.bus === undefined && { mqtt: { port: 0 } }),
    users: { clown },
    ...config,
    limits: { memory: roomy, ...config.limits },
  }
  const hub = await startHub(input, { ...options, log: pino({ level: 'debug' }, lines) })
  t.teardown(async () => {
    await hub.close()
    const mistake = log.items.find(({ kind = '' }) => ownMistakes.includes(kind))
    if (mistake && !isMistaken)
      throw new Error(`expected no defect, got ${JSON.stringify(mistake)}`)
  })
  return { ...hub, log }
}

export type Frame = [topic: string, payload: unknown, options?: Record<string, unknown>]

export interface TalkClient {
  readonly websocket: WebSocket
  /** Every frame that came, parsed; the raw texts are in `texts`. */
  readonly frames: Inbox<Frame>
  readonly texts: readonly string[]
  send(...frame: Frame): void
  /** The next frame on `topic`. */
  on(topic: string): Promise<Frame>
  /** Waits until everything sent so far was dealt with, and answers what came since the last time. */
  settle(): Promise<Frame[]>
}

/** A websocket that speaks Clown.Talk, signed in by its URL. */
export async function talkTo(
  t: Test,
  hub: HubPorts,
  path = '/auth/clown-talk-server_nodes_bridge_0',
): Promise<TalkClient> {
  return talkOver(t, new WebSocket(`ws://clown:bigclown@127.0.0.1:${hub.httpPort}${path}`))
}

/** The same on a websocket that signs in by itself; waits until it is open. */
export async function talkOver(t: Test, websocket: WebSocket): Promise<TalkClient> {
  const frames = createInbox<Frame>()
  const texts: string[] = []
  websocket.on('message', (text) => {
    texts.push(String(text))
    frames.put(JSON.parse(String(text)))
  })
  t.teardown(() => websocket.terminate())
  await once(websocket, 'open')
  let marks = 0
  let settled = 0
  const send = (...frame: Frame) => websocket.send(`${JSON.stringify(frame)}\n`)
  return {
    websocket,
    frames,
    texts,
    send,
    on: (topic) => frames.next((frame) => frame[0] === topic),
    settle: async () => {
      const mark = `mark/${marks++}/${Math.random()}`
      send(mark, {})
      await frames.next((frame) => frame[0] === mark)
      const all = frames.items.filter((frame) => !frame[0].startsWith('mark/'))
      const since = all.slice(settled)
      settled = all.length
      return since
    },
  }
}

export interface MqttMessage {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: number
  readonly retain: boolean
}

export interface MqttEnd {
  readonly client: MqttClient
  readonly messages: Inbox<MqttMessage>
  /** The next message on `topic`. */
  on(topic: string): Promise<MqttMessage>
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>
}

/** A client of the package mqtt over TCP, subscribed to `filter`, ended at teardown. */
export async function mqttTo(
  t: Test,
  hub: HubPorts,
  { filter = [], ...options }: IClientOptions & { filter?: string | string[] } = {},
): Promise<MqttEnd> {
  const client = await connectAsync(`mqtt://127.0.0.1:${hub.mqttPort}`, {
    username: 'clown',
    password: 'bigclown',
    reconnectPeriod: 0,
    ...options,
  })
  t.teardown(() => client.endAsync(true))
  const messages = createInbox<MqttMessage>()
  const closed = new Promise<void>((resolve) => client.once('close', resolve))
  client.on('message', (topic, payload, { qos, retain }) => {
    messages.put({ topic, payload, qos, retain })
  })
  if (filter.length > 0) await client.subscribeAsync(filter, { qos: 1 })
  const on = (topic: string) => messages.next((message) => message.topic === topic)
  return { client, messages, on, closed }
}
