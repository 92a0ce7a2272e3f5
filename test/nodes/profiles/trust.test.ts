import t, { type Test } from 'tap'
import { publish, requireProgram } from '../../programs.ts'
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
