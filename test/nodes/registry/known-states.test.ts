import t, { type Test } from 'tap'

import { createKnownStates } from '../../../src/nodes/registry/known-states.ts'
import { type HubPorts, mqttTo, startedHub, talkTo } from '../../started-hub.ts'
import { openedNodes } from './opened-nodes.ts'

const base = 'nodes/bridge/0'
const users = {
  clown: { password: 'bigclown', role: 'admin' },
  bridge: { password: 'three', role: 'node', base },
} as const
const bridge = { username: 'bridge', password: 'three' }
const offline = {
  code: 'node-offline',
  message: 'expected a report since the node "nodes/bridge/0" was away, got none',
}
const unknown = {
  code: 'state-unknown',
  message: 'expected a report since the node "nodes/bridge/0" was away, got none',
}
const told = {
  code: 'state-unknown',
  message: 'expected a report of the node "nodes/bridge/0", got what "clown" said of it',
}

/** What a page is told that comes now: the last values, and which of them are history. */
async function toldLate(t: Test, hub: HubPorts) {
  const page = await talkTo(t, hub)
  page.send('clown.talk/-/config/set', {})
  await page.on('relay/1')
  return (await page.settle()).slice(1)
}

t.test(
  'whoever watches the relay of a node hears when nobody knows its state any more',
  async (t) => {
    const hub = await startedHub(t, { users })
    const node = await mqttTo(t, hub, bridge)
    await node.client.publishAsync(`${base}/relay/1`, '{"state":true}', { qos: 1, retain: true })
    await node.client.publishAsync(`${base}/pir/-`, '{"event-count":1}', { qos: 1 })
    const page = await talkTo(t, hub)
    page.send('clown.talk/-/config/set', {})
    await page.on('relay/1')
    await node.client.endAsync()
    t.same(await page.on('relay/1/error'), ['relay/1/error', offline])

    const marked = (error: object) => [
      ['pir/-', { 'event-count': 1 }],
      ['relay/1', { state: true }],
      ['relay/1/error', error],
    ]
    t.same(
      await toldLate(t, hub),
      marked(offline),
      'who comes later is told of actuators, and of them only',
    )
    page.send('relay/1/get', {}, { id: 'a' })
    t.match(await page.on('relay/1'), ['relay/1', { state: true }, { id: 'a', ageMs: Number }])
    t.same(await page.on('relay/1/error'), ['relay/1/error', offline, { id: 'a' }])

    const back = await mqttTo(t, hub, bridge)
    t.same(await toldLate(t, hub), marked(unknown), 'being back says nothing of its relay')
    const { client } = await mqttTo(t, hub)
    await client.publishAsync(`${base}/relay/1`, '{"state":true}', { qos: 1 })
    t.same(await toldLate(t, hub), marked(told), 'nobody else speaks for a node that has a user')
    await back.client.publishAsync(`${base}/relay/1`, '{"state":false}', { qos: 1, retain: true })
    t.same(await toldLate(t, hub), [
      ['pir/-', { 'event-count': 1 }],
      ['relay/1', { state: false }],
    ])
  },
)

t.test('a relay that the registry has forgotten is told of all the same', async (t) => {
  const hub = await startedHub(t, { users, limits: { nodes: { devices: 1 } } })
  const node = await mqttTo(t, hub, bridge)
  const page = await talkTo(t, hub)
  for (const [device, value] of [
    ['relay/1', '{"state":true}'],
    ['pir/-', '{"event-count":1}'],
  ] as const) {
    await node.client.publishAsync(`${base}/${device}`, value, { qos: 1, retain: true })
  }
  await node.client.endAsync()
  t.same(await page.on('relay/1/error'), ['relay/1/error', offline])
})

t.test('so many are remembered, and those away the longest are forgotten', async (t) => {
  const topicsBelow = async function* () {
    yield* ['n/relay/1', 'n/relay/2', 'm/relay/1']
  }
  const published: string[] = []
  const states = createKnownStates({
    bus: { publish: ({ topic }) => void published.push(topic) },
    registry: { nodes: new Map(), device: () => undefined, isOffline: () => false },
    clock: { nowMs: () => 0 },
    values: { topicsBelow, of: () => undefined },
    model: { takesCommands: () => true },
    devices: 1,
  })
  await states.lose('n', 'was away')
  t.same(published, ['n/relay/1/error', 'n/relay/2/error'])
  t.equal(states.markOf('n/relay/1'), undefined)
  t.equal(states.markOf('n/relay/2')?.topic, 'n/relay/2/error')
})

t.test('nodes that are lost together are looked for in one go', async (t) => {
  let looks = 0
  const published: string[] = []
  const states = createKnownStates({
    bus: { publish: ({ topic }) => void published.push(topic) },
    registry: { nodes: new Map(), device: () => undefined, isOffline: () => false },
    clock: { nowMs: () => 0 },
    values: {
      topicsBelow: async function* () {
        looks++
        yield* ['n/relay/1', 'm/relay/1', 'other/relay/1']
      },
      of: () => undefined,
    },
    model: { takesCommands: () => true },
    devices: 9,
  })
  await Promise.all([states.lose('n', 'was away'), states.lose('m', 'has started')])
  t.equal(looks, 1)
  t.same(published, ['n/relay/1/error', 'm/relay/1/error'])
  await states.lose('other', 'was away')
  t.equal(looks, 2)
})

t.test('nothing is known of actuators when the hub has started', async (t) => {
  const { states, say, clock } = await openedNodes(t)
  say('n/relay/1', { state: true })
  say('n/thermometer/1', 20)
  t.ok(states.isKnown('n/relay/1'))
  await states.loseAll()
  t.ok(states.isKnown('n/thermometer/1'))
  t.match(states.markOf('n/relay/1')?.payload.value, {
    code: 'state-unknown',
    message: 'expected a report since the hub has started, got none',
  })
  states.heard('n/relay/1')
  t.equal(states.markOf('n/relay/1'), undefined)
  clock.advance(1)
})
