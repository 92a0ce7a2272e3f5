import t, { type Test } from 'tap'
import type { User } from '../../../src/access/user.ts'
import { HubError } from '../../../src/core/errors.ts'
import type { DeviceOrigin } from '../../../src/nodes/profiles/publishers.ts'
import { checkTrusted, type TrustParts } from '../../../src/nodes/profiles/trust.ts'
import { changingDirectory } from '../../access/changing-directory.ts'
import { publish, requireProgram } from '../../programs.ts'
import { clown } from '../../senders.ts'
import { mqttTo, startedHub, talkTo } from '../../started-hub.ts'

const everything = ['read', 'write', 'command', 'retain'] as const
const users = {
  clown: { password: 'bigclown', role: 'admin' },
  // Announces devices whose commands it may not read.
  eve: { password: 'evil', rules: [{ allow: ['write'], topic: 'node/#' }] },
  ann: { password: 'secret', rules: [{ allow: everything, topic: 'devices/#' }] },
  garage: { password: 'secret', role: 'node', base: 'node/garage' },
} as const

const relayOf = (node: string) => `devices/hardwario/${node}/relay/-`

/** A hub, whose clients are mosquitto's, and a way to command a device as somebody and to read what becomes of it. */
async function opened(t: Test) {
  const hub = await startedHub(t, { users })
  const say = (user: 'clown' | 'eve', topic: string, payload: string) =>
    publish({ port: hub.mqttPort, user, password: users[user].password, topic, payload })
  const page = await talkTo(t, hub, '/talk')
  return { hub, say, page }
}

t.test('a command goes nowhere its announcer may not read', async (t) => {
  if (requireProgram(t, 'mosquitto_pub') === undefined) return
  const { say, page } = await opened(t)
  await say('eve', 'node/front-door/relay/-/state', 'false')
  await page.on(relayOf('front-door'))
  page.send(`${relayOf('front-door')}/set`, true)
  const [, error] = await page.on(`${relayOf('front-door')}/set/error`)
  t.match(error, { code: 'forbidden', message: /"eve", who says so, may not read/ })
})

t.test('a command goes to no device of a node that is somebody else', async (t) => {
  if (requireProgram(t, 'mosquitto_pub') === undefined) return
  const { say, page } = await opened(t)
  await say('clown', 'node/garage/relay/-/state', 'false')
  await page.on(relayOf('garage'))
  page.send(`${relayOf('garage')}/set`, true)
  const [, error] = await page.on(`${relayOf('garage')}/set/error`)
  t.match(error, { code: 'forbidden', message: /a device of the node "node\/garage"/ })
})

t.test('a command goes nowhere its sender may not write, and nobody else reports', async (t) => {
  if (requireProgram(t, 'mosquitto_pub') === undefined) return
  const { hub, say, page } = await opened(t)
  await say('clown', 'node/lamp/relay/-/state', 'false')
  await page.on(relayOf('lamp'))
  const ann = { username: 'ann', password: 'secret', protocolVersion: 5 } as const
  const { client } = await mqttTo(t, hub, ann)
  const sent = client.publishAsync(`${relayOf('lamp')}/set`, 'true', { qos: 1 })
  await t.rejects(sent, { code: 0x87 })
  page.send(relayOf('lamp'), { state: true })
  const [, error] = await page.on(`${relayOf('lamp')}/error`)
  t.match(error, { code: 'forbidden', message: /expected the hub alone to report/ })
})

const known: User[] = [
  { name: 'clown', role: 'admin', rules: [], tokens: [] },
  { name: 'ann', rules: [{ allow: ['write'], topic: 'node/#' }], tokens: [] },
  { name: 'garage', role: 'node', base: 'door/garage', rules: [], tokens: [] },
]

/** Why nobody may command a device on `topic` that these have announced; undefined where it may be done. */
function distrustOf(
  topic: string,
  origin: Partial<DeviceOrigin>,
  believed?: readonly string[],
): string | undefined {
  const parts: TrustParts = {
    believed,
    directory: changingDirectory(...known),
    presence: {
      bases: () => ['door/garage'],
      maySpeakFor: (_base, user) => user === 'garage',
    },
    bases: { binds: (device) => device.startsWith('nodes/') },
    isOfProfiles: (on) => on.startsWith('devices/'),
  }
  try {
    checkTrusted(topic, { sender: clown, origin: { by: [], topics: [], ...origin } }, parts)
    return undefined
  } catch (error) {
    return error instanceof HubError && error.code === 'forbidden' ? error.message : 'a defect'
  }
}

t.test('no announcement makes the hub speak where no device listens', async (t) => {
  const by = [{ user: 'clown' }]
  for (const topic of ['', 'node/+/set', '#', 'devices/homie/lamp/light/-/set']) {
    t.match(distrustOf(topic, { by }), /no device is commanded there$/, topic)
  }
  t.equal(distrustOf('node/lamp/command', { by }), undefined)
})

t.test('whoever may have announced a device has to be able to read its commands', async (t) => {
  const topic = 'lamp/command'
  const distrusted: readonly (readonly [Partial<DeviceOrigin>, string])[] = [
    [{}, '"nobody knows who"'],
    [{ by: [{ user: 'clown' }, { user: 'gone' }] }, '"gone"'],
    [{ by: [{ user: 'ann', clientId: 'plug' }] }, '"ann"'],
    [{ topics: ['node/lamp'] }, '"ann"'],
    [{ by: [{ user: 'clown' }], topics: ['other/lamp', 'node/lamp'] }, '"ann"'],
  ]
  for (const [origin, who] of distrusted) {
    t.match(distrustOf(topic, origin), `${who}, who says so, may not read what is said there`)
  }
  t.equal(distrustOf(topic, { topics: ['other/lamp'] }), undefined, 'only clown may have said so')
})

t.test('devices of a node are announced by itself alone', async (t) => {
  const [clownSaid, garageSaid] = [{ user: 'clown' }, { user: 'garage' }]
  const own = 'door/garage/relay/0/set'
  t.equal(distrustOf(own, { by: [garageSaid] }), undefined)
  const ofGarage = /it is a device of the node "door\/garage"$/
  t.match(distrustOf(own, { by: [clownSaid] }), ofGarage)
  t.match(distrustOf(own, { by: [garageSaid, clownSaid] }), ofGarage)
  t.match(distrustOf(own, { topics: ['other/lamp'] }), ofGarage)
  const ofNode = distrustOf('nodes/bridge/0/relay/0/set', { by: [clownSaid] })
  t.match(ofNode, /it is a device of the node "nodes\/bridge\/0"$/)
  t.equal(distrustOf('other/lamp/set', { by: [clownSaid] }), undefined, 'of no node')
})

t.test(
  'on a broker of somebody else announcements are believed where that is configured',
  async (t) => {
    const believed = ['homeassistant']
    const said = (...topics: string[]) => distrustOf('lamp/command', { topics }, believed)
    t.equal(said('homeassistant/light/lamp/config'), undefined)
    t.equal(said('lamp/announce'), undefined, 'who speaks there may speak there')
    t.match(said('lamp/announce', 'other/lamp'), /bus\.trust has nothing about "other\/lamp"$/)
    t.match(said(), /nobody has said so$/)
    t.match(distrustOf('lamp/command', { by: [{ user: 'ann' }] }, believed), /"ann", who says so/)
  },
)
