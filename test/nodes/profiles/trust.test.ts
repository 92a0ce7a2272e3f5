import { setImmediate as turnOver } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { User } from '../../../src/access/user.ts'
import { HubError } from '../../../src/core/errors.ts'
import type { DeviceOrigin } from '../../../src/nodes/profiles/publishers.ts'
import { checkClaimed, checkTrusted, type TrustParts } from '../../../src/nodes/profiles/trust.ts'
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

/** A lamp as Home Assistant's integrations announce it, whose state is told on a topic. */
const lampOn = (topic: string) =>
  JSON.stringify({ unique_id: topic, state_topic: topic, command_topic: 'lamp/set' })

t.test('a config makes nobody read what is not for them, and takes no device away', async (t) => {
  const hub = await startedHub(t, {
    users: {
      clown: { password: 'bigclown', role: 'admin' },
      // Announces devices, and reads those of the hub and what everybody may.
      eve: {
        password: 'secret',
        rules: [
          { allow: everything, topic: 'homeassistant/#' },
          { allow: ['read'], topic: 'devices/#' },
          { allow: ['read'], topic: 'open/#' },
          { allow: ['read'], topic: 'house/#' },
          { allow: everything, topic: 'eve/#' },
        ],
      },
      house: { password: 'secret', role: 'node', base: 'house' },
    },
  })
  const page = await talkTo(t, hub, '/talk')
  const clown = await mqttTo(t, hub)
  const eve = await mqttTo(t, hub, { username: 'eve', password: 'secret', filter: 'devices/#' })
  const house = await mqttTo(t, hub, { username: 'house', password: 'secret' })
  const say = ({ client }: typeof eve, topic: string, payload: string) =>
    client.publishAsync(topic, payload, { qos: 1, retain: true })
  const devices = async () => {
    const headers = { authorization: `Basic ${btoa('clown:bigclown')}` }
    const answer = await fetch(`http://127.0.0.1:${hub.httpPort}/api/nodes`, { headers })
    const { nodes } = JSON.parse(await answer.text())
    return nodes.flatMap((node: { devices: { topic: string }[] }) =>
      node.devices.map(({ topic }) => topic),
    )
  }
  await say(clown, 'secret/door/state', 'ON')
  await say(clown, 'open/door/state', 'ON')
  await say(house, 'house/door/state', 'ON')
  const targets = ['secret/door/state', 'open/door/state', 'house/door/state', 'nodes/a/0/relay/b']
  await say(clown, 'nodes/a/0/relay/b', '{"state":true}')
  const before = await devices()
  for (const [at, target] of [...targets, 'devices/homie/lamp/light/-'].entries()) {
    await say(eve, `homeassistant/light/lamp${at}/config`, lampOn(target))
    while ((hub.counters()['profile-left-out'] ?? 0) <= at) await turnOver()
  }
  t.same(await devices(), before)
  await say(clown, 'secret/door/state', 'OFF')
  await page.on('secret/door/state')
  await page.on('secret/door/state')
  t.notOk(
    eve.messages.items.some(({ payload }) => payload.length > 0),
    'nothing of it is told elsewhere',
  )
  await say(eve, 'homeassistant/light/own/config', lampOn('eve/lamp'))
  await say(eve, 'eve/lamp', 'ON')
  await eve.messages.next(({ payload }) => payload.includes('true'))
  t.same(
    (await devices()).filter((topic: string) => topic.startsWith('eve')),
    [],
    'its own state is its own',
  )
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
    ownerOf: () => undefined,
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

/** Why nobody hears the state of a device that these have announced on `topic`; undefined where it may be heard. */
function claimOf(topic: string, origin: Partial<DeviceOrigin>, more: Partial<TrustParts> = {}) {
  const parts: TrustParts = {
    directory: changingDirectory(...known),
    presence: { bases: () => ['door/garage'], maySpeakFor: (_base, user) => user === 'garage' },
    bases: { binds: (device) => device.startsWith('nodes/') },
    isOfProfiles: (on) => on.startsWith('devices/'),
    ownerOf: (on) => (on === 'node/theirs' || on === 'lamp/state' ? 'garage' : undefined),
    ...more,
  }
  try {
    const about = { origin: { by: [], topics: [], ...origin }, isGeneric: true }
    checkClaimed(topic, about, parts)
    return undefined
  } catch (error) {
    return error instanceof HubError && error.code === 'forbidden' ? error.message : 'a defect'
  }
}

t.test('a state is heard only where who announced it may read, and of nobody else', async (t) => {
  const clownSaysSo = { by: [{ user: 'clown' }] }
  t.equal(claimOf('lamp/state', clownSaysSo), undefined, 'who may write there may say so')
  t.equal(claimOf('door/garage/state', { by: [{ user: 'garage' }] }), undefined)
  for (const [topic, origin, reason] of [
    ['lamp/state', { by: [{ user: 'ann' }] }, /"ann", who says so, may not read/],
    ['lamp/state', { by: [{ user: 'nobody' }] }, /"nobody", who says so, may not read/],
    ['lamp/state', { topics: ['node/config'] }, /"ann", who says so, may not read/],
    ['door/garage/state', clownSaysSo, /a device of the node "door\/garage"/],
    ['nodes/a/0/relay/b', clownSaysSo, /a device of the node "nodes\/a\/0"/],
    ['devices/homie/lamp/light/-', clownSaysSo, /only the hub reports there/],
  ] as const) {
    t.match(claimOf(topic, origin), reason, topic)
  }
  const reader: User = { name: 'eve', rules: [{ allow: ['read'], topic: '#' }], tokens: [] }
  const more = { directory: changingDirectory(reader) }
  t.match(claimOf('lamp/state', { by: [{ user: 'eve' }] }, more), /it is a device of "garage"/)
  t.equal(claimOf('lamp/other', { by: [{ user: 'eve' }] }, more), undefined)
  const foreign = { believed: [] }
  t.equal(claimOf('node/x', { topics: ['homeassistant/x'] }, foreign), undefined, 'whoever it is')
})
