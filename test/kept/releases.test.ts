// What the hubs of earlier releases have kept is found by this one: see test/fixtures/releases.
import { chmodSync, cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config.ts'
import { startInThePast } from '../fixtures/releases/hub-in-the-past.ts'
import {
  connectPacket,
  isPublish,
  packet,
  pingPacket,
  rawMqttTo,
  readPublish,
  resumed,
} from '../raw-mqtt.ts'
import { mqttTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

const fixtures = fileURLToPath(new URL('../fixtures/releases/', import.meta.url))
const releases = readdirSync(fixtures, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

/** A copy of what a release has written; git keeps no modes of files. */
function copied(t: Test, release: string): string {
  const folder = testFolder(t)
  cpSync(join(fixtures, release), folder, { recursive: true })
  chmodSync(join(folder, 'users.yaml'), 0o600)
  return folder
}

type Opened = Awaited<ReturnType<typeof opened>>

/** This hub with all that a release has kept, the day after. */
async function opened(t: Test, release: string) {
  const folder = copied(t, release)
  const hub = await startInThePast(folder, '2026-11-29T09:00:00Z')
  t.teardown(hub.close)
  const secrets = JSON.parse(readFileSync(join(folder, 'secrets.json'), 'utf8'))
  const get = async (path: string, user = 'ann') => {
    const headers = { Authorization: `Basic ${btoa(`${user}:${user}-of-the-fixture`)}` }
    return fetch(`http://127.0.0.1:${hub.httpPort}${path}`, { headers })
  }
  const json = async (path: string) => JSON.parse(await (await get(path)).text())
  const csv = async (query: string) => {
    const response = await get(`/api/history?format=csv&from=2026-11-28T00:00:00Z&${query}`)
    return (await response.text()).replaceAll('nodes/bridge/0/', '').trim().split('\r\n')
  }
  return { hub, get, json, csv, secrets }
}

/** Part by part: what is to be there. */
const parts: Record<string, (t: Test, opened: Opened) => Promise<void>> = {
  users: async (t, { hub, get, secrets }) => {
    for (const user of ['admin', 'ann', 'vera'])
      t.equal((await get('/api/nodes', user)).status, 200)
    const headers = { Authorization: `Basic ${btoa(`ann:${secrets.token}`)}` }
    const url = `http://127.0.0.1:${hub.httpPort}/api/nodes`
    t.equal((await fetch(url, { headers })).status, 200)
  },
  retained: async (t, { hub }) => {
    const login = { username: 'admin', password: 'admin-of-the-fixture' }
    const { messages } = await mqttTo(t, hub, { filter: ['lab/#'], ...login })
    const values = new Map<string, string>()
    for (let left = 3; left > 0; left--) {
      const { topic, payload, retain } = await messages.next()
      t.equal(retain, true, topic)
      values.set(topic, payload.toString('hex'))
    }
    t.same(Object.fromEntries(values), {
      'lab/json': Buffer.from('{"a":[1,"é"]}').toString('hex'),
      'lab/note': Buffer.from('hello').toString('hex'),
      'lab/picture': '00fffe',
    })
  },
  session: async (t, { hub }) => {
    const raw = await rawMqttTo(t, hub.mqttPort)
    const [user, password] = ['ann', 'ann-of-the-fixture']
    raw.send(connectPacket({ clientId: 'panel', clean: false, user, password }))
    t.equal(await raw.next(), resumed)
    // The other half of the handshake, and nothing is told a second time.
    raw.send(packet(0x62, Buffer.from([0, 7])))
    t.equal(await raw.next((answer) => answer.startsWith('70')), '70020007')
    const waiting = []
    for (let left = 3; left > 0; left--) {
      const { topic, payload, qos } = readPublish(await raw.next(isPublish))
      waiting.push([topic, String(payload), qos])
    }
    t.same(waiting.toSorted(), [
      ['lab/one', '"for you"', 1],
      ['lab/two', 'half-way', 2],
      ['lab/two', 'twice', 2],
    ])
    raw.send(pingPacket)
    await raw.next((answer) => answer === 'd000')
    t.equal(raw.packets.filter(isPublish).length, 3)
  },
  points: async (t, { csv }) => {
    t.same(await csv('topic=nodes/bridge/0/thermometer/i2c0-48'), [
      'at,topic,quantity,value,unit',
      '2026-11-28T10:00:00.000Z,thermometer/i2c0-48,temperature,20.5,℃',
      '2026-11-28T10:00:30.000Z,thermometer/i2c0-48,temperature,19,℃',
      '2026-11-28T10:01:00.000Z,thermometer/i2c0-48,temperature,21,℃',
      '2026-11-28T11:00:10.000Z,thermometer/i2c0-48,temperature,22,℃',
      '2026-11-28T11:11:00.000Z,thermometer/i2c0-48,temperature,23,℃',
    ])
    t.same((await csv('topic=nodes/bridge/0/meter/-')).slice(1), [
      '2026-11-28T10:00:00.000Z,meter/-,count,9007199254740991,',
      '2026-11-28T11:00:10.000Z,meter/-,count,9007199254740990,',
      '2026-11-28T10:00:00.000Z,meter/-,energy.power,12.5,',
      '2026-11-28T11:00:10.000Z,meter/-,energy.power,13,',
      '2026-11-28T10:00:00.000Z,meter/-,huge,1e+308,',
      '2026-11-28T11:00:10.000Z,meter/-,huge,1.7e+308,',
    ])
    t.same((await csv('topic=nodes/bridge/0/relay/i2c0-3b')).slice(1), [
      '2026-11-28T10:00:00.000Z,relay/i2c0-3b,state,true,',
      '2026-11-28T10:01:00.000Z,relay/i2c0-3b,state,false,',
      '2026-11-28T11:11:00.000Z,relay/i2c0-3b,state,true,',
    ])
    t.equal((await csv('topic=nodes/%23')).length, 24)
  },
  minutes: async (t, { csv }) => {
    t.same(await csv('topic=nodes/bridge/0/thermometer/i2c0-48&resolution=minute'), [
      'at,topic,quantity,count,min,mean,max,first,last,unit',
      '2026-11-28T10:00:00.000Z,thermometer/i2c0-48,temperature,2,19,19.75,20.5,20.5,19,℃',
      '2026-11-28T10:01:00.000Z,thermometer/i2c0-48,temperature,1,21,21,21,21,21,℃',
      '2026-11-28T11:00:00.000Z,thermometer/i2c0-48,temperature,1,22,22,22,22,22,℃',
      '2026-11-28T11:11:00.000Z,thermometer/i2c0-48,temperature,1,23,23,23,23,23,℃',
    ])
    const meter = await csv('topic=nodes/bridge/0/meter/-&resolution=minute')
    const [large, huge] = ['9007199254740991', '1.7e+308']
    t.equal(meter[1], `2026-11-28T10:00:00.000Z,meter/-,count,1,${Array(5).fill(large)},`)
    t.equal(meter[6], `2026-11-28T11:00:00.000Z,meter/-,huge,1,${Array(5).fill(huge)},`)
  },
  hours: async (t, { csv }) => {
    t.same((await csv('topic=nodes/bridge/0/thermometer/i2c0-48&resolution=hour')).slice(1), [
      '2026-11-28T10:00:00.000Z,thermometer/i2c0-48,temperature,3,19,20.1666666667,21,20.5,21,℃',
      '2026-11-28T11:00:00.000Z,thermometer/i2c0-48,temperature,2,22,22.5,23,22,23,℃',
    ])
  },
  nodes: async (t, { json }) => {
    const { nodes } = await json('/api/nodes')
    const bridge = nodes.find(({ base }: { base: string }) => base === 'nodes/bridge/0')
    t.match(bridge, { online: false, lastSeen: '2026-11-28T11:11:00.000Z' })
    const relay = bridge.devices.find(({ name }: { name: string }) => name === 'relay/i2c0-3b')
    t.match(relay, { known: false, lastValue: { state: true } })
    const values = bridge.devices.map(({ name, value }: { name: string; value: unknown }) => [
      name,
      value,
    ])
    t.match(Object.fromEntries(values), {
      'thermometer/i2c0-48': { temperature: [23, '℃'] },
      'relay/i2c0-3b': null,
      'co2-sensor/-': { value: 613 },
    })
  },
  commands: async (t, { json }) => {
    const { commands } = await json('/api/commands')
    // Without what the hub has turned off since.
    const told = commands
      .filter(({ user }: Record<string, unknown>) => user === 'ann')
      .map(({ device, receipt }: Record<string, unknown>) => [device, receipt])
    t.same(told, [
      ['nodes/bridge/0/relay/slow', 'unknown'],
      ['nodes/bridge/0/relay/belt', 'refused'],
      ['nodes/bridge/0/relay/heater', 'confirmed'],
      ['nodes/bridge/0/relay/i2c0-3b', 'confirmed'],
    ])
  },
  'locks and interlocks': async (t, { hub, json }) => {
    t.match(await json('/api/locks'), {
      locks: [{ device: 'nodes/bridge/0/relay/belt', by: 'ann', reason: 'the belt is off' }],
    })
    const set = async (name: string) => {
      const body = JSON.stringify({
        device: `nodes/bridge/0/relay/${name}`,
        payload: { state: true },
      })
      const headers = { Authorization: `Basic ${btoa('ann:ann-of-the-fixture')}` }
      const url = `http://127.0.0.1:${hub.httpPort}/api/command`
      return (await fetch(url, { method: 'POST', headers, body })).json()
    }
    t.match(await set('belt'), { receipt: 'refused', code: 'locked' })
    t.match(await set('down'), { receipt: 'refused', code: 'interlocked' })
  },
  'auto-off': async (t, { hub }) => {
    const login = { username: 'bridge-0', password: 'bridge-of-the-fixture' }
    // The hour was over while the hub was down.
    const node = await mqttTo(t, hub, { filter: ['nodes/bridge/0/+/+/set'], ...login })
    const { payload } = await node.on('nodes/bridge/0/relay/heater/set')
    t.same(JSON.parse(String(payload)), { state: false })
  },
  'keys and numbers of devices': async (t, { json, secrets }) => {
    const lights = await json(`/house/api/${secrets.key}/lights`)
    const names = Object.entries<{ name: string }>(lights).map(([id, { name }]) => [id, name])
    t.same(names, [
      ['8', 'Relay i2c0-3b'],
      ['9', 'Relay up'],
      ['10', 'Relay down'],
      ['20', 'Relay heater'],
    ])
  },
}

for (const release of releases) {
  t.test(`what ${release} has kept is there`, async (t) => {
    const hub = await opened(t, release)
    for (const [part, isThere] of Object.entries(parts)) {
      await t.test(part, (t) => isThere(t, hub))
    }
  })

  t.test(`every setting of ${release} is taken`, async (t) => {
    t.doesNotThrow(() => readConfig(join(fixtures, release, 'every-setting.yaml'), {}))
  })
}
