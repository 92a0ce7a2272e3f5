import t, { type Test } from 'tap'
import { jeedomBox } from '../../src/upstreams/jeedom/jeedom.ts'
import { guestKey, jeedomHouse } from '../dialects/jeedom/jeedom-house.ts'
import { freePort } from '../programs.ts'
import { bringsIn, dialledBy } from './contract.ts'
import { secretFile, startedDialling } from './dialled-hub.ts'
import { type FarSide, startedFarSide } from './far-side.ts'

const keyFile = secretFile('a-key-of-a-user-of-jeedom')

t.test('the house of a hub that serves Jeedom is here', async (t) => {
  const house = await jeedomHouse(t)
  await bringsIn(t, {
    house,
    settings: {
      dialect: 'jeedom',
      url: `http://127.0.0.1:${house.port}`,
      websocketUrl: `ws://127.0.0.1:${house.port}/`,
      keyFile: secretFile(guestKey),
    },
    relay: '/relay/',
    thermometer: '/thermometer/',
    withinMs: 2000,
  })
})

let lastId = 100

const info = (id: number, generic: string, more: object = {}) => ({
  ...{
    id,
    type: 'info',
    subType: 'numeric',
    generic_type: generic,
    name: generic,
    currentValue: '',
  },
  ...more,
})

const action = (id: number, generic: string, more: object = {}) => ({
  ...{ id, type: 'action', subType: 'other', generic_type: generic, name: generic, value: '' },
  ...more,
})

const equipment = (id: number, name: string, ...[cmds, more = {}]: [object[], object?]) => ({
  ...{ id: String(id), name, isEnable: '1', eqType_name: 'virtual', status: {}, cmds, ...more },
})

const slider = (id: number, generic: string, more: object = {}) =>
  action(id, generic, { subType: 'slider', ...more })

const lamp = equipment(1, 'Lamp', [
  info(11, 'LIGHT_STATE_BOOL', { subType: 'binary', currentValue: 1 }),
  info(12, 'LIGHT_BRIGHTNESS', { currentValue: 99, configuration: { maxValue: '99' } }),
  info(13, 'LIGHT_COLOR', { subType: 'string', currentValue: '#ff8800' }),
  action(14, 'LIGHT_ON'),
  action(15, 'LIGHT_OFF'),
  slider(16, 'LIGHT_SLIDER', { configuration: { maxValue: '99' } }),
  action(17, 'LIGHT_SET_COLOR', { subType: 'color' }),
  slider(18, 'LIGHT_SET_COLOR_TEMP'),
])

const plugs = equipment(2, 'Plugs', [
  info(21, 'ENERGY_STATE', { subType: 'binary', currentValue: '0' }),
  info(22, 'ENERGY_STATE', { subType: 'binary', currentValue: 1 }),
  action(23, 'ENERGY_ON', { value: '22' }),
  action(24, 'ENERGY_OFF', { value: '22' }),
  action(25, 'ENERGY_ON', { value: null }),
  info(26, 'POWER', { unite: 'W', currentValue: '41.5' }),
])

const rest = equipment(3, 'Rest', [
  info(31, 'FLAP_STATE', { currentValue: 0 }),
  action(32, 'FLAP_UP'),
  action(33, 'FLAP_STOP'),
  slider(34, 'FLAP_SLIDER'),
  info(35, 'LOCK_STATE', { subType: 'binary', currentValue: 0 }),
  action(36, 'LOCK_CLOSE', { value: '35' }),
  info(37, 'TEMPERATURE', { unite: '°C', currentValue: 21.5 }),
  info(38, 'OPENING', { subType: 'binary', currentValue: 1 }),
  info(39, 'THERMOSTAT_MODE', { subType: 'string', currentValue: 'eco' }),
  action(40, 'THERMOSTAT_SET_MODE', { subType: 'select' }),
])

const plain = equipment(4, 'Plain', [
  info(41, '', { unite: 'l', currentValue: 'x' }),
  info(42, 'GENERIC_INFO', { subType: 'binary', currentValue: true }),
  info(43, '', { subType: 'string', currentValue: 'hi' }),
  action(44, ''),
  slider(45, '', { value: '41' }),
  action(46, '', { subType: 'select', value: 43 }),
  action(47, '', { subType: 'message', value: 7 }),
  info(48, '', { currentValue: ' ' }),
])

const others = [
  equipment(5, 'Off', [info(51, 'TEMPERATURE')], { isEnable: '0' }),
  equipment(6, 'Back', [info(61, 'TEMPERATURE')], {
    eqType_name: 'clownhub',
    logicalId: 'upstreams/a/b',
  }),
  equipment(7, 'Gone', [info(71, 'HUMIDITY', { currentValue: undefined, state: 40 })], {
    status: { timeout: 1 },
  }),
  { id: 8, name: 'Bare', cmds: [action(81, 'ENERGY_ON'), info(82, 'CO2', { currentValue: null })] },
  { id: 9, name: 'None', cmds: [action(91, '', { value: undefined })] },
  { name: 'nothing' },
  null,
]

interface Box extends FarSide {
  readonly calls: [method: string, params: Record<string, unknown>][]
  readonly results: Record<string, unknown>
  /** What happens on the websocket. */
  tell(...events: object[]): void
}

async function startedBox(
  t: Test,
  opened: (socket: { close(code: number): void }) => void = () => {},
) {
  const calls: Box['calls'] = []
  const results: Record<string, unknown> = {
    'jeeObject::full': { error: { code: 500, message: 'No method' } },
    'object::full': { result: [{ id: 1, eqLogics: [lamp, plugs, rest, ...others] }, { id: 2 }] },
    'eqLogic::all': { result: [lamp, { ...plain, cmds: undefined }] },
    'cmd::all': { result: plain.cmds.map((cmd) => ({ ...cmd, eqLogic_id: 4 })) },
    'cmd::execCmd': { result: 'ok' },
    'event::changes': { result: { datetime: 1, result: [] } },
  }
  const far = await startedFarSide(t, {
    opened,
    requested: async (request, response) => {
      const chunks = await request.toArray()
      const { method, params } = JSON.parse(Buffer.concat(chunks).toString())
      calls.push([method, params])
      response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, ...Object(results[method]) }))
    },
  })
  const tell = (...result: object[]) =>
    far.sockets.at(-1)?.send(JSON.stringify({ datetime: 1_795_225_479.4, result }))
  return { ...far, calls, results, tell }
}

function event(cmd_id: unknown, value: unknown) {
  return {
    datetime: `${1_795_225_477 + lastId++}.5`,
    name: 'cmd::update',
    option: { cmd_id, value },
  }
}

t.test('a box as its documentation has it', async (t) => {
  const box = await startedBox(t)
  const settings = {
    ...({ dialect: 'jeedom', url: `http://127.0.0.1:${box.port}`, keyFile } as const),
    websocketUrl: `ws://127.0.0.1:${box.port}/`,
  }
  const known = [{ node: '9', kind: 'relay' }] as const
  const { connect, endings, told, next, ask, factsOf } = dialledBy(t, jeedomBox, {
    settings,
    known,
  })
  const end = connect()
  t.equal(await endings.next(), undefined)
  t.equal(await box.heard.next(), '{"apiKey":"a-key-of-a-user-of-jeedom"}')
  const reports = told.filter(([what]) => what === 'report')
  t.same(Object.fromEntries(reports.map(([, id, report]) => [id, report])), {
    '1/light/-': { state: true, brightness: 100, color: 'FF8800' },
    '2/relay/21': { state: false },
    '2/relay/22': { state: true },
    '2/sensor/26': { power: [41.5, 'W'] },
    '3/cover/-': { position: 0, state: 'closed' },
    '3/lock/35': { state: 'unlocked' },
    '3/thermometer/37': { temperature: [21.5, '℃'] },
    '3/binary-sensor/38': { state: true, door: [true, null] },
    '3/climate/-': { mode: 'eco' },
    '4/sensor/41': { value: [null, 'l'] },
    '4/binary-sensor/42': { state: true },
    '4/sensor/43': { value: ['hi', null] },
    '4/button/44': {},
    '4/number/45': { value: null },
    '4/select/46': { value: 'hi' },
    '4/text/47': {},
    '4/sensor/48': { value: [null, null] },
    '8/relay/-': {},
    '8/co2-sensor/82': {},
    '9/button/91': {},
    '7/humidity-sensor/71': { 'relative-humidity': [40, null] },
  })
  t.match(factsOf('1/light/-'), { node: '1', name: 'Lamp', kind: 'light' })
  t.match(factsOf('3/binary-sensor/38'), { about: 'door', name: 'Rest OPENING' })
  t.ok(told.some((each) => JSON.stringify(each) === '["available","7/humidity-sensor/71",false]'))
  t.equal(factsOf('1/light/-').isConfirmable?.({ state: true, brightness: 3 }), true)
  t.equal(factsOf('1/light/-').isConfirmable?.({ 'color-temp': 300 }), false)
  t.equal(factsOf('3/cover/-').isConfirmable?.({ state: 'stop' }), false)

  box.calls.length = 0
  const asks: [id: string, asked: object, executed: object][] = [
    ['1/light/-', { state: true }, { id: '14', options: {} }],
    ['1/light/-', { state: false }, { id: '15', options: {} }],
    ['1/light/-', { brightness: 50 }, { id: '16', options: { slider: 50 } }],
    ['1/light/-', { color: 'FF0000' }, { id: '17', options: { color: '#ff0000' } }],
    ['1/light/-', { 'color-temp': 300 }, { id: '18', options: { slider: 300 } }],
    ['2/relay/22', { state: true }, { id: '23', options: {} }],
    ['2/relay/21', { state: true }, { id: '25', options: {} }],
    ['3/cover/-', { state: 'open' }, { id: '32', options: {} }],
    ['3/cover/-', { position: 30 }, { id: '34', options: { slider: 30 } }],
    ['3/lock/35', { state: 'lock' }, { id: '36', options: {} }],
    ['3/climate/-', { mode: 'off' }, { id: '40', options: { select: 'off' } }],
    ['4/button/44', {}, { id: '44', options: {} }],
    ['4/number/45', { value: 7 }, { id: '45', options: { slider: 7 } }],
    ['4/text/47', { value: 'hello' }, { id: '47', options: { title: '', message: 'hello' } }],
  ]
  for (const [id, asked, executed] of asks) {
    ask(id, { ...asked })
    while (box.calls.length === 0) await new Promise(setImmediate)
    t.match(box.calls.splice(0), [['cmd::execCmd', executed]], id)
  }
  t.throws(() => ask('2/relay/21', { state: false }), { code: 'bad-payload' })
  t.throws(() => ask('1/light/-', { speed: 1 }), { message: /got speed 1/ })
  box.results['cmd::execCmd'] = { error: { code: -32_000, message: 'Occupé' } }
  ask('4/button/44', {})
  t.equal(await next('refuse', '4/button/44'), 'Jeedom says "Occupé" (-32000)')

  const twice = event('22', 0)
  told.length = 0
  box.tell(twice)
  box.tell(twice, event(31, '70'))
  t.same(await next('report', '3/cover/-', { position: 70, state: 'open' }), {
    position: 70,
    state: 'open',
  })
  t.equal(told.filter(([, id]) => id === '2/relay/22').length, 1)
  for (let count = 0; count < 1100; count++) box.tell({ ...event(1, 1), name: 'notify' })
  box.tell(event(12, 'x'), event(82, undefined))
  t.same(await next('report', '1/light/-', { brightness: null }), { brightness: null })
  box.tell(event(35, 1))
  t.same(await next('report', '3/lock/35', { state: 'locked' }), { state: 'locked' })

  // What is heard of and was not there is looked for, once.
  box.calls.length = 0
  box.tell(event(999, 1), event(999, 2))
  await next('device', '1/light/-')
  box.results['object::full'] = { result: 'ok' }
  box.results['eqLogic::all'] = { result: [lamp] }
  box.results['cmd::all'] = { result: 'ok' }
  box.tell({ ...event(1, 1), name: 'eqLogic::update' })
  await next('forget', '2/relay/21')
  end()
  box.tell(event(22, 1))
})

t.test('where there is no plugin, the box is polled', async (t) => {
  const box = await startedBox(t)
  box.results['object::full'] = { result: [{ eqLogics: [plugs] }] }
  box.results['eqLogic::all'] = { result: [plugs] }
  box.results['event::changes'] = { result: { datetime: 7, result: [event('21', 1)] } }
  const settings = {
    ...({ dialect: 'jeedom', url: `http://127.0.0.1:${box.port}`, keyFile } as const),
    websocketUrl: `ws://127.0.0.1:${await freePort()}/`,
  }
  const { connect, endings, next } = dialledBy(t, jeedomBox, { settings })
  connect()
  t.equal(await endings.next(), undefined)
  t.same(await next('report', '2/relay/21', { state: true }), { state: true })
  while (box.calls.at(-1)?.[1]['datetime'] !== 7) await new Promise(setImmediate)
  // Its clock was ahead, and is set right.
  box.results['event::changes'] = { result: { datetime: 3, result: [] } }
  while (box.calls.at(-1)?.[1]['datetime'] !== 3) await new Promise(setImmediate)
  box.results['event::changes'] = { result: 'ok' }
  t.match(await endings.next(), { reason: /expected events of Jeedom, got "\\"ok\\""/ })
})

t.test('whatever a box does wrong is said in one sentence', async (t) => {
  const at = (far: { port: number }) => {
    const [url, websocketUrl] = [`http://127.0.0.1:${far.port}`, `ws://127.0.0.1:${far.port}/`]
    return { url, websocketUrl }
  }
  const answering = async (method: string, answer: unknown) => {
    const box = await startedBox(t)
    box.results[method] = answer
    return at(box)
  }
  const speaking = async (said: string | Buffer) =>
    at(await startedBox(t, (socket) => (socket as unknown as WebSocket).send(said)))
  const refusing = async (status: number, headers = {}) => {
    const far = await startedFarSide(t, {
      refuse: { status, headers },
    })
    return at(far)
  }
  const raw = async (text: string) =>
    at(await startedFarSide(t, { requested: (_request, response) => void response.end(text) }))
  const cases = {
    key: [
      await answering('jeeObject::full', { error: { code: 2, message: 'Clé' } }),
      'refused',
      /expected a key that Jeedom knows, it says "Clé" \(2\)/,
    ],
    plugin: [
      at(await startedBox(t, (socket) => socket.close(1000))),
      'refused',
      /expected the plugin to take the key/,
    ],
    origin: [
      await refusing(403),
      'refused',
      /HTTP 403: its allowed hosts have to have "127.0.0.1"/,
    ],
    moved: [await refusing(301, { Location: 'ws://x/' }), 'refused', /HTTP 301: it is at/],
    closed: [at(await startedBox(t, (socket) => socket.close(4001))), 'away', /with 4001/],
    right: [
      await answering('jeeObject::full', { error: { code: 1, message: 'Non' } }),
      'away',
      /Jeedom says "Non" \(1\)/,
    ],
    code: [await answering('eqLogic::all', { error: {} }), 'away', /Jeedom says "undefined"/],
    list: [
      await answering('object::full', { result: 3 }),
      'away',
      /expected a list of Jeedom, got "3"/,
    ],
    result: [await answering('object::full', {}), 'away', /expected a result of object::full/],
    words: [await speaking('hello'), 'away', /expected events of Jeedom, got "hello"/],
    object: [await speaking('{"datetime":1}'), 'away', /expected events of Jeedom/],
    event: [await speaking('{"datetime":1,"result":[{"name":3}]}'), 'away', /expected events/],
    clock: [await speaking('{"datetime":"yesterday","result":[]}'), 'away', /expected events/],
    half: [await speaking('{"datetime":1,'), 'away', /expected events/],
    bytes: [await speaking(Buffer.from([1])), 'away', /frames of text/],
    huge: [await speaking('x'.repeat(10_000_000)), 'away', /at most 4194304 bytes/],
    html: [await raw('<html>'), 'away', /expected JSON, got "<html>"/],
    flood: [await raw('x'.repeat(10_000_000)), 'away', /at most 8388608 bytes/],
    nobody: [{ url: `http://127.0.0.1:${await freePort()}` }, 'away', /nothing listens/],
    name: [{ url: 'https://nobody.invalid' }, 'away', /name/],
  } as const
  const upstreams = Object.fromEntries(
    Object.entries(cases).map(([name, [where]]) => [
      name,
      { dialect: 'jeedom', keyFile, ...where } as const,
    ]),
  )
  const { status } = await startedDialling(t, upstreams)
  for (const [name, [, state, reason]] of Object.entries(cases)) {
    const told = await status(
      (each) => each.name === name && each.state !== 'connecting' && each.state !== 'connected',
    )
    t.match(told, { state, reason, nextTry: /Z$/ }, name)
  }
})
