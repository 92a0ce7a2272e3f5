import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import t from 'tap'
import { deconzGateway } from '../../src/upstreams/deconz/deconz.ts'
import { testCertificate } from '../certificates.ts'
import { deconzHouse } from '../dialects/deconz/deconz-house.ts'
import { freePort } from '../programs.ts'
import { bringsIn, dialledBy, fastClock } from './contract.ts'
import { house, light, mac, startedGateway } from './deconz-gateway.ts'
import { secretFile, startedDialling } from './dialled-hub.ts'
import { startedFarSide } from './far-side.ts'

const keyFile = secretFile('0123456789')

t.test('the house of a hub that serves deCONZ is here', async (t) => {
  const served = await deconzHouse(t)
  const settings = { dialect: 'deconz', url: `http://127.0.0.1:${served.port}` } as const
  await bringsIn(t, {
    house: served,
    settings: { ...settings, keyFile: secretFile(served.key) },
    relay: '/relay/01',
    thermometer: '/thermometer/01-0402',
    withinMs: 50,
  })
})

t.test('what a hub has from others is marked, and brought in by none', async (t) => {
  const other = await startedFarSide(t, {
    said: (_text, socket) => socket.send('["relay/1", {"state":true}]'),
  })
  const served = await deconzHouse(t, {
    upstreams: { other: { dialect: 'clown-talk', url: `ws://127.0.0.1:${other.port}/` } },
  })
  for (;;) {
    const [light] = Object.values((await served.get('/lights')).body)
    if (light === undefined) continue
    t.match(light, { manufacturername: 'Clown.Hub upstreams' })
    break
  }
})

t.test('a gateway as its documentation has it', async (t) => {
  const gateway = await startedGateway(t)
  const settings = { dialect: 'deconz', url: `http://127.0.0.1:${gateway.port}`, keyFile } as const
  const known = [
    { node: mac, kind: 'relay', part: '99' },
    { node: 'sun', kind: 'sensor', part: '-' },
  ] as const
  const { connect, endings, told, next, ask, factsOf } = dialledBy(t, deconzGateway, {
    settings,
    known,
  })
  t.same(told[1], ['available', `${mac}-99`, false])
  ask(`${mac}-99`, {})
  const end = connect()
  t.equal(await endings.next(), undefined)
  t.same(told.at(-1), ['forget', `${mac}-99`])
  const reports = told.filter(([what]) => what === 'report')
  t.same(Object.fromEntries(reports.map(([, id, report]) => [id, report])), {
    [`${mac}-02`]: {
      ...{ state: true, brightness: 50, 'color-temp': 370, color: 'FF0000', effect: 'none' },
    },
    [`${mac}-03`]: { state: false },
    [`${mac}-04`]: { state: 'open', position: 70, tilt: 90 },
    [`${mac}-05`]: { state: true, speed: 50 },
    [`${mac}-06`]: { state: 'locked' },
    [`${mac}-09`]: {},
    'groups-1': { state: false, brightness: 100 },
    'groups-2': {},
    [`${mac}-01-0402`]: { temperature: [21.5, '℃'], battery: [93, '%'] },
    [`${mac}-01-1000`]: {},
    [`${mac}-01-0201`]: {
      ...{ temperature: [19, '℃'], setpoint: 21, mode: 'heat', action: 'heating' },
    },
    [`${mac}-01-0406`]: { state: true, motion: [true, null] },
    [`${mac}-01-0101`]: { state: 'jammed' },
    'sensors-6': { state: true },
    sun: { state: false },
    [`${mac}-01-0702`]: { energy: [1234, 'Wh'], power: [10, 'W'], current: [0.05, 'A'] },
    [`${mac}-01-0400`]: { illuminance: [100, 'lux'] },
    [`${mac}-02-0500`]: { 'battery-low': [true, null] },
    [`${mac}-03-0101`]: {},
  })
  t.match(factsOf(`${mac}-02`), {
    node: mac,
    part: '02',
    kind: 'light',
    model: 'M',
    firmware: '1.2',
  })
  t.same(told.find(([what, id]) => what === 'available' && id === `${mac}-03`)?.[2], false)

  const confirmable = (id: string, asked: object) => factsOf(id).isConfirmable?.({ ...asked })
  t.same(confirmable(`${mac}-02`, { brightness: 3, state: true }), true)
  t.same(confirmable(`${mac}-02`, { brightness: 0 }), false)
  t.same(confirmable(`${mac}-04`, { state: 'stop' }), false)
  t.same(confirmable('groups-1', { state: true }), true)
  t.same(confirmable('groups-1', { color: 'FF0000' }), false)

  const done = [200, [{ success: {} }]] as [number, unknown]
  const asks: [id: string, asked: object, path: string, body: unknown][] = [
    [`${mac}-02`, { state: true }, 'lights/2/state', { on: true }],
    [
      `${mac}-02`,
      { brightness: 50, 'color-temp': 200.4 },
      'lights/2/state',
      { on: true, bri: 127, ct: 200 },
    ],
    [`${mac}-02`, { brightness: 0 }, 'lights/2/state', { on: false }],
    [`${mac}-02`, { state: false, brightness: 9 }, 'lights/2/state', { on: false, bri: 23 }],
    [`${mac}-02`, { effect: 'colorloop' }, 'lights/2/state', { effect: 'colorloop' }],
    [`${mac}-03`, { state: true }, 'lights/3/state', { on: true }],
    [`${mac}-04`, { state: 'stop' }, 'lights/4/state', { stop: true }],
    [`${mac}-04`, { state: 'close' }, 'lights/4/state', { open: false }],
    [`${mac}-04`, { position: 70, tilt: 20 }, 'lights/4/state', { lift: 30, tilt: 80 }],
    [`${mac}-05`, { speed: 50, state: true }, 'lights/5/state', { speed: 3, on: true }],
    [`${mac}-06`, { state: 'unlock' }, 'lights/6/state', { on: false }],
    [
      `${mac}-01-0201`,
      { setpoint: 20.5, mode: 'off' },
      'sensors/3/config',
      { heatsetpoint: 2050, mode: 'off' },
    ],
    [`${mac}-01-0101`, { state: 'lock' }, 'sensors/5/config', { lock: true }],
    ['groups-1', { state: true }, 'groups/1/action', { on: true }],
    [`${mac}-02`, { color: 'FF8000' }, 'lights/2/state', { xy: [0.543, 0.407] }],
  ]
  for (const [id, asked, path, body] of asks) {
    gateway.answers.push(done)
    ask(id, { ...asked })
    while (gateway.puts.length === 0) await new Promise(setImmediate)
    t.same(gateway.puts.splice(0), [[`/api/0123456789/${path}`, body]])
  }
  t.throws(() => ask(`${mac}-02`, { color: 'none' }), { code: 'bad-payload' })
  t.throws(() => ask(`${mac}-02`, { speed: 3 }), {
    message: /expected one of brightness, .* got speed/,
  })

  const says = [
    ['lights', `${mac}-04`, { open: false }, { state: 'closed' }],
    ['lights', `${mac}-06`, { on: false }, { state: 'unlocked' }],
    ['sensors', `${mac}-01-0201`, { on: false }, { action: 'idle' }],
    ['sensors', `${mac}-01-0101`, { lockstate: 'locked' }, { state: 'locked' }],
    ['sensors', `${mac}-01-0101`, { lockstate: 'unlocked' }, { state: 'unlocked' }],
    ['sensors', `${mac}-01-0402`, { pressure: 1013 }, { pressure: [101.3, 'kPa'] }],
  ] as const
  for (const [r, uniqueid, state, report] of says) {
    gateway.event({ e: 'changed', r, uniqueid, id: '0', state })
    t.same(await next('report', uniqueid, report), report)
  }

  // A point comes back rounded.
  gateway.event({ e: 'changed', r: 'lights', id: '2', state: { xy: [0.54, 0.41] } })
  t.same(await next('report', `${mac}-02`, { color: 'FF8000' }), { color: 'FF8000' })

  const refused: [answers: [number, unknown][], reason: RegExp][] = [
    [
      [[200, [{ success: {} }, { error: { type: 8, description: 'not &quot;on&quot;' } }]]],
      /^not "on"$/,
    ],
    [[[200, [{ error: {} }, { error: { description: 'b' } }]]], /^\{\}; b$/],
    [[[404, { strange: true }]], /^it has answered "\{\\"strange\\":true\}"$/],
    [Array(3).fill([503, [{ error: { type: 951, description: 'busy' } }]]), /^busy$/],
  ]
  for (const [answers, reason] of refused) {
    gateway.answers.push(...answers)
    ask(`${mac}-03`, { state: true })
    t.match(await next('refuse'), reason)
  }

  // What was not sent by the end of a link never is; who does not answer a command is away.
  gateway.answers.push([503, [{ error: { type: 951 } }]])
  ask(`${mac}-03`, { state: false })
  gateway.puts.length = 0
  while (gateway.puts.length === 0) await new Promise(setImmediate)
  end()
  await new Promise<void>((resolve) => fastClock.after(1000, resolve))
  t.equal(gateway.puts.length, 1)
  connect()
  await endings.next()
  gateway.answers.push([0, 'nothing'])
  ask(`${mac}-03`, { state: false })
  t.match(await endings.next(), { reason: /expected an answer of "127.0.0.1:\d+", nothing came/ })
})

t.test('what happens at a gateway is told', async (t) => {
  const gateway = await startedGateway(t)
  const settings = { dialect: 'deconz', url: `http://127.0.0.1:${gateway.port}`, keyFile } as const
  const { connect, endings, told, next, factsOf } = dialledBy(t, deconzGateway, { settings })
  const end = connect()
  // While the first picture is still read.
  while (gateway.sockets.length === 0) await new Promise(setImmediate)
  gateway.event({ e: 'changed', r: 'lights', id: '3', state: { on: true } })
  await endings.next()
  const news = async (id: string) => next('report', id)
  t.same(await news(`${mac}-03`), { state: false })
  t.same(await news(`${mac}-03`), { state: true })

  const uniqueid = `${mac}-01-1000`
  await news(uniqueid)
  const press = (state: object) =>
    gateway.event({ e: 'changed', r: 'sensors', id: '2', uniqueid, state })
  press({ buttonevent: 1002, lastupdated: 'a' })
  press({ buttonevent: 2001, lastupdated: 'b' })
  t.same(await news(uniqueid), { event: '2-hold' })
  press({ buttonevent: 1015 })
  t.same(await news(uniqueid), { event: '1-15' })
  press({ buttonevent: 1015 })
  t.same(await news(uniqueid), { event: '1-15' })

  gateway.event({ e: 'scene-called', r: 'scenes', gid: '2', scid: '4' })
  t.same(await news('groups-2-scenes'), { event: 'Dusk' })
  gateway.event({ e: 'scene-called', r: 'scenes', gid: '2', scid: '5' })
  t.same(await news('groups-2-scenes'), { event: '5' })
  gateway.event({ e: 'changed', r: 'groups', id: '1', state: { any_on: true } })
  await news('groups-1')
  t.same(await news('groups-1'), { state: true })

  told.length = 0
  const changed = { e: 'changed', r: 'lights', uniqueid: `${mac}-05` }
  gateway.event({ ...changed, id: '5', attr: { lastseen: '2026-11-30T21:00Z' } })
  gateway.event({ ...changed, id: '5', state: { reachable: false } })
  gateway.event({ ...changed, id: '5', attr: { name: 'Breeze' } })
  gateway.event({ ...changed, id: '5', name: 'Wind' })
  gateway.event({ e: 'changed', r: 'groups', id: '65520', state: { any_on: true } })
  gateway.event({ e: 'changed', r: 'alarmsystems', id: '1', state: { armstate: 'disarmed' } })
  gateway.event({ e: 'deleted', r: 'groups', id: '2' })
  gateway.event({ e: 'deleted', r: 'groups', id: '2' })
  gateway.event({ t: 'else' })
  gateway.event({ e: 'added', r: 'lights', id: '20', light: light('20', 'Dimmable light', {}) })
  await next('device', `${mac}-020`)
  t.equal(factsOf(`${mac}-05`).name, 'Wind')
  t.same(
    told
      .filter(([what]) => what === 'available' || what === 'forget')
      .map((each) => each.slice(0, 3)),
    [
      ['available', `${mac}-05`, false],
      ['forget', 'groups-2'],
      ['forget', 'groups-2-scenes'],
      ['available', `${mac}-020`, true],
    ],
  )

  // It is elsewhere now, and what was unknown is looked for: all is read again.
  const all = house()
  const { 3: plug, ...lights } = all.lights
  gateway.all = { ...all, lights: { ...lights, 33: plug } }
  gateway.event({
    e: 'changed',
    r: 'lights',
    id: '33',
    uniqueid: `${mac}-03`,
    state: { on: false },
  })
  await next('forget', `${mac}-020`)
  gateway.event({ e: 'added', r: 'groups', id: '9' })
  gateway.all = { ...all, groups: { 9: { name: 'New' } } }
  await next('device', 'groups-9')
  end()
  gateway.event({ e: 'changed', r: 'groups', id: '9', state: {} })
})

t.test('whatever a gateway does wrong is said in one sentence', async (t) => {
  const at = (far: { port: number }) => `http://127.0.0.1:${far.port}`
  const answering = async (status: number, body: string, headers = {}) =>
    at(
      await startedFarSide(t, {
        requested: (_request, response) => void response.writeHead(status, headers).end(body),
      }),
    )
  const speaking = async (said: string | Buffer, change: object = {}) => {
    const gateway = await startedGateway(t)
    Object.assign(gateway, change)
    const speaker = await startedFarSide(t, { opened: (socket) => socket.send(said) })
    Object.assign(gateway.config as object, { websocketport: speaker.port })
    return at(gateway)
  }
  const config = '{"websocketport":1}'
  const cut = await startedFarSide(t, {
    requested: (_request, response) => {
      response.writeHead(200, { 'Content-Length': 100 }).write('{')
      setTimeout(() => response.destroy(), 20)
    },
  })
  const closed = await startedGateway(t)
  Object.assign(closed, { config: { websocketport: await freePort() } })
  const { certFile, keyFile: certKeyFile } = await testCertificate(t)
  const files = { cert: readFileSync(certFile), key: readFileSync(certKeyFile) }
  const stranger = createServer(files).listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  t.teardown(() => stranger.close())
  stranger.on('request', ({ url = '' }, response) => {
    const [, first] = url.split('/')
    const port = first === '2' ? 2 : first
    response.end(JSON.stringify({ websocketport: 1, websocketport_wss: port }))
  })
  const secure = (first: unknown) => `https://127.0.0.1:${Object(stranger.address()).port}/${first}`
  const lying = await startedGateway(t)
  Object.assign(lying, { all: { lights: [] } })
  const cases = {
    key: [
      await answering(200, '{"name":"Phoscon","swversion":"2"}'),
      'refused',
      /a key that the gateway knows/,
    ],
    forbidden: [await answering(403, '[]'), 'refused', /HTTP 403/],
    password: [await answering(401, ''), 'refused', /HTTP 401/],
    moved: [
      await answering(301, '', { Location: 'https://x/' }),
      'refused',
      /HTTP 301: it is at "https/,
    ],
    vanished: [await answering(300, ''), 'away', /got HTTP 300/],
    words: [await answering(200, 'hello'), 'away', /expected JSON, got "hello"/],
    nothing: [await answering(200, ''), 'away', /expected JSON, got "" with HTTP 200/],
    half: [await answering(200, '{"websocketport":'), 'away', /expected JSON/],
    types: [await answering(200, '{"websocketport":"443"}'), 'refused', /a key/],
    list: [await answering(200, '[1]'), 'refused', /a key/],
    huge: [await answering(200, 'x'.repeat(10_000_000)), 'away', /at most 8388608 bytes/],
    cut: [at(cut), 'away', /whole answer|cut the connection|aborted/],
    nobody: [`http://127.0.0.1:${await freePort()}`, 'away', /nothing listens/],
    unknown: ['http://nobody.invalid', 'away', /name/],
    secure: [at(lying).replace('http', 'https'), 'away', /expected HTTP: /],
    certificate: [
      `https://127.0.0.1:${Object(stranger.address()).port}`,
      'away',
      /expected a certificate that fits/,
    ],
    authority: [at(lying), 'away', /nowhere/, { caFile: '/nowhere' }],
    override: [at(lying), 'away', /nothing listens/, { websocketUrl: 'ws://127.0.0.1:1/' }],
    wss: [secure(2), 'away', /"127.0.0.1:2"/, { caFile: certFile }],
    ws: [secure('none'), 'away', /"127.0.0.1:1"/, { caFile: certFile }],
    port: [at(closed), 'away', /nothing listens/],
    impossible: [await answering(200, config), 'away', /127.0.0.1:1/],
    picture: [at(lying), 'away', /expected lights, groups and sensors, got "\{\\"lights/],
    rubbish: [await speaking('rubbish'), 'away', /expected an event as JSON, got "rubbish"/],
    number: [await speaking('3'), 'away', /expected an event as JSON/],
    bytes: [await speaking(Buffer.from([1])), 'away', /frames of text/],
    flood: [await speaking('x'.repeat(10_000_000)), 'away', /at most 4194304 bytes/],
  } as const
  const upstreams = Object.fromEntries(
    Object.entries(cases).map(([name, [url, , , more = {}]]) => [
      name,
      { dialect: 'deconz', url, keyFile, ...more } as const,
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
