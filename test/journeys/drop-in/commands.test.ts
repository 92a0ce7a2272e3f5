/** Commands and settings as programs send them that know nothing of the hub, with its settings as they come. */
import t, { type Test } from 'tap'
import { publish, requireProgram, subscribe } from '../../programs.ts'
import { mqttTo, type StartedHub, startedHub, talkTo } from '../../started-hub.ts'

const clown = { user: 'clown', password: 'bigclown' }
const base = 'nodes/bridge/0'

interface Logged {
  readonly device: string
  readonly receipt: string
  readonly asked: unknown
}

/** What the log says of the commands to a device, the oldest first. */
async function loggedOf(hub: StartedHub, device: string): Promise<Logged[]> {
  const answer = await fetch(
    `http://127.0.0.1:${hub.httpPort}/api/commands?device=${device}&limit=100`,
    { headers: { Authorization: `Basic ${btoa('clown:bigclown')}` } },
  )
  const { commands }: { commands: Logged[] } = JSON.parse(await answer.text())
  return commands.reverse()
}

/** Hardware below a base that obeys each command at once: it reports what it was asked for. */
async function obedient(t: Test, hub: StartedHub, filter = `${base}/+/+/set`) {
  const node = await mqttTo(t, hub, { filter, clientId: 'hardware' })
  node.client.on('message', (topic, payload) => {
    node.client.publish(topic.replace(/\/set$/, ''), payload)
  })
  return node
}

t.test('all off: 24 relays in one burst, and each obeys', async (t) => {
  const hub = await startedHub(t)
  await obedient(t, hub)
  const relays = Array.from({ length: 24 }, (_, at) => `${base}/relay/${at}`)
  const { client, on } = await mqttTo(t, hub, {
    filter: [`${base}/relay/+`, '$SYS/hub/commands/#'],
  })
  for (const state of [true, false]) {
    for (const relay of relays) client.publish(`${relay}/set`, JSON.stringify({ state }))
    for (const relay of relays) t.same(JSON.parse(String((await on(relay)).payload)), { state })
  }
  for (const relay of relays) {
    const receipts = (await loggedOf(hub, relay)).map(({ receipt }) => receipt)
    t.same(receipts, ['confirmed', 'confirmed'], relay)
  }
})

t.test('a slider: each of 25 values gets to a lamp, and the last one is confirmed', async (t) => {
  const hub = await startedHub(t)
  const lamp = 'zigbee2mqtt/relay/lamp'
  const node = await obedient(t, hub, `${lamp}/set`)
  const levels = Array.from({ length: 25 }, (_, at) => ({ brightness: 10 * at }))
  const { client } = await mqttTo(t, hub)
  for (const level of levels) client.publish(`${lamp}/set`, JSON.stringify(level))
  for (const level of levels) {
    t.same(JSON.parse(String((await node.on(`${lamp}/set`)).payload)), level)
  }
  const page = await talkTo(t, hub, '/talk')
  page.send(`${lamp}/set`, { brightness: 254 }, { id: 'last' })
  await page.frames.next(([, receipt]) => /"confirmed"/.test(JSON.stringify(receipt)))
})

t.test('an impatient person: of 25 presses the relay gets the last one', async (t) => {
  const hub = await startedHub(t)
  await obedient(t, hub)
  const relay = `${base}/relay/i2c0-3b`
  const page = await talkTo(t, hub)
  for (let press = 0; press < 25; press++) {
    page.send('relay/i2c0-3b/set', { state: press % 2 === 0 }, { id: String(press) })
  }
  // It answers before it acknowledges, and says nothing new: as if it had reported by itself.
  await page.frames.next(([, payload, line]) => {
    return line?.['id'] === '24' && /"confirmed"|"already-so"/.test(JSON.stringify(payload))
  })
  const logged = await loggedOf(hub, relay)
  t.equal(logged.length, 25)
  t.match(logged.at(-1), { asked: { state: true }, receipt: /^(confirmed|already-so)$/ })
  t.notOk(logged.some(({ receipt }) => receipt === 'refused'))
})

t.test('on, off, on by a client of the original ends with on, told to everybody', async (t) => {
  const hub = await startedHub(t)
  await obedient(t, hub)
  const [page, other] = [await talkTo(t, hub), await talkTo(t, hub)]
  const relay = 'relay/i2c0-3b'
  const isOn = ([topic, payload]: unknown[]) =>
    topic === relay && /true/.test(JSON.stringify(payload))
  for (const state of [true, false, true]) page.send(`${relay}/set`, { state })
  for (const client of [page, other]) {
    await client.frames.next(isOn)
    await client.frames.next(isOn)
  }
  const ends = async () => (await loggedOf(hub, `${base}/${relay}`)).map(({ receipt }) => receipt)
  t.same(await ends(), ['superseded', 'superseded', 'confirmed'])
  // The other way round the last one waits for its turn.
  for (const state of [false, true, false, true]) page.send(`${relay}/set`, { state })
  await other.frames.next(
    ([topic, payload]) => topic === `${relay}/set` && /true/.test(JSON.stringify(payload)),
  )
  await other.frames.next(isOn)
  const told = other.frames.items.filter(([topic]) => topic === relay).map(([, payload]) => payload)
  t.same(told.at(-1), { state: true })
  t.notOk(page.frames.items.some(([topic]) => topic === `${relay}/set/error`))
})

t.test('what other hardware calls a relay gets its own words, as they are', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const hub = await startedHub(t)
  const { mqttPort: port } = hub
  const hardware = await subscribe(t, { ...clown, port, filter: '#' })
  const messages = [
    ['espurna/relay/0/set', '1'],
    ['espurna/relay/0/get', ''],
    ['homie/plug/relay/on/set', 'true'],
    ['zigbee2mqtt/relay/kitchen/set', '{"state":"ON","brightness":120}'],
    ['zigbee2mqtt/relay/hall/set', 'TOGGLE'],
    ['zigbee2mqtt/relay/hall/get', '{"state":""}'],
    ['zigbee2mqtt/led/strip/set', '{"color":{"r":1},"color":{"g":2},"big":12345678901234567890}'],
    ['tower/led/-/config/set', 'fast'],
  ] as const
  for (const [topic, payload] of messages) await publish({ ...clown, port, topic, payload })
  for (const [topic, payload] of messages) {
    t.equal(await hardware.next((line) => line.startsWith(topic)), `${topic} ${payload}`)
  }
  t.notOk(hardware.items.some((line) => line.includes('/error')))

  await publish({ ...clown, port, topic: `${base}/relay/0/set`, payload: '1' })
  t.match(await hardware.next((line) => line.includes('/error')), /"code":"bad-payload"/)
})

t.test('where a node introduced itself, Clown.Model says what is right', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const hub = await startedHub(t)
  const { mqttPort: port } = hub
  const seen = await subscribe(t, { ...clown, port, filter: 'attic/#' })
  const command = { ...clown, port, topic: 'attic/relay/0/set', payload: '1' }
  await publish(command)
  t.equal(await seen.next(), 'attic/relay/0/set 1')
  const payload = '{"firmware-release":"1.0.0"}'
  await publish({ ...command, topic: 'attic/boot', payload })
  await publish(command)
  t.match(await seen.next((line) => line.includes('/error')), /"code":"bad-payload"/)
})

t.test(
  'locks and interlocks hold for hardware that no profile knows, in its own words',
  async (t) => {
    const hub = await startedHub(t, {
      commands: { rules: [{ kind: 'relay', interlock: 'pumps' }] },
    })
    const { client, on } = await mqttTo(t, hub, { filter: ['espurna/#', 'zigbee2mqtt/#'] })
    client.publish('zigbee2mqtt/relay/pump', '{"state":"ON"}')
    client.publish('espurna/relay/0/set', '1')
    t.match(String((await on('espurna/relay/0/set/error')).payload), /"interlocked"/)
    client.publish('zigbee2mqtt/relay/pump', '{"state":"OFF"}')
    client.publish('espurna/relay/0/set', '1')
    t.equal(String((await on('espurna/relay/0/set')).payload), '1')
    await fetch(`http://127.0.0.1:${hub.httpPort}/api/lock`, {
      method: 'POST',
      headers: { Authorization: `Basic ${btoa('clown:bigclown')}` },
      body: JSON.stringify({ device: 'espurna/relay/0', reason: 'somebody works on it' }),
    })
    client.publish('espurna/relay/0/set', '0')
    t.match(String((await on('espurna/relay/0/set/error')).payload), /"locked"/)
  },
)

t.test('a retained setting reaches what sleeps, and a retained command does not', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const hub = await startedHub(t)
  const { mqttPort: port } = hub
  const settings = [
    ['cmnd/meter/DeepSleepTime', '3600'],
    ['cmnd/meter/TelePeriod', '300'],
    ['garden/ota_mode', 'ON'],
    [`${base}/thermometer/0/config/set`, '{"publish-interval":60}'],
  ] as const
  const commands = ['cmnd/meter/POWER', `${base}/relay/0/set`, 'who/knows/set']
  const state = '{"state":true}'
  for (const [topic, payload] of settings) {
    await publish({ ...clown, port, topic, payload, retain: true })
  }
  for (const topic of [...commands, ...commands]) {
    await publish({ ...clown, port, topic, payload: state, retain: true })
  }
  const sleeper = await subscribe(t, { ...clown, port, filter: '#', format: '%r %t %p' })
  await publish({ ...clown, port, topic: 'mark', payload: '' })
  await sleeper.next((line) => line.includes(' mark '))
  const kept = sleeper.items.filter((line) => line.startsWith('1 ')).sort()
  t.same(kept, settings.map(([topic, payload]) => `1 ${topic} ${payload}`).sort())
  const told = hub.log.items.filter(({ kind }) => kind === 'command-not-retained')
  t.same(
    told.map(({ topic }) => topic),
    commands,
    'the log says so once a topic',
  )
  t.equal(hub.counters()['command-not-retained'], 6)
})

t.test('a setting waits for a session whose client sleeps, and a command does not', async (t) => {
  const hub = await startedHub(t)
  const filter = `${base}/+/+/#`
  const session = { clientId: 'sleeper', clean: false, filter }
  const sleeper = await mqttTo(t, hub, session)
  await sleeper.client.endAsync()
  const { client } = await mqttTo(t, hub)
  await client.publishAsync(`${base}/thermometer/0/config/set`, '{"publish-interval":5}', {
    qos: 1,
  })
  await client.publishAsync(`${base}/relay/0/set`, '{"state":true}', { qos: 1 })
  await client.publishAsync(`${base}/mark/0`, '1', { qos: 1 })
  const awake = await mqttTo(t, hub, session)
  await awake.on(`${base}/mark/0`)
  t.same(
    awake.messages.items.map(({ topic }) => topic),
    [`${base}/thermometer/0/config/set`, `${base}/mark/0`],
  )
})

t.test('a name that its node does not have is refused, and the nearest one named', async (t) => {
  const hub = await startedHub(t)
  const node = await obedient(t, hub)
  const lists = { sensors: ['thermometer/0'], actuators: ['relay/i2c0-3b'], notifications: [] }
  await node.client.publishAsync(`${base}/-/-/config/ok`, JSON.stringify(lists), { qos: 1 })
  const { client, on } = await mqttTo(t, hub, { filter: `${base}/#` })
  client.publish(`${base}/relay/i2c0-3c/set`, '{"state":true}')
  t.match(JSON.parse(String((await on(`${base}/relay/i2c0-3c/set/error`)).payload)), {
    code: 'unknown-device',
    message: /the nearest is "relay\/i2c0-3b"$/,
  })
  const page = await talkTo(t, hub)
  page.send('relay/i2c0-3c/set', { state: true }, { id: 'a' })
  t.match(await page.on('relay/i2c0-3c/set'), [
    'relay/i2c0-3c/set',
    { receipt: 'refused', code: 'unknown-device' },
  ])
  page.send('relay/i2c0-3c/set', { state: true }, { id: 'b', force: true })
  t.match(await page.on('relay/i2c0-3c/set'), [
    'relay/i2c0-3c/set',
    { receipt: 'accepted' },
    { id: 'b' },
  ])
  await page.on('relay/i2c0-3c')
})
