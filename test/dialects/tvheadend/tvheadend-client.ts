import { once } from 'node:events'
import { connectAsync } from 'mqtt'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import type { ConfigInput } from '../../../src/config.ts'
import { createInbox } from '../../inbox.ts'
import type { StartedHub } from '../../started-hub.ts'
import type { Entry } from '../served-context.ts'
import { startedDialect } from '../served-contract.ts'

export const relay = 'nodes/bridge/0/relay/i2c0-3b'

export interface Told {
  readonly notificationClass: string
  readonly [field: string]: unknown
}

export interface Batch {
  readonly boxid?: string
  readonly messages: readonly Told[]
}

export const users = {
  clown: { password: 'bigclown', role: 'admin', digest: true },
  viewer: { password: 'viewer', role: 'viewer' },
} as const

/** A hub that speaks Tvheadend, by default to whoever comes from here as clown. */
export async function started(
  t: Test,
  entry: Partial<Entry> = { guest: { user: 'clown' } },
  config: Partial<ConfigInput> = {},
) {
  const dialects = [{ dialect: 'tvheadend', port: 0, ...entry } as const]
  const { hub, port } = await startedDialect(t, 'tvheadend', { users, dialects, ...config })
  return { hub, port, url: `http://127.0.0.1:${port}` }
}

/** An MQTT client of this id, ended at teardown. */
export async function mqttAs(t: Test, hub: StartedHub, clientId: string) {
  const login = { username: 'clown', password: 'bigclown', reconnectPeriod: 0, clientId }
  const client = await connectAsync(`mqtt://127.0.0.1:${hub.mqttPort}`, login)
  t.teardown(() => client.endAsync(true))
  return client
}

/** Publishes what a node reports, and resolves when the hub has it. */
export async function report(hub: StartedHub, topic: string, payload: unknown): Promise<void> {
  const login = { username: 'clown', password: 'bigclown', reconnectPeriod: 0 }
  const client = await connectAsync(`mqtt://127.0.0.1:${hub.mqttPort}`, login)
  await client.publishAsync(topic, JSON.stringify(payload), { qos: 1 })
  await client.endAsync()
}

export async function connected(
  t: Test,
  port: number,
  { boxid = '', headers = {}, offered = [] as string[] } = {},
) {
  const query = boxid === '' ? '' : `?boxid=${boxid}`
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/comet/ws${query}`, offered, { headers })
  t.teardown(() => websocket.terminate())
  const batches = createInbox<Batch>()
  const told = createInbox<Told>()
  websocket.on('message', (data) => {
    const batch: Batch = JSON.parse(String(data))
    batches.put(batch)
    for (const message of batch.messages) told.put(message)
  })
  await once(websocket, 'open')
  const of = (notificationClass: string, matches = (_: Told): unknown => true) =>
    told.next((one) => one.notificationClass === notificationClass && Boolean(matches(one)))
  return { websocket, batches, told, of }
}

export const isRelayOn = ({ topic, payload }: Told) =>
  topic === relay && JSON.stringify(payload) === '{"state":true}'

export interface List {
  readonly totalCount: number
  readonly entries: readonly Readonly<Record<string, unknown>>[]
}

/** The JSON that a call answers. */
export async function called<T>(url: string, init?: RequestInit): Promise<T> {
  return JSON.parse(await (await fetch(url, init)).text())
}
