import t, { type Test } from 'tap'
import { hashPassword } from '../../src/access/passwords.ts'
import { startedWith, subscribed } from '../changing-users.ts'
import { ask } from '../dialects/asked-json.ts'
import {
  accepted,
  connectPacket,
  isPublish,
  publishPacket,
  rawMqttTo,
  resumed,
  settled,
} from '../raw-mqtt.ts'
import type { StartedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

const dialects = (['deconz', 'jeedom'] as const).map((dialect) => ({ dialect, port: 0 }))

function portOf(hub: StartedHub, dialect: string): number {
  return hub.dialects.find((place) => place.dialect === dialect)?.port ?? 0
}

/** A client of `panel` has left a session, and somebody says something for it. */
async function leaveSession(t: Test, { hub, login }: Awaited<ReturnType<typeof startedWith>>) {
  const raw = await rawMqttTo(t, hub.mqttPort)
  raw.send(connectPacket({ ...login('panel'), clientId: 'app', clean: false }))
  await raw.next()
  await subscribed(raw, 'letters/#', 1)
  raw.stream.destroy()
  await hub.log.next(({ msg }) => msg === 'MQTT client gone')
  const other = await rawMqttTo(t, hub.mqttPort)
  other.send(connectPacket({ ...login('other'), clientId: 'other' }))
  await other.next()
  other.send(publishPacket('letters/a', { qos: 1, id: 1 }))
  await settled(other)
}

/** What is there for a client of `panel` that comes back: CONNACK, and messages. */
async function returned(
  t: Test,
  { hub, login }: Pick<Awaited<ReturnType<typeof startedWith>>, 'hub' | 'login'>,
) {
  const raw = await rawMqttTo(t, hub.mqttPort)
  raw.send(connectPacket({ ...login('panel'), clientId: 'app', clean: false }))
  await raw.next()
  await settled(raw)
  return { connack: raw.packets[0], messages: raw.packets.filter(isPublish).length }
}

const panel = { role: 'operator', created: '2026-01-01T00:00:00Z' }
const anew = { role: 'operator', created: '2026-02-02T00:00:00Z' }
const other = { role: 'operator' }

t.test('F62: who is made anew under an old name finds no session and no queue', async (t) => {
  const started = await startedWith(t, { panel, other })
  await leaveSession(t, started)
  await started.changed({ other })
  await started.changed({ panel, other })
  t.same(await returned(t, started), { connack: accepted, messages: 0 }, 'removed, and made')
  await leaveSession(t, started)
  await started.changed({ panel: anew, other })
  t.same(await returned(t, started), { connack: accepted, messages: 0 }, 'in one change')
  await leaveSession(t, started)
  await started.changed({ panel: { ...anew, role: 'viewer' }, other })
  t.same(await returned(t, started), { connack: resumed, messages: 1 }, 'another role is the same')
})

t.test('F62: nor when that happened while the hub was not running', async (t) => {
  const data = { folder: `${testFolder(t)}/data` }
  const first = await startedWith(t, { panel, other }, { data })
  await leaveSession(t, first)
  await first.hub.close()
  const same = await startedWith(t, { panel, other }, { data })
  t.same(await returned(t, same), { connack: resumed, messages: 1 })
  await leaveSession(t, same)
  await same.hub.close()
  const again = await startedWith(t, { panel: anew, other }, { data })
  t.same(await returned(t, again), { connack: accepted, messages: 0 })
})

t.test(
  'F62: a key of a dialect ends with the password, and by signing out everywhere',
  async (t) => {
    const password = await hashPassword('first-password')
    const started = await startedWith(t, { panel: { ...panel, password } }, { dialects })
    const { hub, changed } = started
    const deconz = portOf(hub, 'deconz')
    const jeedom = portOf(hub, 'jeedom')
    const basic = (secret: string) => ({ Authorization: `Basic ${btoa(`panel:${secret}`)}` })
    const deconzKey = async (secret: string) => {
      const body = { devicetype: `app ${secret}` }
      const made = await ask(deconz, ['POST', '/api'], { body, headers: basic(secret) })
      return made.body[0].success.username
    }
    const call = async (method: string, params: object) => {
      const body = { jsonrpc: '2.0', id: 1, method, params }
      return (await ask(jeedom, ['POST', '/core/api/jeeApi.php'], { body })).body
    }
    const jeedomKey = async (secret: string) =>
      (await call('user::getHash', { login: 'panel', password: secret })).result
    const areGood = async (deconzKey: string, apikey: string) => [
      (await ask(deconz, ['GET', `/api/${deconzKey}/lights`])).status === 200,
      (await call('version', { apikey })).error === undefined,
    ]
    const keys = [await deconzKey('first-password'), await jeedomKey('first-password')] as const
    t.same(await areGood(...keys), [true, true])
    await changed({ panel: { ...panel, password: await hashPassword('second-password') } })
    t.same(await areGood(...keys), [false, false], 'with the password')
    const later = [await deconzKey('second-password'), await jeedomKey('second-password')] as const
    t.same(await areGood(...later), [true, true])
    const init = { method: 'POST', headers: basic('second-password') }
    await fetch(`http://127.0.0.1:${hub.httpPort}/logout-everywhere`, init)
    t.same(await areGood(...later), [false, false], 'everywhere')
  },
)

t.test(
  'keys of a user of the configuration are there after a restart, with its password',
  async (t) => {
    const data = { folder: `${testFolder(t)}/data` }
    const start = (password: string) =>
      startedWith(t, {}, { data, dialects, users: { ann: { password, role: 'viewer' } } })
    const isGood = async ({ hub }: { hub: StartedHub }, key: string) =>
      (await ask(portOf(hub, 'deconz'), ['GET', `/api/${key}/lights`])).status === 200
    const first = await start('first-password')
    const headers = { Authorization: `Basic ${btoa('ann:first-password')}` }
    const made = await ask(portOf(first.hub, 'deconz'), ['POST', '/api'], {
      body: { devicetype: 'app' },
      headers,
    })
    const key = made.body[0].success.username
    t.ok(await isGood(first, key))
    await first.hub.close()
    const same = await start('first-password')
    t.ok(await isGood(same, key))
    await same.hub.close()
    t.notOk(await isGood(await start('second-password'), key))
  },
)
