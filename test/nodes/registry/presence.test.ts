import t from 'tap'
import { rightsOf } from '../../../src/access/rights.ts'
import { createDeviceTable } from '../../../src/nodes/registry/device-table.ts'
import { createPresence, mayReadPresence, toldByHub } from '../../../src/nodes/registry/presence.ts'

t.test('a sensor that becomes stale is told once, and so is that it reports again', async (t) => {
  const clock = { at: 0, nowMs: () => clock.at }
  const presence = createPresence(clock)
  const told: unknown[] = []
  const stop = presence.subscribe(({ topic, payload }) => told.push([topic, payload.value]))
  const table = createDeviceTable()
  const device = table.add('n/thermometer/a')
  const { node } = device
  device.heard = { atMs: 0, nowMs: 0, isRestored: false }
  device.reportIntervalMs = 1000
  const look = () => presence.look([node])
  look()
  clock.at = 3001
  look()
  look()
  t.same(told.splice(0), [['n/thermometer/a/-/presence', { stale: true }]])
  presence.heard(device)
  presence.heard(device)
  t.same(told.splice(0), [['n/thermometer/a/-/presence', { stale: false }]])
  look()
  table.remove(device)
  look()
  presence.heard(device)
  t.same(told.splice(0), [['n/thermometer/a/-/presence', { stale: true }]])
  presence.known('n/relay/b', false)
  t.same(told.splice(0), [['n/relay/b/-/presence', { stale: true }]])
  stop()
  presence.known('n/relay/b', true)
  t.same(told, [])
})

t.test('a node that comes, goes or says nothing is told', async (t) => {
  const presence = createPresence({ nowMs: () => 0 })
  const told: unknown[] = []
  presence.subscribe(({ topic, payload }) => told.push([topic, payload.value]))
  const node = createDeviceTable().node('n')
  node.online = true
  presence.online(node)
  node.isSilent = true
  presence.look([node])
  presence.look([node])
  node.isSilent = false
  presence.look([node])
  t.same(told, [
    ['n/-/presence', { online: true, stale: false }],
    ['n/-/presence', { online: true, stale: true }],
    ['n/-/presence', { online: true, stale: false }],
  ])
})

t.test('presence is for who may read the sensor, or all of the node', async (t) => {
  t.equal(toldByHub('n/-/presence'), 'presence')
  t.equal(toldByHub('n/relay/a/-/label'), 'labels')
  t.equal(toldByHub('n/presence'), undefined)
  const rightsTo = (topic: string) =>
    rightsOf({ name: 'a', rules: [{ allow: ['read'], topic }], tokens: [] })
  for (const [filter, ofNode, ofSensor] of [
    ['n/#', true, true],
    ['n/thermometer/+', false, true],
    ['m/#', false, false],
  ] as const) {
    t.equal(mayReadPresence(rightsTo(filter), 'n/-/presence'), ofNode, filter)
    t.equal(mayReadPresence(rightsTo(filter), 'n/thermometer/a/-/presence'), ofSensor, filter)
  }
})
