import { createServer } from 'node:net'
import t from 'tap'
import { askHub } from '../../src/cli/hub-client.ts'
import { readCertificate } from '../../src/core/certificate.ts'
import { testCertificate } from '../certificates.ts'
import { freePort } from '../programs.ts'
import { answeringHub, listening, listeningTls } from './answering-hub.ts'

const { signal } = new AbortController()
const request = { path: '/api/command', json: '{"a":1e999}', signal }
const clown = { user: 'clown', password: 'běž:s3cret' }

t.test('a request is sent as it is, with credentials, and its answer read', async (t) => {
  const hub = await answeringHub(t, { status: 409, body: { receipt: 'superseded' } })
  const url = `http://127.0.0.1:${hub.port}/prefix`
  const answer = await askHub({ url, ...clown }, request)
  t.same(answer, { status: 409, body: { receipt: 'superseded' } })
  const credentials = Buffer.from('clown:běž:s3cret').toString('base64')
  t.same(hub.heard, [
    {
      method: 'POST',
      path: '/prefix/api/command',
      authorization: `Basic ${credentials}`,
      contentType: 'application/json',
      body: '{"a":1e999}',
    },
  ])
})

t.test('an answer without a JSON object is told with its status and how to mend it', async (t) => {
  const answers: [number, unknown, RegExp][] = [
    [401, 'expected a user', /got a refusal of the user name or password: correct them$/],
    [401, { code: 'forbidden' }, /got a refusal of the user name or password: correct them$/],
    [
      404,
      'nothing',
      /got status 404 without a JSON object: check that a Clown.Hub of this version/,
    ],
    [200, [], /got status 200 without a JSON object: check/],
    [302, '', /got status 302 without/],
    [
      421,
      'no such host',
      /got status 421 .*: use an IP address, or list the name in http\.hosts of/,
    ],
    [429, 'later', /got status 429 .*: wait a while, there were too many/],
    [503, 'later', /got status 503 .*: try again later, it has too much to do$/],
  ]
  for (const [status, body, message] of answers) {
    const { port } = await answeringHub(t, { status, body })
    const error = await askHub({ url: `http://127.0.0.1:${port}`, ...clown }, request).catch(
      (thrown: unknown) => thrown,
    )
    t.match(error, { code: 'cannot-connect', message })
    t.match(error, { message: `expected a hub at http://127.0.0.1:${port}, got ` })
    t.notMatch(String(error), /s3cret/)
  }
})

t.test('a hub that is not reached is told with the reason and how to mend it', async (t) => {
  const { certFile, keyFile } = await testCertificate(t)
  const pair = readCertificate({ certFile, keyFile })
  const nobody = await freePort()
  const hangingUp = await listening(
    t,
    createServer((socket) => socket.end()),
  )
  const foreign = await listening(
    t,
    createServer((socket) => socket.end('SSH-2.0\r\n\r\n')),
  )
  const { port: plain } = await answeringHub(t, { status: 200, body: {} })
  const encrypted = await listeningTls(t, pair, (_request, response) => response.end('{}'))
  const attempts: [string, RegExp][] = [
    [`http://127.0.0.1:${nobody}`, /got nobody listening: start it, or correct the address$/],
    [`http://localhost:${nobody}`, /got nobody listening/],
    [`http://127.0.0.1:${hangingUp}`, /got a closed connection: see its log; with TLS write https/],
    [`http://127.0.0.1:${foreign}`, /: check that a Clown\.Hub answers there$/],
    [`https://127.0.0.1:${plain}`, /got an answer without TLS: write http:\/\/ there$/],
    [`https://127.0.0.1:${encrypted}`, /got a certificate that is not trusted: name a file with/],
    ['http://127.0.0.1:6000', /got bad port: check/],
  ]
  for (const [url, message] of attempts) {
    const error = await askHub({ url, ...clown }, request).catch((thrown: unknown) => thrown)
    t.match(error, { code: 'cannot-connect', message })
    t.match(error, { message: `expected a hub at ${url}, got ` })
    t.notMatch(String(error), /s3cret/)
  }
})

t.test('an answer that ends in its middle is told as a connection that was closed', async (t) => {
  const breaking = await listening(
    t,
    createServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{'))
    }),
  )
  const hub = { url: `http://127.0.0.1:${breaking}`, ...clown }
  await t.rejects(askHub(hub, request), { code: 'cannot-connect', message: /a closed connection/ })
})
