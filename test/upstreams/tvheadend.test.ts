import t, { type Test } from 'tap'
import type { WebSocket } from 'ws'
import { tvheadendServer } from '../../src/upstreams/tvheadend.ts'
import { startedHouse } from '../dialects/house.ts'
import { freePort } from '../programs.ts'
import { talkTo } from '../started-hub.ts'
import { dialledBy } from './contract.ts'
import { secretFile, startedDialling } from './dialled-hub.ts'
import { startedFarSide } from './far-side.ts'

t.test('a hub that serves Tvheadend is here, by Digest', async (t) => {
  const users = { clown: { password: 'bigclown', role: 'admin', digest: true } } as const
  const bridge = { password: 'bridge1', role: 'node', base: 'nodes/bridge/0' } as const
  const dialects = [{ dialect: 'tvheadend', port: 0 } as const]
  const house = await startedHouse(t, 'tvheadend', { dialects, users: { ...users, bridge } })
  await house.report('thermometer/1', { temperature: [20, '℃'] })
  const { ears, status } = await startedDialling(t, {
    far: {
      dialect: 'tvheadend',
      url: `http://127.0.0.1:${house.port}`,
      user: 'clown',
      passwordFile: secretFile('bigclown'),
    },
  })
  const dialledMs = performance.now()
  await status(({ state }) => state === 'connected')
  t.ok(performance.now() - dialledMs < 2000)
  await ears.messages.next(
    ({ topic }) => topic.endsWith('/sensor/-') || topic.includes('$SYS/hub/nodes/'),
  )
  await talkTo(t, house.hub)
  await ears.messages.next(({ topic }) => topic === 'upstreams/far/server/sensor/connections')
  const saidMs = performance.now()
  await fetch(`http://127.0.0.1:${house.port}/api/serverinfo`, {
    headers: { Authorization: `Basic ${btoa('stranger:wrong')}` },
  })
  const { payload } = await ears.messages.next(
    ({ topic }) => topic === 'upstreams/far/server/event/log',
  )
  t.match(String(payload), /sign-in-refused: a wrong user/)
  // It tells once a second, and this machine may be busy.
  t.ok(performance.now() - saidMs < 1500, 'a line of its log is here within its second')
})

const accessUpdate = {
  ...{ notificationClass: 'accessUpdate', admin: 1, freediskspace: 70 },
  ...{ useddiskspace: 20, totaldiskspace: 90 },
}

const tuner = {
  ...{ uuid: 'f00d', input: 'DVB-T #0', stream: '506MHz', subs: 1, unc: 3, bps: 1000 },
  ...{ signal: 65_535, signal_scale: 1, snr: 21_500, snr_scale: 2 },
}

interface Answers {
  [path: string]: unknown
}

/** A server as the original answers it; paths may be answered with a status. */
async function startedServer(
  t: Test,
  more: Answers = {},
  side: Parameters<typeof startedFarSide>[1] = {},
) {
  const asked: string[] = []
  const results: Answers = {
    '/api/serverinfo': { sw_version: '4.3', api_version: 19 },
    '/api/status/inputs': { entries: [tuner, { uuid: 'b', input: 'upstreams/a' }], totalCount: 2 },
    '/api/status/subscriptions': { entries: [{ id: 1, title: 'Watch' }] },
    '/api/status/connections': { entries: [{}, {}] },
    '/api/dvr/entry/grid_upcoming': { entries: [{ sched_status: 'scheduled' }], total: 1 },
    '/comet/poll': {
      boxid: 'polled',
      messages: [{ notificationClass: 'logmessage', logtxt: 'hi' }],
    },
    ...more,
  }
  const far = await startedFarSide(t, {
    opened: (socket) => socket.send(JSON.stringify({ boxid: 'abc', messages: [accessUpdate, 3] })),
    requested: ({ url = '' }, response) => {
      asked.push(url)
      const found = results[url.split('?')[0] ?? '']
      const [status, headers] = Array.isArray(found) ? found : [200, {}]
      response.writeHead(status, headers)
      response.end(typeof found === 'string' ? found : JSON.stringify(found))
    },
    ...side,
  })
  const tell = (...messages: object[]) => far.sockets.at(-1)?.send(JSON.stringify({ messages }))
  return { ...far, asked, results, tell, url: `http://127.0.0.1:${far.port}` }
}

t.test('a server as the original is', async (t) => {
  const server = await startedServer(t)
  const settings = { dialect: 'tvheadend', url: server.url } as const
  const known = [{ node: 'old', kind: 'sensor', part: '-' }] as const
  const { connect, endings, told, next } = dialledBy(t, tvheadendServer, { settings, known })
  const end = connect()
  t.equal(await endings.next(), undefined)
  t.same(await next('report', 'server/sensor/disk'), {
    ...{ free: [70, 'B'], used: [20, 'B'], total: [90, 'B'] },
  })
  const reports = told.filter(([what]) => what === 'report')
  t.match(Object.fromEntries(reports.map(([, id, report]) => [id, report])), {
    'f00d/sensor/-': {
      ...{ signal: [100, '%'], snr: [21.5, 'dB'], subscriptions: [1, null], errors: [3, null] },
      ...{ rate: [1000, 'bit/s'], stream: '506MHz' },
    },
    'server/sensor/connections': { count: [2, null] },
    'server/sensor/subscriptions': { count: [1, null] },
    'server/binary-sensor/recording': { state: false, title: null },
  })
  t.ok(told.some(([what, id]) => what === 'forget' && id === 'old/sensor/-'))

  server.tell({ ...tuner, notificationClass: 'input_status', update: 1 })
  server.tell({
    ...tuner,
    notificationClass: 'input_status',
    update: 1,
    signal: 0,
    signal_scale: 0,
  })
  t.match(await next('report', 'f00d/sensor/-'), { signal: [100, '%'] })
  t.match(await next('report', 'f00d/sensor/-'), { signal: [null, '%'] })
  server.tell({ uuid: 'f00d', notificationClass: 'input_status', update: 1, bps: 'x', stream: 3 })
  t.match(await next('report', 'f00d/sensor/-'), {
    errors: [null, null],
    rate: [null, 'bit/s'],
    stream: null,
  })
  server.tell({ notificationClass: 'input_status', update: 1, uuid: 'strange' })
  server.tell({ notificationClass: 'logmessage', logtxt: '2026-11-21 01:44:37.123 dvr: gone' })
  t.same(await next('report', 'server/event/log'), { event: 'dvr: gone' })
  server.sockets
    .at(-1)
    ?.send('{"messages":[{"notificationClass":"logmessage","logtxt":"a\u0007b"}]}')
  t.same(await next('report', 'server/event/log'), { event: 'a b' })
  server.sockets.at(-1)?.send('rubbish')
  server.tell({ notificationClass: 'diskspaceUpdate', freediskspace: 1, useddiskspace: 'x' })
  t.same(await next('report', 'server/sensor/disk'), {
    ...{ free: [1, 'B'], used: [null, 'B'], total: [null, 'B'] },
  })

  server.results['/api/status/subscriptions'] = {
    entries: [{ id: 2, title: 'DVR', channel: 'One' }],
  }
  server.results['/api/dvr/entry/grid_upcoming'] = {
    entries: [{ sched_status: 'recording', disp_title: 'News' }],
  }
  server.tell(
    { notificationClass: 'subscriptions', reload: 1 },
    { notificationClass: 'dvrentry', change: ['a'] },
  )
  server.tell({ notificationClass: 'subscriptions', updateEntry: 1, id: 2 })
  t.same(await next('report', 'server/event/started'), { event: 'started DVR One' })
  t.same(await next('report', 'server/event/started'), { event: 'ended Watch' })
  await next('report', 'server/binary-sensor/recording')
  t.match(await next('report', 'server/binary-sensor/recording'), { state: true, title: 'News' })

  // It drops the connection when one ends, and the mailbox goes on.
  server.sockets.at(-1)?.terminate()
  t.match(await endings.next(), { reason: 'it has cut the connection' })
  connect()
  t.equal(await endings.next(), undefined)
  end()
})

t.test(
  'who is no administrator does without, and a server without websockets is polled',
  async (t) => {
    const server = await startedServer(
      t,
      { '/api/status/inputs': [403, {}], '/api/status/connections': [403, {}] },
      { refuse: { status: 404, headers: {} } },
    )
    const settings = { dialect: 'tvheadend', url: server.url } as const
    const { connect, endings, next } = dialledBy(t, tvheadendServer, { settings })
    connect()
    t.equal(await endings.next(), undefined)
    t.same(await next('report', 'server/event/log'), { event: 'hi' })
    while (!server.asked.includes('/comet/poll?boxid=polled&immediate=0')) {
      await new Promise(setImmediate)
    }
    server.results['/comet/poll'] = [500, {}]
    t.match(await endings.next(), { reason: /got HTTP 500/ })
  },
)

t.test('whatever a server does wrong is said in one sentence', async (t) => {
  const answering = async (path: string, answer: unknown) =>
    (await startedServer(t, { [path]: answer })).url
  const saying = async (said: string | Buffer) =>
    (await startedServer(t, {}, { opened: (socket: WebSocket) => socket.send(said) })).url
  const passwordFile = secretFile('wrong')
  const basic = { 'www-authenticate': 'Basic realm="x"' }
  const digest = { 'www-authenticate': 'Digest realm="tvheadend", qop=auth, nonce="n"' }
  const nonsense = { 'www-authenticate': 'Digest ' }
  const closing = await startedServer(t, {}, { opened: (socket) => socket.close(4001) })
  const refusing = await startedServer(t, {}, { refuse: { status: 403, headers: {} } })
  const info = '/api/serverinfo'
  const inputs = '/api/status/inputs'
  const signedIn = { user: 'clown', passwordFile }
  const cases = {
    nobody: [`http://127.0.0.1:${await freePort()}`, 'away', /nothing listens/],
    name: ['http://nobody.invalid', 'away', /name/],
    password: [await answering(info, [403, {}]), 'refused', /HTTP 403/],
    unsigned: [await answering(info, [401, digest]), 'refused', /HTTP 401/],
    digest: [await answering(info, [401, digest]), 'refused', /HTTP 401/, signedIn],
    basic: [await answering(info, [401, basic]), 'refused', /HTTP 401/, signedIn],
    nonsense: [await answering(info, [401, nonsense]), 'refused', /HTTP 401/, signedIn],
    none: [await answering(info, [401, {}]), 'refused', /HTTP 401/, signedIn],
    moved: [await answering(info, [301, { location: 'https://x/' }]), 'refused', /it is at "https/],
    html: [await answering(info, '<html>'), 'away', /expected JSON, got "<html>"/],
    other: [await answering(info, { name: 'x' }), 'away', /expected the version of a Tvheadend/],
    missing: [await answering(info, [404, {}]), 'away', /HTTP 404/],
    huge: [await answering(info, 'x'.repeat(10_000_000)), 'away', /at most 8388608 bytes/],
    entries: [
      await answering(inputs, { entries: 3 }),
      'away',
      /expected the entries of \/api\/status\/inputs/,
    ],
    lists: [await answering(inputs, 'no'), 'away', /expected JSON, got "no"/],
    words: [await saying('hello'), 'away', /expected a mailbox of Tvheadend, got "hello"/],
    types: [await saying('{"messages":3}'), 'away', /expected a mailbox/],
    half: [await saying('{"messages":['), 'away', /expected a mailbox/],
    bytes: [await saying(Buffer.from([1])), 'away', /frames of text/],
    flood: [await saying('x'.repeat(10_000_000)), 'away', /at most 4194304 bytes/],
    closed: [closing.url, 'away', /with 4001/],
    upgrade: [refusing.url, 'refused', /HTTP 403/],
  } as const
  const upstreams = Object.fromEntries(
    Object.entries(cases).map(([name, [url, , , more = {}]]) => [
      name,
      { dialect: 'tvheadend', url, ...more } as const,
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
