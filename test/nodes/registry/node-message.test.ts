import t from 'tap'
import {
  readIntroduction,
  readList,
  readNodeTopic,
} from '../../../src/nodes/registry/node-message.ts'

t.test('a topic says what it is about, whatever base stands before it', async (t) => {
  for (const base of ['', 'nodes', 'nodes/bridge/0']) {
    const below = (topic: string) => readNodeTopic(base === '' ? topic : `${base}/${topic}`)
    const device = base === '' ? 'relay/i2c0-3b' : `${base}/relay/i2c0-3b`
    t.same(below('relay/i2c0-3b'), { about: 'report', topic: device })
    t.same(below('relay/i2c0-3b/set'), undefined)
    t.same(below('boot'), { about: 'boot', topic: base === '' ? 'boot' : `${base}/boot` })
    t.same(below('clown.talk/-/config/ok'), { about: 'introduction', base })
    t.same(below('-/-/config/ok'), { about: 'list', base })
    t.same(below('-/-/config/list/ok'), { about: 'list', base })
    const node = base === '' ? 'relay' : base
    t.same(below('relay/i2c0-3b/config/ok'), { about: 'answer', base: node })
  }
})

t.test('what anybody may have said tells nothing of a node', async (t) => {
  for (const topic of [
    'a/b/get',
    'a/b/set',
    'a/b/config/set',
    '-/-/config/list',
    'a/b/set/error',
    'config/ok',
  ]) {
    t.equal(readNodeTopic(topic), undefined, topic)
  }
})

t.test('a list names devices by texts and by objects, each once', async (t) => {
  const list = {
    sensors: ['thermometer/i2c0-48', { topic: 'pir/-' }, { name: 'x' }, 7, null],
    actuators: ['relay/i2c0-3b', 'thermometer/i2c0-48'],
    notifications: ['boot', 'relay/i2c0-3b/set', 'a//b', '$SYS/x', 'a/+', 'a\nb', ''],
    others: ['a/b'],
  }
  t.same(readList('n', list), [
    { topic: 'n/thermometer/i2c0-48', role: 'sensor' },
    { topic: 'n/pir/-', role: 'sensor' },
    { topic: 'n/relay/i2c0-3b', role: 'actuator' },
    { topic: 'n/boot', role: 'notification' },
    { topic: 'n/a//b', role: 'notification' },
    { topic: 'n/$SYS/x', role: 'notification' },
    { topic: 'n/', role: 'notification' },
  ])
  for (const none of [null, 7, [], {}, { sensors: 'a/b' }]) t.same(readList('n', none), [])
})

t.test('of what a node says of itself, only what can be true is believed', async (t) => {
  const said = { 'firmware-release': '1.2.0', capabilities: 3, device: 'bridge' }
  t.same(readIntroduction(said), { firmware: '1.2.0', capabilities: 3 })
  t.same(readIntroduction({ 'firmware-release': 'x'.repeat(65), capabilities: 1.5 }), {})
  t.same(readIntroduction({ 'firmware-release': 1, capabilities: '3' }), {})
  t.same(readIntroduction(null), {})
})
