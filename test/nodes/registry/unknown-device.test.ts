import t from 'tap'
import { rightsOf } from '../../../src/access/rights.ts'
import { checkKnown } from '../../../src/nodes/registry/unknown-device.ts'
import { clown } from '../../senders.ts'
import { openedNodes } from './opened-nodes.ts'

const list = { sensors: ['thermometer/0'], actuators: ['relay/i2c0-3b', 'relay/secret'] }

/** A node that has listed its devices and reported from one more. */
async function listed(t: Parameters<typeof openedNodes>[0]) {
  const nodes = await openedNodes(t)
  nodes.say('n/-/-/config/ok', { ...list, notifications: [] })
  nodes.say('n/led/-', { state: 'on' })
  const ask = (device: string, from: object = {}) =>
    checkKnown({ device, sender: { ...clown, ...from } }, nodes.registry)
  return { ...nodes, ask }
}

t.test('a node that has listed its devices has no others, and the nearest is named', async (t) => {
  const { ask } = await listed(t)
  const expected = 'expected a device that the node "n" has, got "relay/i2c0-3c"'
  t.throws(() => ask('n/relay/i2c0-3c'), {
    code: 'unknown-device',
    message: `${expected}; the nearest is "relay/i2c0-3b"`,
  })
  for (const name of ['relay/i2c0-3b', 'thermometer/0', 'led/-']) ask(`n/${name}`)
  ask('n/relay/i2c0-3c', { force: true })
})

t.test('only devices are named that the sender may command', async (t) => {
  const { ask } = await listed(t)
  const rule = { allow: ['command'], topic: 'n/relay/s/#' } as const
  const rights = rightsOf({ name: 'eve', rules: [rule], tokens: [] })
  const message = 'expected a device that the node "n" has, got "relay/s"'
  t.throws(() => ask('n/relay/s', { rights }), { message })
})

t.test('a node that has not listed its devices may have any', async (t) => {
  const { ask, say, clear } = await listed(t)
  ask('m/relay/0')
  say('m/thermometer/0', 1)
  ask('m/relay/0')
  clear('n/relay/secret')
  ask('n/relay/secret')
})

t.test('what was listed is known after a restart', async (t) => {
  const first = await openedNodes(t)
  first.say('n/-/-/config/ok', { ...list, notifications: [] })
  await first.close()
  const { registry } = await openedNodes(t, { store: first.store })
  t.throws(() => checkKnown({ device: 'n/relay/9', sender: clown }, registry), {
    code: 'unknown-device',
  })
})
