import t from 'tap'
import { detailsOf } from '../../../src/nodes/registry/node-json.ts'
import { changingPresence, openedNodes } from './opened-nodes.ts'

t.test('a sensor is told with its report interval, and as stale past three of them', async (t) => {
  const { registry, values, states, labels, settableOf, say, clock } = await openedNodes(t)
  for (let report = 0; report < 4; report++) {
    if (report > 0) clock.advance(1000.4)
    say('n/thermometer/0', report)
  }
  const [node] = registry.nodes.values()
  if (node === undefined) throw new Error('expected a node')
  const details = () =>
    detailsOf(node, node.devices.values(), {
      ...{ values, states, labels, settableOf },
      autoOffOf: () => ({ seconds: 60 }),
      nowMs: clock.nowMs(),
    })
  t.match(details(), { devices: [{ rhythmMs: 1000, value: 3, stale: false }] })
  t.notMatch(details(), { devices: [{ autoOff: {} }] }, 'it cannot be turned off')
  clock.advance(3000)
  t.match(details(), { devices: [{ stale: false }] })
  clock.advance(2)
  t.match(details(), { devices: [{ stale: true, value: 3 }] })
})

t.test('what was never heard has no time and no value', async (t) => {
  const { registry, values, states, labels, settableOf, say } = await openedNodes(t)
  say('n/-/-/config/ok', { sensors: ['pir/-'] })
  const devices = registry.devicesBelow('n')
  const [node] = registry.nodes.values()
  const around = { values, states, labels, settableOf, autoOffOf: () => undefined, nowMs: 0 }
  t.match(node && detailsOf(node, devices, around), {
    devices: [{ name: 'pir/-', at: null, value: null, stale: false }],
  })
})

t.test('a node is told at once when it comes, and retained', async (t) => {
  const { say, told, bus } = await openedNodes(t)
  say('n/relay/0', { state: true })
  const device = { name: 'relay/0', topic: 'n/relay/0', kind: 'relay', role: 'actuator' }
  t.same(told.items, [
    { base: 'n', value: { online: true, lastSeen: '2026-11-21T12:00:00.000Z', devices: [device] } },
  ])
  const kept = bus.kept.get('$SYS/hub/nodes/n')
  t.match(kept, { qos: 0, retain: true })
})

t.test('further devices are told together, a little later, and values never', async (t) => {
  const { say, told } = await openedNodes(t)
  for (const name of ['b/0', 'a/0', 'c/0', 'a/0', 'b/0']) say(`n/${name}`, 1)
  t.equal(told.items.length, 1)
  await told.next()
  const names = ['a/0', 'b/0', 'c/0'].map((name) => ({ name }))
  t.match(await told.next(), { base: 'n', value: { devices: names } })
  say('n/a/0', 2)
  say('m/a/0', 1)
  t.match(await told.next(), { base: 'm' })
  t.equal(told.items.length, 3)
})

t.test('each node is told behind its base, whatever that looks like', async (t) => {
  const { say, bus } = await openedNodes(t)
  for (const topic of ['relay/0', '/devices/x', '/', 'a//b/', 'lamp']) say(topic, 1)
  t.same(
    [...bus.kept.keys()].map((topic) => topic.replace('$SYS/hub/nodes/', '')),
    ['relay', '/devices', '/', 'a/', 'lamp'],
  )
})

t.test('what is known of nodes that never spoke is told from the start', async (t) => {
  const { bus } = await openedNodes(t, { presence: changingPresence({ n: false }) })
  const { payload } = bus.kept.get('$SYS/hub/nodes/n') ?? {}
  t.same(payload?.value, { online: false, lastSeen: null, devices: [] })
})

t.test('devices that a node lists come first, as it lists them', async (t) => {
  const { say, told } = await openedNodes(t)
  for (const name of ['a/0', 'b/0', 'c/0']) say(`n/${name}`, 1)
  say('n/-/-/config/ok', { sensors: ['c/0'], actuators: ['b/0', 'd/0'] })
  const order = (value: unknown) =>
    [...JSON.stringify(value).matchAll(/"name":"(.)/g)].map(([, name]) => name).join('')
  t.ok(await told.next(({ value }) => order(value) === 'cbda'))
})
