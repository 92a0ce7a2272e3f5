import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { generate } from 'selfsigned'
import t, { type Test } from 'tap'
import { dialOnce } from '../../src/open-upstreams.ts'
import { atLength } from '../full-length.ts'
import { listen } from '../simulator/started-node.ts'
import { testFolder } from '../test-folder.ts'
import { secretFile, type Upstreams } from './dialled-hub.ts'

type Dialect = Upstreams[string]['dialect']

const keyFile = secretFile('0123456789abcdef')

/** Where each language dials a port, with TLS or without. */
const ways: Readonly<
  Record<Dialect, (port: number, s: '' | 's') => Omit<Upstreams[string], 'dialect'>>
> = {
  'clown-talk': (port, s) => ({ url: `ws${s}://127.0.0.1:${port}/talk` }),
  deconz: (port, s) => ({ url: `http${s}://127.0.0.1:${port}`, keyFile }),
  netzer: (port, s) => ({ url: `ws${s}://127.0.0.1:${port}/ws` }),
  jeedom: (port, s) => ({
    ...{ url: `http${s}://127.0.0.1:${port}`, keyFile },
    websocketUrl: `ws${s}://127.0.0.1:${port}/`,
  }),
  tvheadend: (port, s) => ({ url: `http${s}://127.0.0.1:${port}` }),
}

const dialects = ['clown-talk', 'deconz', 'netzer', 'jeedom', 'tvheadend'] as const

interface Case {
  readonly port: number
  readonly isSecure?: true
  readonly caFile?: string
  readonly state: 'away' | 'refused'
  readonly reason: RegExp
}

/** Every language tells each case in the same way. */
async function tellEach(t: Test, cases: Readonly<Record<string, Case>>): Promise<void> {
  const stopped = new Promise<void>(() => {})
  const dialled = Object.entries(cases).flatMap(([name, { port, isSecure, caFile, ...told }]) =>
    dialects.map(async (dialect) => {
      const way = ways[dialect](port, isSecure ? 's' : '')
      const settings = { dialect, ...way, ...(caFile && { caFile }) }
      const { status } = await dialOnce({ name, settings, waitMs: 60_000, stopped })
      t.match(status, { ...told, nextTry: /Z$/ }, `${name} ${dialect}`)
    }),
  )
  await Promise.all(dialled)
}

/** Whoever comes and says something is answered these bytes, and cut off. */
async function answering(t: Test, bytes: string): Promise<number> {
  const { port } = await listen(t, (socket) => {
    socket.once('data', () => socket.end(bytes))
  })
  return port
}

const answer = (status: string, headers = '') =>
  `HTTP/1.1 ${status}\r\n${headers}Content-Length: 0\r\nConnection: close\r\n\r\n`

t.test('redirects, refusals and broken answers are told by every language', async (t) => {
  const moved = (status: string, place: string) =>
    answering(t, answer(status, `Location: ${place}\r\n`))
  const cut = await listen(t, (socket) => socket.resetAndDestroy())
  const shut = await listen(t, (socket) => socket.end())
  const away = 'away' as const
  const refused = 'refused' as const
  const upgraded = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: no\r\n'
  await tellEach(t, {
    moved: {
      port: await moved('301 Moved', 'https://elsewhere.example/'),
      ...{
        state: refused,
        reason: /HTTP 301: it is at "https:\/\/elsewhere.example\/", which url/,
      },
    },
    found: {
      port: await moved('302 Found', '/login?next=%2F'),
      ...{ state: refused, reason: /HTTP 302: it is at "\/login\?next=%2F"/ },
    },
    kept: {
      port: await moved('308 Permanent', 'ws://127.0.0.1:1/'),
      ...{ state: refused, reason: /HTTP 308: it is at "ws:/ },
    },
    nowhere: { port: await answering(t, answer('307 So')), state: away, reason: /HTTP 307/ },
    stranger: { port: await answering(t, answer('401 No')), state: refused, reason: /HTTP 401/ },
    forbidden: { port: await answering(t, answer('403 No')), state: refused, reason: /HTTP 403/ },
    broken: { port: await answering(t, answer('500 Oh')), state: away, reason: /HTTP 500/ },
    busy: { port: await answering(t, answer('429 Slow')), state: away, reason: /HTTP 429/ },
    other: {
      port: await answering(t, 'SSH-2.0-OpenSSH_9.2\r\n'),
      ...{ state: away, reason: /expected (a websocket|HTTP): Parse Error/ },
    },
    head: {
      port: await answering(t, 'HTTP/1.1 200 O'),
      ...{ state: away, reason: /cut the connection|whole answer|Parse Error|hang up/ },
    },
    long: {
      port: await answering(t, `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`),
      ...{ state: away, reason: /Header overflow|cut the connection/ },
    },
    upgraded: {
      port: await answering(t, answer('101 Switching Protocols', upgraded)),
      ...{ state: away, reason: /Sec-WebSocket-Accept|expected HTTP, got a websocket/ },
    },
    cut: { port: cut.port, state: away, reason: /cut the connection/ },
    shut: { port: shut.port, state: away, reason: /cut the connection|hang up/ },
  })
})

const dayMs = 86_400_000

/** A server of TLS whose certificate is for `names`, from so many days until so many from now. */
async function secured(t: Test, names: readonly string[], ...days: [from: number, to: number]) {
  const [from, to] = days
  const onDay = (day: number) => new Date(Date.now() + day * dayMs)
  const made = await generate([{ name: 'commonName', value: 'Far' }], {
    ...{ keyType: 'ec', algorithm: 'sha256' },
    ...{ notBeforeDate: onDay(from), notAfterDate: onDay(to) },
    extensions: [
      {
        name: 'subjectAltName',
        altNames: names.map((name) =>
          /^[\d.]+$/.test(name) ? { type: 7, ip: name } : { type: 2, value: name },
        ),
      },
    ],
  })
  const server = createTlsServer({ cert: made.cert, key: made.private })
  server.on('tlsClientError', () => {})
  return { port: await portOf(t, server), cert: made.cert }
}

async function portOf(t: Test, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return Object(server.address()).port
}

t.test('certificates that do not fit, and clocks apart, are told by every language', async (t) => {
  const here = ['127.0.0.1']
  const unknown = await secured(t, here, -1, 1)
  const elsewhere = await secured(t, ['elsewhere.example'], -1, 1)
  const expired = await secured(t, here, -9, -1)
  const early = await secured(t, here, 1, 9)
  const plain = await listen(t, (socket) => socket.end(answer('400 No')))
  const folder = testFolder(t, {
    'elsewhere.pem': elsewhere.cert,
    'expired.pem': expired.cert,
    'early.pem': early.cert,
  })
  const away = { state: 'away', isSecure: true } as const
  const fits = 'expected a certificate that fits "127.0.0.1:\\d+", got another: '
  const clock = ': its clock or that of this machine may be wrong'
  const told = (words: string) => ({ ...away, reason: new RegExp(`^${fits}${words}`) })
  await tellEach(t, {
    unknown: { port: unknown.port, ...told('self-signed certificate$') },
    elsewhere: {
      ...{ port: elsewhere.port, caFile: `${folder}/elsewhere.pem` },
      ...told("Hostname/IP does not match certificate's altnames"),
    },
    expired: {
      ...{ port: expired.port, caFile: `${folder}/expired.pem` },
      ...told(`certificate has expired${clock}$`),
    },
    early: {
      ...{ port: early.port, caFile: `${folder}/early.pem` },
      ...told(`certificate is not yet valid${clock}$`),
    },
    plain: { ...away, port: plain.port, reason: /expected (a websocket|HTTP): / },
  })
})

/** It takes ten seconds. */
const skip = atLength(1, 0) === 0

t.test('who stands still is given up by every language', { skip }, async (t) => {
  const still = await listen(t, () => {})
  await tellEach(t, {
    still: { port: still.port, state: 'away', reason: /nothing came|has timed out/ },
  })
})
