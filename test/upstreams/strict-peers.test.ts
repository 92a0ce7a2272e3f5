import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { type WebSocket, WebSocketServer } from 'ws'
import { dialOnce } from '../../src/open-upstreams.ts'
import { talkTo } from '../started-hub.ts'
import { outcome, secretFile, startedDialling, type Upstreams } from './dialled-hub.ts'

/** A system that does what it is known to do, and nothing else: what it objects to is a defect of ours. */
interface StrictPeer {
  /** Why it takes no websocket: a whole answer, or undefined when it takes it. */
  refuses?(request: IncomingMessage): string | undefined
  opened(socket: WebSocket): void
  answered?(request: IncomingMessage, response: ServerResponse, body: string): void
}

async function startedPeer(t: Test, peer: StrictPeer): Promise<number> {
  const server = createServer({ maxHeaderSize: 4096 }, async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString()
    if (peer.answered) peer.answered(request, response, body)
    else response.writeHead(404).end()
  })
  const websockets = new WebSocketServer({ noServer: true })
  const sockets = new Set<Duplex>()
  server.on('upgrade', (request, socket, head) => {
    sockets.add(socket.on('error', () => {}))
    const refusal = peer.refuses?.(request)
    if (refusal !== undefined) socket.end(refusal)
    else websockets.handleUpgrade(request, socket, head, peer.opened)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.closeAllConnections()
    server.close()
  })
  return Object(server.address()).port
}

const json = (response: ServerResponse, value: unknown, status = 200) =>
  response
    .writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' })
    .end(JSON.stringify(value))

// --- deCONZ: one port for all, and a stranger is told what everybody may know ---

function deconz(key: string): StrictPeer & { port: number } {
  const uniqueid = '00:0b:57:ff:fe:11:22:33-01'
  const state = { alert: 'none', bri: 100, on: false, reachable: true }
  const event = (id: string) =>
    `{"e":"changed","id":"${id}","r":"lights","state":${JSON.stringify(state)},"t":"event","uniqueid":"${uniqueid}"}`
  const all = {
    ...{ alarmsystems: {}, resourcelinks: {}, rules: {}, scenes: {}, schedules: {}, sensors: {} },
    groups: { 1: { name: 'All', scenes: [], state: { all_on: false, any_on: false } } },
    lights: {
      1: { name: 'Lamp', type: 'Dimmable light', uniqueid, state, modelid: 'X', etag: 'e' },
      2: {
        ...{ name: 'Gone', type: 'On/Off light', uniqueid: '00:0b:57:ff:fe:11:22:44-01' },
        state: { on: true, reachable: true },
      },
    },
  }
  const unreachable = [
    {
      error: {
        ...{ address: '/lights/2/state/on', type: 202 },
        description: 'parameter, on, is not modifiable. Device is not reachable.',
      },
    },
  ]
  const sockets = new Set<WebSocket>()
  const switchLamp = (body: string) => {
    Object.assign(state, JSON.parse(body))
    setImmediate(() => {
      for (const socket of sockets) socket.send(event('1'))
    })
  }
  const peer: StrictPeer & { port: number } = {
    port: 0,
    refuses: ({ headers }) =>
      headers.upgrade === 'websocket' ? undefined : 'HTTP/1.1 404 Not Found\r\n\r\n',
    opened: (socket) => {
      sockets.add(socket)
      // The group of all lights has two numbers.
      socket.send(
        '{"e":"changed","id":"65520","r":"groups","state":{"all_on":false,"any_on":false},"t":"event"}',
      )
    },
    answered: ({ method, url }, response, body) => {
      const [, , given, ...path] = String(url).split('/')
      const about = `${method} ${path.join('/')}`
      if (about !== 'GET config' && given !== key) {
        json(response, unauthorized(path), 403)
        return
      }
      if (about === 'PUT lights/1/state') switchLamp(body)
      const websocketport = given === key ? peer.port : undefined
      const answers: Readonly<Record<string, unknown>> = {
        'GET config': { name: 'Phoscon-GW', apiversion: '1.16.0', websocketport },
        'GET ': all,
        'PUT lights/1/state': [{ success: { '/lights/1/state/on': state.on } }],
        'PUT lights/2/state': unreachable,
      }
      json(response, answers[about] ?? [])
    },
  }
  return peer
}

const unauthorized = ([section = '']: readonly string[]) => [
  { error: { type: 1, address: `/${section}`, description: 'unauthorized user' } },
]

// --- Jeedom: the plugin looks at the page first, tells some events twice, and is silent when it is content ---

function jeedom(key: string): StrictPeer {
  const info = {
    ...{ id: '11', type: 'info', subType: 'binary', generic_type: 'ENERGY_STATE', name: 'État' },
    ...{ currentValue: 0, unite: '' },
  }
  const action = (id: string, generic_type: string) => ({
    ...{ id, type: 'action', subType: 'other', generic_type, name: generic_type, value: '11' },
  })
  const plug = {
    ...{ id: '1', name: 'Prise', isEnable: '1', eqType_name: 'openzwave', status: {} },
    cmds: [info, action('12', 'ENERGY_ON'), action('13', 'ENERGY_OFF')],
  }
  const letIn = new Set<WebSocket>()
  // What is empty is "ok".
  const results: Readonly<Record<string, unknown>> = {
    'object::full': [{ id: '1', name: 'Salon', eqLogics: [plug] }],
    'eqLogic::all': 'ok',
    'cmd::all': 'ok',
    'cmd::execCmd': 'ok',
  }
  const refusal = (status: string, header = '') =>
    `HTTP/1.1 ${status}\r\nX-Powered-By: Ratchet/0.4.4\r\n${header}\r\n`
  const tell = (value: number) => {
    const event = {
      ...{ datetime: '1795225477.623116', name: 'cmd::update' },
      option: { cmd_id: '11', value, display_value: value, unit: '', raw_unit: '' },
    }
    const others = [
      { datetime: 1_795_225_477.5, name: 'jeedom::alertPopup', option: 'Bonjour' },
      { datetime: 1_795_225_477.6, name: 'message::refreshMessageNumber', option: [] },
    ]
    const frame = JSON.stringify({ datetime: 1_795_225_479.421_343, result: [event, ...others] })
    for (const socket of letIn) for (const each of [frame, frame]) socket.send(each)
  }
  return {
    refuses: ({ headers }) => {
      if (headers.origin === undefined || new URL(headers.origin).hostname !== '127.0.0.1') {
        return refusal('403 Forbidden')
      }
      const isOffered = headers['sec-websocket-protocol'] !== undefined
      return isOffered ? refusal('426 Upgrade', 'Sec-WebSocket-Version: 13\r\n') : undefined
    },
    opened: (socket) => {
      socket.once('message', (frame) => {
        const isKnown = String(frame) === JSON.stringify({ apiKey: key })
        if (isKnown) letIn.add(socket)
        else socket.close(1000)
      })
    },
    answered: (_request, response, body) => {
      const { method, params } = JSON.parse(body)
      const answer = (part: object) => json(response, { jsonrpc: '2.0', id: 1, ...part })
      const error = (code: number, message: string) => answer({ error: { code, message } })
      if (params.apikey !== key) {
        error(2, "Clé API invalide, vous n'êtes pas autorisé")
        return
      }
      if (method === 'cmd::execCmd') tell(params.id === '12' ? 1 : 0)
      const result = results[method]
      if (result === undefined) error(500, 'Aucune méthode correspondante')
      else answer({ result })
    },
  }
}

// --- Netzer: values are texts, and each command is answered ---

function netzer(): StrictPeer {
  const pins = Object.fromEntries([...'0123456789abc'].map((index) => [index, '0']))
  let taken: WebSocket | undefined
  return {
    // Whoever is second is not answered.
    refuses: () => (taken === undefined ? undefined : ''),
    opened: (socket) => {
      taken = socket.on('close', () => {
        taken = undefined
      })
      socket.on('message', (frame) => {
        const [path = '', value] = String(frame).split('=')
        const [, trigger, index = ''] = /^(t?)uv(.?)$/.exec(path) ?? []
        const answer = (v: object) => socket.send(JSON.stringify({ u: { v } }))
        if (trigger === 't') socket.send(JSON.stringify({ t: { u: { v: { [index]: value } } } }))
        else if (path === 'uv') answer(pins)
        else if (value === undefined) answer({ [index]: pins[index] })
        else {
          pins[index] = value
          answer({ [index]: value })
        }
      })
    },
  }
}

// --- Tvheadend: Digest on everything, one subprotocol, and no close frames ---

const md5 = (text: string) => createHash('md5').update(text).digest('hex')

function tvheadend(user: string, password: string): StrictPeer {
  const challenge = 'Digest realm="tvheadend", qop=auth, nonce="bm9uY2U=", opaque="b3BhcXVl"'
  /** The status with which it is refused. */
  const refusalOf = ({ method, url, headers }: IncomingMessage): number | undefined => {
    const given = new Map(
      [...(headers.authorization ?? '').matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)].map(
        ([, name, quoted, plain]) => [name, quoted ?? plain],
      ),
    )
    if (!headers.authorization?.startsWith('Digest ')) return 401
    if (given.get('uri') !== url || given.get('opaque') !== 'b3BhcXVl') return 401
    const [secret, asked] = [md5(`${user}:tvheadend:${password}`), md5(`${method}:${url}`)]
    const middle = ['nonce', 'nc', 'cnonce', 'qop'].map((name) => given.get(name)).join(':')
    return given.get('response') === md5(`${secret}:${middle}:${asked}`) ? undefined : 403
  }
  const lists: Readonly<Record<string, unknown>> = {
    '/api/serverinfo': { sw_version: '4.3-2000', api_version: 19, name: 'Tvheadend' },
    '/api/status/inputs': { entries: [], totalCount: 0 },
    '/api/status/subscriptions': { entries: [], totalCount: 0 },
    '/api/status/connections': { entries: [{ id: 1 }], totalCount: 1 },
    '/api/dvr/entry/grid_upcoming': { entries: [], total: 0 },
  }
  return {
    refuses: (request) => {
      const status = refusalOf(request)
      if (status !== undefined)
        return `HTTP/1.1 ${status} No\r\nWWW-Authenticate: ${challenge}\r\n\r\n`
      const offered = request.headers['sec-websocket-protocol']
      // It answers with it whatever was offered, and whoever has not asked for it gives up.
      return offered === 'tvheadend-comet' ? undefined : 'HTTP/1.1 415 No\r\n\r\n'
    },
    opened: (socket) => {
      const first = { notificationClass: 'accessUpdate', admin: 1, freediskspace: 5, time: 1 }
      const messages = [first, { notificationClass: 'setServerIpPort', ip: '127.0.0.1', port: 1 }]
      socket.send(JSON.stringify({ boxid: 'a'.repeat(40), messages }))
      socket.send('{"messages":[{"notificationClass":"logmessage","logtxt":"x\u0001y"}]}')
    },
    answered: (request, response) => {
      const status = refusalOf(request)
      if (status !== undefined) {
        response.writeHead(status, { 'WWW-Authenticate': challenge }).end('<html></html>')
        return
      }
      const list = lists[String(request.url).split('?')[0] ?? '']
      if (list === undefined) response.writeHead(404).end('<html></html>')
      else json(response, list)
    },
  }
}

// --- Clown.Talk: the bridge in C behind a web server that asks for a password ---

function bridge(user: string, password: string, objections: string[]): StrictPeer {
  return {
    refuses: ({ headers }) =>
      headers.authorization === `Basic ${btoa(`${user}:${password}`)}`
        ? undefined
        : 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="hub"\r\n\r\n',
    opened: (socket) => {
      let isIntroduced = false
      const hear = (line: string) => {
        const [topic, payload]: [string, unknown] = JSON.parse(line)
        isIntroduced ||= topic === 'clown.talk/-/config/set'
        if (!isIntroduced || !isBridgeLine(line)) objections.push(line)
        const answers = bridgeAnswers[topic] ?? [JSON.stringify(['relay/i2c0-3b', payload])]
        for (const answer of answers) socket.send(answer)
      }
      socket.on('message', (frame) => {
        for (const line of String(frame)
          .split('\n')
          .filter((each) => each !== ''))
          hear(line)
      })
    },
  }
}

/** A topic of three or four levels, of up to 32 characters each, an object, and nothing else. */
const isBridgeLine = (line: string) =>
  /^\["([^"/]{1,32}\/){2,3}[^"/]{1,32}",\{.*\}\]$/.test(line) && JSON.parse(line).length === 2

const bridgeAnswers: Readonly<Record<string, readonly string[]>> = {
  'clown.talk/-/config/set': [
    '["clown.talk/-/config/ok", {"ack":false, "device":"bridge", "capabilities":1}]',
  ],
  '-/-/config/list': [
    '["-/-/config/list/ok", {"sensor":[],"actuator":["relay/i2c0-3b"]}]',
    '["thermometer/i2c0-48", {"temperature":[20.01,"℃"]}]',
    '["relay/i2c0-3b",{"state":false}]',
  ],
}

t.test('each language is spoken as its system is known to want it', async (t) => {
  const key = 'A1B2C3D4E5F60708'
  const [keyFile, passwordFile] = [secretFile(key), secretFile('bigclown')]
  const [wrongKey, wrongPassword] = [secretFile('wrong-key-of-nobody'), secretFile('guessed')]
  const objections: string[] = []
  const gateway = deconz(key)
  gateway.port = await startedPeer(t, gateway)
  const [box, board, tv, talk] = await Promise.all(
    [
      jeedom(key),
      netzer(),
      tvheadend('clown', 'bigclown'),
      bridge('clown', 'bigclown', objections),
    ].map((peer) => startedPeer(t, peer)),
  )
  const signedIn = { user: 'clown', passwordFile }
  const upstreams = {
    zigbee: { dialect: 'deconz', url: `http://127.0.0.1:${gateway.port}`, keyFile },
    box: {
      ...({ dialect: 'jeedom', url: `http://127.0.0.1:${box}`, keyFile } as const),
      websocketUrl: `ws://127.0.0.1:${box}/`,
    },
    board: { dialect: 'netzer', url: `ws://127.0.0.1:${board}/ws`, pins: { 3: 'output' } },
    tv: { dialect: 'tvheadend', url: `http://127.0.0.1:${tv}`, ...signedIn },
    talk: {
      ...({ dialect: 'clown-talk', ...signedIn } as const),
      url: `ws://127.0.0.1:${talk}/auth/clown-talk-server_nodes_bridge_0`,
    },
  } as const satisfies Upstreams
  const { hub, status } = await startedDialling(t, upstreams)
  for (const name of Object.keys(upstreams)) {
    const first = await status((each) => each.name === name && each.state !== 'connecting')
    t.match(first, { state: 'connected' }, name)
  }
  const client = await talkTo(t, hub, '/talk')
  client.send('clown.talk/-/config/set', {})
  await client.on('upstreams/talk/-/relay/i2c0-3b')
  const [, log] = await client.on('upstreams/tv/server/event/log')
  t.match(log, { event: 'x y' })
  const done = ['accepted', 'sent', 'confirmed']
  const lamp = 'upstreams/zigbee/00:0b:57:ff:fe:11:22:33'
  t.same(await outcome(client, `${lamp}/light/01`, { state: true }), done)
  const gone = await outcome(client, 'upstreams/zigbee/00:0b:57:ff:fe:11:22:44/light/01', {
    state: false,
  })
  t.match(gone.at(-1), /is not modifiable. Device is not reachable/)
  t.same(await outcome(client, 'upstreams/box/1/relay/11', { state: true }), done)
  t.same(await outcome(client, 'upstreams/board/board/relay/3', { state: true }), done)
  t.same(await outcome(client, 'upstreams/talk/-/relay/i2c0-3b', { state: true }), done)
  t.same(objections, [])

  // Strangers, as each of them tells them off.
  const stopped = new Promise<void>(() => {})
  const tried = async (name: keyof typeof upstreams, more: object) => {
    const settings = { ...upstreams[name], ...more }
    const { status } = await dialOnce({ name, settings, waitMs: 30_000, stopped })
    return `${status.state}: ${status.reason}`
  }
  const elsewhere = { url: `http://localhost:${box}` }
  const reasons = await Promise.all([
    tried('zigbee', { keyFile: wrongKey }),
    tried('box', { keyFile: wrongKey }),
    tried('box', elsewhere),
    tried('board', {}),
    tried('tv', { passwordFile: wrongPassword }),
    tried('talk', { passwordFile: wrongPassword }),
  ])
  t.match(reasons, [
    /^refused: expected a key that the gateway knows/,
    /^refused: expected (a key that Jeedom knows|the plugin to take the key)/,
    /^refused: .* HTTP 403: its allowed hosts have to have "localhost"/,
    /room for one connection, which another program may have/,
    /^refused: expected to be let in, got HTTP 403/,
    /^refused: expected to be let in, got HTTP 401/,
  ])
})
