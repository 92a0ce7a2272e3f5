import t from 'tap'
import { checkClownBases, createClownBases } from '../../src/nodes/clown-bases.ts'
import { deviceOf } from '../../src/nodes/device.ts'

interface Settings {
  readonly bases?: readonly string[]
  readonly rules?: readonly { readonly topic?: string }[]
}

function opened({ bases = ['nodes/#'], rules = [] }: Settings = {}) {
  const found = createClownBases({
    profiles: { clown: { bases } },
    commands: { timeoutSeconds: 5, rules },
  })
  return { ...found, bindsDevice: (topic: string) => found.binds(topic, deviceOf(topic).base) }
}

t.test('Clown.Model binds below the bases of the configuration, and nowhere else', async (t) => {
  const { bindsDevice } = opened({ bases: ['nodes/#', 'garden', 'house/+/clown/#'] })
  for (const base of ['nodes/bridge/0', 'garden', 'garden/shed', 'house/2/clown']) {
    t.ok(bindsDevice(`${base}/relay/0`), base)
  }
  for (const base of ['espurna', 'zigbee2mqtt', 'homie/plug', 'house/2', 'gardens', '']) {
    t.notOk(bindsDevice(base === '' ? 'relay/0' : `${base}/relay/0`), base)
  }
  t.notOk(opened({ bases: [] }).bindsDevice('nodes/bridge/0/relay/0'))
})

t.test('below the base of a rule of the relay guard', async (t) => {
  const { bindsDevice } = opened({
    rules: [
      { topic: 'shutter/0/relay/+' },
      { topic: 'barn/#' },
      { topic: 'pump/1' },
      { topic: '+/valve/0' },
      { topic: 'house/+/relay/0' },
    ],
  })
  for (const device of [
    'shutter/0/led/-',
    'barn/0/relay/1',
    'pump/1',
    'pump/2',
    'x/valve/0',
    'house/9/led/-',
  ]) {
    t.ok(bindsDevice(device), device)
  }
  for (const device of ['shutter/1/led/-', 'pumps/1', 'x/valve/1', 'x/relay/0']) {
    t.notOk(bindsDevice(device), device)
  }
})

t.test('a rule without a base of its own binds nothing', async (t) => {
  for (const rule of [{}, { topic: '#' }, { topic: '+/#' }]) {
    t.notOk(opened({ rules: [rule] }).bindsDevice('espurna/relay/0'), JSON.stringify(rule))
  }
})

t.test('below the base of a node that spoke, as long as it is known for any reason', async (t) => {
  const { bindsDevice, set, onChange } = opened()
  let changes = 0
  const stop = onChange(() => {
    changes += 1
  })
  set('attic/1', 'introduced', true)
  set('attic/1', 'introduced', true)
  set('attic/1', 'user', true)
  t.equal(changes, 2)
  t.ok(bindsDevice('attic/1/relay/0'))
  t.ok(bindsDevice('attic/1/box/relay/0'), 'and what is below it')
  t.notOk(bindsDevice('attic/2/relay/0'))
  t.notOk(bindsDevice('attic/12/relay/0'))
  set('attic/1', 'introduced', false)
  t.ok(bindsDevice('attic/1/relay/0'))
  set('attic/1', 'user', false)
  t.notOk(bindsDevice('attic/1/relay/0'))
  t.equal(changes, 4)
  stop()
  set('attic/1', 'user', true)
  t.equal(changes, 4)
})

t.test('a node of one level binds what is below that', async (t) => {
  const { bindsDevice, set } = opened()
  set('relay', 'introduced', true)
  t.ok(bindsDevice('relay/0'))
  t.notOk(bindsDevice('espurna/relay/0'))
})

t.test('a base of the configuration is a filter', async (t) => {
  checkClownBases({ clown: { bases: ['nodes/#', 'garden'] } }, '')
  t.throws(() => checkClownBases({ clown: { bases: ['nodes/#', 'a/#/b'] } }, 'hub.yaml: '), {
    code: 'bad-config',
    message: /^hub\.yaml: expected profiles\.clown\.bases\.1 to be a filter, got "a\/#\/b": /,
  })
})
