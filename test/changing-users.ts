import type { Test } from 'tap'
import { createToken } from '../src/access/tokens.ts'
import type { ConfigInput } from '../src/config.ts'
import { usersFile, writePrivate } from './access/users.ts'
import {
  isPublish,
  publishPacket,
  type RawMqtt,
  readPublish,
  settled,
  subscribePacket,
} from './raw-mqtt.ts'
import { type StartedHub, startedHub, talkTo } from './started-hub.ts'
import { mqttWays } from './ways-in.ts'

/** How soon a change of the users file counts. */
export const promisedMs = 1000

const created = '2026-11-21T00:00:00Z'

type Entry = Record<string, unknown>

/** A hub with clown, an admin who stays, and users of a file, each with a token as password. */
export async function startedWith(
  t: Test,
  entries: Record<string, Entry>,
  config: Partial<ConfigInput> = {},
) {
  const { token: password, sha256 } = createToken()
  const textOf = (users: Record<string, Entry>) => {
    const all = Object.entries(users).map(([name, entry]) => {
      const tokens = [{ name: 'test', sha256, created }]
      return [name, name === 'anonymous' ? entry : { tokens, ...entry }]
    })
    return JSON.stringify({ users: Object.fromEntries(all) })
  }
  const file = usersFile(t, textOf(entries))
  const hub = await startedHub(t, { ...config, usersFile: file })
  const change = (users: Record<string, Entry>) => writePrivate(file, textOf(users))
  const changed = async (users: Record<string, Entry>) => {
    const startedMs = performance.now()
    change(users)
    await hub.log.next(({ msg }) => msg === 'the users file has changed')
    const tookMs = performance.now() - startedMs
    t.ok(tookMs < promisedMs, `it counts within a second: ${tookMs} ms`)
  }
  const login = (user: string) => ({ user, password })
  return { hub, login, change, changed }
}

/** A client that sees whatever goes on the bus; `seen` answers what was new since the last time. */
export async function watched(t: Test, hub: StartedHub) {
  const clown = { user: 'clown', password: 'bigclown' }
  const raw = await mqttWays['MQTT on TCP'](t, hub, { ...clown, clientId: 'watcher' })
  await subscribed(raw, '#')
  const talk = await talkTo(t, hub, '/talk')
  let taken = 0
  const seen = async () => {
    // It goes on the bus after all that the hub took from others before.
    talk.send('mark', {})
    await raw.next((packet) => isPublish(packet) && readPublish(packet).topic === 'mark')
    const topics = raw.packets
      .slice(taken)
      .filter(isPublish)
      .map((one) => readPublish(one).topic)
    taken = raw.packets.length
    return topics.filter((topic) => topic !== 'mark')
  }
  const publish = async (topic: string, fields = {}) => {
    raw.send(publishPacket(topic, fields))
    await settled(raw)
  }
  return { seen, publish }
}

export async function subscribed(raw: RawMqtt, filter: string, qos = 0): Promise<void> {
  raw.send(subscribePacket([filter], qos))
  await raw.next((packet) => packet.startsWith('90'))
}

export async function gone(hub: StartedHub, client: string): Promise<void> {
  await hub.log.next((line) => line.msg === 'MQTT client gone' && line['client'] === client)
}
