import fc from 'fast-check'
import t from 'tap'
import { joinTopic } from '../../src/core/topic.ts'
import { commandedDevice, commandTopic, deviceOf, isDevice } from '../../src/nodes/device.ts'
import { anyTopic } from '../topics.ts'

t.test('the last two levels of a topic name a device, and the rest its node', async (t) => {
  const relay = { base: 'nodes/bridge/0', name: 'relay/i2c0-3b', kind: 'relay' }
  t.same(deviceOf('nodes/bridge/0/relay/i2c0-3b'), relay)
})

t.test('of one or two levels the first is the node, with the empty one before it', async (t) => {
  const devices: [topic: string, base: string, name: string, kind: string][] = [
    ['relay/i2c0-3b', 'relay', 'i2c0-3b', 'relay'],
    ['lamp', 'lamp', 'lamp', 'lamp'],
    ['/lamp', '/lamp', 'lamp', 'lamp'],
    ['/devices/x', '/devices', 'x', 'devices'],
    ['/devices/x/controls/K1', '/devices/x', 'controls/K1', 'controls'],
    ['a/', 'a', '', 'a'],
    ['a//b', 'a', '/b', ''],
    ['a//b/', 'a/', 'b/', 'b'],
    ['/', '/', '', ''],
    ['//', '/', '', ''],
    ['//a/b', '/', 'a/b', 'a'],
  ]
  for (const [topic, base, name, kind] of devices) {
    t.same(deviceOf(topic), { base, name, kind }, topic)
  }
})

t.test('base and name of a device make its topic, but for a node that reports itself', async () => {
  fc.assert(
    fc.property(anyTopic, (topic) => {
      const { base, name } = deviceOf(topic)
      return base !== '' && (base === topic || joinTopic(base, name) === topic)
    }),
  )
  fc.assert(
    fc.property(
      anyTopic,
      (topic) => commandedDevice(commandTopic(topic)) === topic || !isDevice(topic),
    ),
  )
})

t.test('a command is on the topic of its device, with /set', async (t) => {
  t.equal(commandedDevice('nodes/bridge/0/relay/i2c0-3b/set'), 'nodes/bridge/0/relay/i2c0-3b')
  t.equal(commandTopic('relay/i2c0-3b'), 'relay/i2c0-3b/set')
  for (const topic of [
    'relay/i2c0-3b',
    'relay/i2c0-3b/get',
    'relay/i2c0-3b/config/set',
    'set',
    '/set',
  ]) {
    t.equal(commandedDevice(topic), undefined, topic)
  }
})

t.test('a device is what can be commanded', async (t) => {
  for (const topic of ['nodes/bridge/0/relay/i2c0-3b', 'lamp']) t.ok(isDevice(topic), topic)
  const others = ['relay/i2c0-3b/config', 'config', 'boot']
  const endings = ['set', 'get', 'error', 'config/ok'].map((ending) => `relay/i2c0-3b/${ending}`)
  for (const topic of [...others, ...endings]) t.notOk(isDevice(topic), topic)
})
