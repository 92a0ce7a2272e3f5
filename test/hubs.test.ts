import { setTimeout as pause } from 'node:timers/promises'
import { connectAsync, type MqttClient } from 'mqtt'
import t, { type Test } from 'tap'
import type { ConfigInput } from '../src/config.ts'
import { createInbox } from './inbox.ts'
import { requireProgram, type StartedBroker, startMosquitto, startNats } from './programs.ts'
import { type LogLine, type StartedHub, startedHub } from './started-hub.ts'

const headers = {
  authorization: `Basic ${btoa('clown:bigclown')}`,
  'content-type': 'application/json',
}
const base = 'nodes/shared/0'

/** A node with relays, which does what it is told and notes it. */
async function nodeOn(t: Test, port: number) {
  const heard = createInbox<string>()
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 })
  t.teardown(() => client.endAsync(true))
  client.on('message', (topic, payload) => {
    const device = topic.replace(/\/set$/, '')
    client.publish(device, payload)
    heard.put(`${device.slice(base.length + 1)} ${payload}`)
  })
  await client.subscribeAsync(`${base}/relay/+/set`, { qos: 1 })
  return { client, heard }
}

async function post({ httpPort }: StartedHub, path: string, body: object) {
  const url = `http://127.0.0.1:${httpPort}/api/${path}`
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: answer.status, body: await answer.json() }
}

async function get({ httpPort }: StartedHub, path: string) {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/${path}`, { headers })
  const isJson = answer.headers.get('content-type')?.startsWith('application/json')
  return isJson ? answer.json() : answer.text()
}

/** What a hub says of a device. */
async function deviceAt(hub: StartedHub, topic: string) {
  const nodes: { devices: { topic: string }[] }[] = Object(await get(hub, 'api/nodes')).nodes
  return nodes.flatMap(({ devices }) => devices).find((device) => device.topic === topic)
}

type Pair = { client: MqttClient; first: StartedHub; second: StartedHub }

/** What each keeps for itself goes at both: the one that was not asked is told. */
async function forgotten({ client, first, second }: Pair) {
  const wet = `${base}/hygrometer/x`
  const recorded = async (isThere: boolean) => {
    for (const hub of [first, second]) {
      while (((await get(hub, `api/history?topic=${wet}&format=ndjson`)) !== '') !== isThere) {
        await pause(20)
      }
    }
  }
  const report = () => client.publishAsync(wet, '{"relative-humidity":[99,"%"]}', { qos: 1 })
  const tell = (told: unknown) =>
    client.publishAsync('hub/told', JSON.stringify({ from: 'c', told }), { qos: 1 })
  await report()
  await recorded(true)
  for (const told of [7, { what: 'forgotten' }, { what: 'replaced', old: 'x' }, { what: 7 }]) {
    await tell(told)
  }
  const { status, body } = await post(second, 'forget', { device: wet })
  t.match({ status, body }, { status: 200, body: { series: 1 } })
  await recorded(false)
  await report()
  await recorded(true)
  await tell({ what: 'reports-forgotten', user: 'nobody', topics: [wet] })
  await recorded(false)
}

/** The hub `a` goes first, then `b`. */
function hubBefore(t: Test, { url }: StartedBroker, hub: { name: string } & Partial<ConfigInput>) {
  const { name, ...config } = hub
  const rank = name.charCodeAt(0) - 'a'.charCodeAt(0)
  return startedHub(t, { bus: { url, hubs: { name, rank } }, ...config })
}

const owns = (line: LogLine) => line['event'] === 'ownership-changed' && line['owns'] === true
const ownsNoMore = (line: LogLine) => line['event'] === 'ownership-changed' && !line['owns']
const hasOwner = (line: LogLine) => line['event'] === 'owner-changed' && line['owner'] !== null

for (const [name, start] of [
  ['mosquitto', startMosquitto],
  ['nats-server', startNats],
] as const) {
  t.test(`of two hubs before ${name} one commands, and the other one asks it`, async (t) => {
    if (requireProgram(t, name) === undefined) return
    const broker = await start(t)
    const { heard, client } = await nodeOn(t, broker.port)
    const rules = [{ topic: `${base}/relay/#`, minIntervalMilliseconds: 60_000 }]
    const commands = { rules }
    const first = await hubBefore(t, broker, { name: 'a', commands })
    await first.log.next(owns)
    const second = await hubBefore(t, broker, { name: 'b', commands })
    await second.log.next(hasOwner)
    const device = `${base}/relay/x`
    for (const hub of [first, second]) {
      t.match(await get(hub, 'api/hubs'), { owner: 'a' })
      t.equal((await fetch(`http://127.0.0.1:${hub.httpPort}/api/hubs`)).status, 401)
    }
    await client.publishAsync('devices/tasmota/none/relay/1/set', '{"state":true}', { qos: 1 })
    const answer = await post(second, 'command', { device, payload: { state: false } })
    t.match(answer, { status: 200, body: { receipt: 'confirmed' } })
    t.equal(await heard.next(), 'relay/x {"state":false}')
    // All that is told of it is told at both.
    const log = await get(first, 'api/commands')
    t.match(log, { commands: [{ device, user: 'clown', way: 'http', receipt: 'confirmed' }] })
    t.match(await get(first, 'metrics'), /^clown_hub_owner 1$/m)
    t.match(await get(second, 'metrics'), /^clown_hub_owner_changes_total 1$/m)
    const again = await post(second, 'command', { device, payload: { state: true } })
    t.match(again.body, { receipt: 'refused', code: 'too-fast' })

    // What is changed at one of them is changed at the owner, for both.
    const lock = { device, reason: 'wet' }
    t.match(await post(second, 'lock', lock), { status: 200, body: { ...lock, by: 'clown' } })
    t.match(await post(second, 'lock', lock), { status: 409, body: { code: 'locked' } })
    t.match(await get(first, 'api/locks'), { locks: [lock] })
    const label = { device, title: 'Fan' }
    t.match(await post(second, 'label', label), { status: 200, body: label })
    for (const hub of [first, second]) t.match(await deviceAt(hub, device), { title: 'Fan' })
    const spare = `${base}/relay/y`
    await client.publishAsync(spare, '{"state":false}', { qos: 1, retain: true })
    const replaced = await post(second, 'replace', { old: device, new: spare })
    t.match(replaced, { status: 200, body: { lock: true, label: true } })
    t.match(await get(second, 'api/locks'), { locks: [{ ...lock, device: spare }] })
    t.match(await deviceAt(second, spare), { title: 'Fan' })
    t.match(await post(second, 'forget', { device: spare }), { status: 200, body: { label: true } })
    t.same(await get(first, 'api/locks'), { locks: [] })
    t.equal((await post(second, 'lock', lock)).status, 200)
    await forgotten({ client, first, second })
    await first.close()
    await second.log.next(owns)
    t.match(await get(second, 'api/locks'), { locks: [{ device, reason: 'wet', by: 'clown' }] })
    const refused = await post(second, 'command', { device, payload: { state: true } })
    t.match(refused.body, { receipt: 'refused', code: 'locked' })
    t.equal((await post(second, 'unlock', { device })).status, 200)
    const early = await post(second, 'command', { device, payload: { state: true } })
    t.match(early.body, { receipt: 'refused', code: 'too-fast' })
    t.equal(second.log.items.filter(ownsNoMore).length, 0)
    t.equal(heard.items.length, 1)
  })
}

t.test('a hub whose place is taken yields, and takes it back when it is free', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const broker = await startMosquitto(t)
  const hub = await hubBefore(t, broker, { name: 'a' })
  await hub.log.next(owns)
  const thief = await connectAsync(broker.url, { clientId: 'clown-hub-owner', reconnectPeriod: 0 })
  await hub.log.next(ownsNoMore)
  const device = `${base}/relay/x`
  const { body } = await post(hub, 'command', { device, payload: { state: true } })
  t.match(body, { receipt: 'refused', code: 'no-owner' })
  await thief.endAsync(true)
  await hub.log.next(owns)
  await broker.stop()
  await hub.log.next(ownsNoMore)
})
