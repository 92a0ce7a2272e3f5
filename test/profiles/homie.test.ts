import t from 'tap'
import { homie } from '../../src/profiles/homie.ts'
import { profileContract } from './contract.ts'
import { playTo } from './play.ts'

t.test('Homie 5', async (t) => profileContract(t, () => homie, { files: ['homie'] }))

/** What a device of version 4 says when it comes. */
const four = {
  $homie: '4.0.0',
  $name: 'Heater',
  $nodes: 'main',
  'main/$name': 'Main',
  'main/$properties': 'on,mode',
  'main/on/$name': 'On',
  'main/on/$datatype': 'boolean',
  'main/on/$settable': 'true',
  'main/mode/$datatype': 'enum',
  'main/mode/$settable': 'true',
  'main/mode/$unit': '',
  'main/on': 'true',
  'main/mode': 'eco',
  $state: 'ready',
}

/** A device of version 4 that says this, and what was retained of it before. */
function heater(retained: object = {}, said: object = four) {
  const playing = playTo(homie, {
    retained: Object.entries(retained).map(([path, payload]) => ({
      topic: `homie/heater/${path}`,
      payload: String(payload),
    })),
  })
  const says = (path: string, payload: string) =>
    playing.hear(`homie/heater/${path}`, payload, true)
  for (const [path, payload] of Object.entries(said)) says(path, String(payload))
  return {
    ...playing,
    says,
    values: (path: string) => playing.devices.get(`heater/${path}`)?.values,
  }
}

t.test('version 4 tells the same in an attribute a topic, live and retained', async (t) => {
  for (const { devices, ask, values } of [heater(), heater(four, {})]) {
    t.same(values('main/on'), { state: true })
    t.same(values('main/mode'), { value: 'eco' })
    t.match(devices.get('heater/main/on'), {
      isAvailable: true,
      facts: { name: 'Heater On', kind: 'relay', node: 'heater' },
    })
    t.same(ask('heater/main/mode', 'comfort'), [
      { topic: 'homie/heater/main/mode/set', payload: 'comfort' },
    ])
    t.throws(() => ask('heater/main/on', { state: true, x: 1 }), { message: /got "x"/ })
    t.throws(() => ask('heater/main/on', {}), { code: 'bad-payload', message: /got none/ })
  }
})

t.test('attributes come in any order, also behind the value', async (t) => {
  const { says, devices, values } = heater({}, { $homie: '4.0.0', $state: 'ready' })
  for (const [attribute, text] of [
    ['', '40'],
    ['/$datatype', 'integer'],
    ['/$unit', '%'],
    ['/$settable', 'true'],
  ]) {
    says(`main/level${attribute}`, String(text))
  }
  t.equal(devices.get('heater/main/level')?.facts.kind, 'number')
  t.same(values('main/level'), { level: [40, '%'], value: 40 })
})

t.test('what others ask is seen, and what has no form of its kind says nothing', async (t) => {
  const { says, told, hear, values } = heater()
  hear('homie/heater/main/on/set', 'false')
  hear('homie/heater/main/on/set', 'perhaps')
  hear('homie/heater/main/mode/set', 'comfort')
  const observed = told.flatMap((each) => (each.what === 'observed' ? [each.asked] : []))
  t.same(observed, [{ state: false }, { value: 'comfort' }])
  says('main/on', 'perhaps')
  t.same(values('main/on'), { state: true })
  hear('homie/other/$homie', '2.0')
  hear('homie/heater/$homie', '4.0.0', true)
  hear('homie/heater/main/on/$datatype/deep', 'x')
})

t.test('who sleeps may be there, and who is lost is not', async (t) => {
  const { says, devices } = heater()
  const isThere = () => devices.get('heater/main/on')?.isAvailable
  says('$state', 'sleeping')
  t.equal(isThere(), null)
  says('$state', 'alert')
  t.equal(isThere(), true)
  says('$state', 'disconnected')
  t.equal(isThere(), false)
})

/** A device of version 5, of this description. */
function five(nodes: unknown, base = 'homie/5/it') {
  const playing = playTo(homie)
  const describe = (next: unknown) =>
    playing.hear(`${base}/$description`, JSON.stringify({ homie: '5.0', nodes: next }), true)
  playing.hear(`${base}/$state`, 'ready', true)
  describe(nodes)
  return { ...playing, describe }
}

t.test('a description that changes leaves what it has no more', async (t) => {
  const { describe, devices, hear, told } = five({
    a: { properties: { on: { datatype: 'boolean' }, level: { datatype: 'float' } } },
    b: { properties: { text: { datatype: 'string', settable: true }, odd: 3 } },
    c: 3,
  })
  t.same(
    [...devices.values()].map(({ id, facts: { kind } }) => [id, kind]),
    [
      ['it/a/on', 'binary-sensor'],
      ['it/a/level', 'sensor'],
      ['it/b/text', 'text'],
    ],
  )
  hear('homie/5/it/a/level', '3.5', true)
  hear('homie/5/it/a/level', 'nan', true)
  hear('homie/5/it/a/level', ' ', true)
  hear('homie/5/it/a/on/set', 'true')
  t.same(devices.get('it/a/level')?.values, { level: [3.5, null] })
  t.notOk(
    told.some(({ what }) => what === 'observed'),
    'it cannot be set',
  )
  describe({ a: { properties: { level: { datatype: 'float' } } } })
  hear('homie/5/it/a/on', 'true', true)
  t.same([...devices.keys()], ['it/a/level'])
  hear('homie/5/it/$description', '{', true)
  hear('homie/5/it/$description', '3', true)
  hear('homie/5/it/$log', 'x')
  t.ok(told.some(({ what }) => what === 'left-out'))
})

t.test('a domain of its own has devices of its own', async (t) => {
  const nodes = { a: { properties: { on: { datatype: 'boolean' } } } }
  const { devices } = five(nodes, 'cellar/5/it')
  t.same([...devices.keys()], ['cellar/5/it/a/on'])
})

t.test('whoever says what is no state of Homie keeps the topics', async (t) => {
  const { hear, claims } = playTo(homie)
  const isOwned = () => claims.on('house/5/lamp/$state')?.isOwned
  hear('house/5/lamp/$state', '{"value":1}', true)
  t.equal(isOwned(), false)
  hear('house/5/lamp/$state', 'init', true)
  t.equal(isOwned(), true)
})

t.test('a format says what a property can be set to', async (t) => {
  const ranges = (datatype: string, format: string, unit = '') => {
    const { devices } = heater(
      {},
      {
        ...{ $homie: '4.0', 'main/mode/$datatype': datatype, 'main/mode/$settable': 'true' },
        ...{ 'main/mode/$format': format, 'main/mode/$unit': unit },
      },
    )
    return devices.get('heater/main/mode')?.facts.ranges
  }
  t.same(ranges('enum', 'eco,comfort'), { value: { options: ['eco', 'comfort'] } })
  const most = { min: undefined, max: 30, step: 0.5, unit: '°C' }
  t.same(ranges('float', ':30:0.5', '°C'), { value: most })
  t.same(ranges('integer', '1:odd'), { value: { min: 1, max: undefined, step: undefined } })
  t.same(ranges('boolean', 'off,on'), { state: {} })
  t.same(ranges('enum', ''), { value: {} })
})
