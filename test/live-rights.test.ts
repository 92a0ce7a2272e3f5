import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { hashPassword } from '../src/access/passwords.ts'
import { usersFile, writePrivate } from './access/users.ts'
import { createInbox } from './inbox.ts'
import { type Frame, type HubPorts, mqttTo, startedHub } from './started-hub.ts'

const node = { password: 'bigclown', role: 'node', base: 'nodes/bridge/0' } as const
const viewer = { password: 'bigclown', role: 'viewer' } as const
const operator = { password: 'bigclown', role: 'operator' } as const
const ground = { password: 'bigclown', rules: [{ allow: ['read'], topic: 'ground/#' }] } as const

/** What the issue promises for a change to count, and what a busy machine may add. */
const soonMs = 1000

/** A websocket on complete topics, signed in as `user`. */
async function talkAs(t: Test, hub: HubPorts, user: string) {
  const websocket = new WebSocket(`ws://${user}:bigclown@127.0.0.1:${hub.httpPort}/talk`)
  const frames = createInbox<Frame>()
  websocket.on('message', (text) => frames.put(JSON.parse(String(text))))
  t.teardown(() => websocket.terminate())
  await once(websocket, 'open')
  return { websocket, frames, send: (frame: Frame) => websocket.send(JSON.stringify(frame)) }
}

t.test('a websocket is told what it may not publish, and nobody else is', async (t) => {
  const hub = await startedHub(t, { users: { viewer, operator } })
  const [one, two] = [await talkAs(t, hub, 'viewer'), await talkAs(t, hub, 'operator')]
  one.send(['nodes/bridge/0/relay/0/set', { state: true }])
  const [topic, payload] = await one.frames.next()
  t.equal(topic, 'nodes/bridge/0/relay/0/set/error')
  t.match(payload, { code: 'forbidden', message: /no rule allows command/ })
  two.send(['nodes/bridge/0/relay/0/set', { state: false }])
  t.same(await two.frames.next(), ['nodes/bridge/0/relay/0/set', { state: false }])
})

t.test('an MQTT message without a right is acknowledged and dropped', async (t) => {
  const hub = await startedHub(t, { users: { node, operator } })
  const watcher = await mqttTo(t, hub, { username: 'operator', filter: '#' })
  const { client } = await mqttTo(t, hub, { username: 'node' })
  await client.publishAsync('nodes/bridge/1/led/-', '1', { qos: 1 })
  await client.publishAsync('nodes/bridge/0/led/-/set', '{"state":"on"}', { qos: 1 })
  await client.publishAsync('nodes/bridge/0/led/-', '2', { qos: 1 })
  t.match(await watcher.messages.next(), { topic: 'nodes/bridge/0/led/-' })
  t.equal(watcher.messages.items.length, 1)
  t.equal(hub.counters()['right-missing'], 2)
  for (const filter of ['nodes/bridge/1/led/-/set', 'nodes/bridge/0/led/-', '#']) {
    await t.rejects(client.subscribeAsync(filter), filter)
  }
})

t.test('what arrives is what the rules let through, whatever was subscribed to', async (t) => {
  const hub = await startedHub(t, { users: { ground, operator } })
  const page = await talkAs(t, hub, 'ground')
  const tool = await mqttTo(t, hub, { username: 'ground', filter: '+/lamp' })
  const { client } = await mqttTo(t, hub, { username: 'operator' })
  await client.publishAsync('attic/lamp', '1', { qos: 1 })
  await client.publishAsync('ground/lamp', '2', { qos: 1 })
  t.same(await page.frames.next(), ['ground/lamp', 2])
  t.match(await tool.messages.next(), { topic: 'ground/lamp' })
})

t.test('two users may use the same client id and never notice', async (t) => {
  const hub = await startedHub(t, { users: { node, operator } })
  const clientId = 'bridge'
  const first = await mqttTo(t, hub, { username: 'operator', clientId, filter: 'a' })
  const second = await mqttTo(t, hub, { username: 'node', clientId })
  t.ok(second.client.connected)
  await first.client.publishAsync('a', 'still here', { qos: 1 })
  t.equal(String((await first.on('a')).payload), 'still here')
})

t.test('who is removed or loses a right in the users file loses it within a second', async (t) => {
  const hash = await hashPassword('bigclown')
  const withRole = (role: string) => `users: { tool: { password: "${hash}", role: ${role} } }`
  const file = usersFile(t, withRole('operator'))
  const hub = await startedHub(t, { users: {}, usersFile: file })
  const page = await talkAs(t, hub, 'tool')
  const tool = await mqttTo(t, hub, { username: 'tool', filter: 'a/#' })
  page.send(['a/b', 1])
  await tool.on('a/b')

  writePrivate(file, withRole('viewer'))
  await hub.log.next(({ msg }) => msg === 'the users file has changed')
  page.send(['a/c', 2])
  const refusal = await page.frames.next(([topic]) => topic === 'a/c/error')
  t.match(refusal, ['a/c/error', { code: 'forbidden' }])

  const startedAtMs = performance.now()
  const ended = once(page.websocket, 'close')
  writePrivate(file, 'users: {}')
  await Promise.all([ended, tool.closed])
  t.ok(performance.now() - startedAtMs < soonMs)
})
