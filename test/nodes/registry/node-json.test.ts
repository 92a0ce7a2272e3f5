import t from 'tap'
import { detailsOf } from '../../../src/nodes/registry/node-json.ts'
import { openedNodes } from './opened-nodes.ts'

t.test('a sensor is told with its rhythm, and as stale past three of them', async (t) => {
  const { registry, values, say, clock } = await openedNodes(t)
  for (let report = 0; report < 4; report++) {
    if (report > 0) clock.advance(1000.4)
    say('n/thermometer/0', report)
  }
  const [node] = registry.nodes.values()
  if (node === undefined) throw new Error('expected a node')
  const details = () => detailsOf(node, node.devices.values(), { values, nowMs: clock.nowMs() })
  t.match(details(), { devices: [{ rhythmMs: 1000, value: 3, stale: false }] })
  clock.advance(3000)
  t.match(details(), { devices: [{ stale: false }] })
  clock.advance(2)
  t.match(details(), { devices: [{ stale: true, value: 3 }] })
})

t.test('what was never heard has no time and no value', async (t) => {
  const { registry, values, say } = await openedNodes(t)
  say('n/-/-/config/ok', { sensors: ['pir/-'] })
  const devices = registry.devicesBelow('n')
  const [node] = registry.nodes.values()
  t.match(node && detailsOf(node, devices, { values, nowMs: 0 }), {
    devices: [{ name: 'pir/-', at: null, value: null, stale: false }],
  })
})
