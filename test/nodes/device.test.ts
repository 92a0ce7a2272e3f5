import t from 'tap'
import { commandedDevice, commandTopic, deviceOf, isDevice } from '../../src/nodes/device.ts'

t.test('the last two levels of a topic name a device, and the rest its node', async (t) => {
  const relay = { base: 'nodes/bridge/0', name: 'relay/i2c0-3b', kind: 'relay' }
  t.same(deviceOf('nodes/bridge/0/relay/i2c0-3b'), relay)
  t.same(deviceOf('relay/i2c0-3b'), { ...relay, base: '' })
  t.same(deviceOf('lamp'), { base: '', name: 'lamp', kind: 'lamp' })
})

t.test('a command is on the topic of its device, with /set', async (t) => {
  t.equal(commandedDevice('nodes/bridge/0/relay/i2c0-3b/set'), 'nodes/bridge/0/relay/i2c0-3b')
  t.equal(commandTopic('relay/i2c0-3b'), 'relay/i2c0-3b/set')
  for (const topic of ['relay/i2c0-3b', 'relay/i2c0-3b/get', 'relay/i2c0-3b/config/set', 'set']) {
    t.equal(commandedDevice(topic), undefined, topic)
  }
})

t.test('a device is what can be commanded', async (t) => {
  for (const topic of ['nodes/bridge/0/relay/i2c0-3b', 'lamp']) t.ok(isDevice(topic), topic)
  const others = ['relay/i2c0-3b/config', 'config', 'boot']
  const endings = ['set', 'get', 'error', 'config/ok'].map((ending) => `relay/i2c0-3b/${ending}`)
  for (const topic of [...others, ...endings]) t.notOk(isDevice(topic), topic)
})
