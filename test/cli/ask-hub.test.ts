import { chmodSync } from 'node:fs'
import { createServer } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { askHub } from '../../src/cli/ask-hub.ts'
import { hubAddress } from '../../src/cli/hub-address.ts'
import { readCertificate } from '../../src/core/certificate.ts'
import { writePrivate } from '../access/users.ts'
import { testCertificate } from '../certificates.ts'
import { freePort } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { answeringHub, listening, listeningTls } from './answering-hub.ts'

const lab = { url: 'http://127.0.0.1:8080', user: 'clown', password: 'bigclown' }
const nothing = { environment: {} }

t.test('without a word about it, the hub of the lab is meant', async (t) => {
  t.same(hubAddress({}, nothing), lab)
})

t.test('a variable names another hub, and the command line goes before it', async (t) => {
  const environment = { CLOWN_HUB_URL: 'https://bob:s3cret@hub.local/hub/' }
  const ofVariable = { url: 'https://hub.local/hub', user: 'bob', password: 's3cret' }
  t.same(hubAddress({}, { environment }), ofVariable)
  t.same(hubAddress({ url: 'http://clown:bigclown@127.0.0.1:8080' }, { environment }), lab)
})

t.test('user and password are percent-decoded, whatever they hold', async (t) => {
  const word = fc.string({ unit: 'grapheme', minLength: 1 })
  fc.assert(
    fc.property(word, word, (user, password) => {
      const url = `http://${encodeURIComponent(user)}:${encodeURIComponent(password)}@[::1]:8080`
      const address = hubAddress({ url }, nothing)
      t.same(address, { url: 'http://[::1]:8080', user, password })
      return true
    }),
  )
})

t.test('a password may stand in a file that others cannot read', async (t) => {
  const file = `${testFolder(t)}/password`
  writePrivate(file, 's3cret\n')
  const values = { url: 'http://bob@127.0.0.1:8080', 'password-file': file }
  const address = { url: 'http://127.0.0.1:8080', user: 'bob', password: 's3cret' }
  t.same(hubAddress(values, nothing), address)
  t.same(hubAddress({ ...values, url: 'http://bob:old@127.0.0.1:8080' }, nothing), address)
  chmodSync(file, 0o644)
  t.throws(() => hubAddress(values, nothing), { code: 'exposed-secret' })
  t.throws(() => hubAddress({ 'password-file': `${file}s` }, nothing), { code: 'unreadable-file' })
})

t.test('who is nobody is told how to say who they are', async (t) => {
  const environment = { CLOWN_HUB_URL: 'http://127.0.0.1:8080' }
  t.throws(() => hubAddress({}, { environment }), {
    code: 'cannot-connect',
    message:
      'expected a user and a password for the hub at http://127.0.0.1:8080: write them in ' +
      'CLOWN_HUB_URL, or the user there and the password in a file that --password-file names',
  })
  for (const url of ['http://bob@127.0.0.1:8080', 'http://:s3cret@127.0.0.1:8080']) {
    const message =
      /^expected a user and a password for the hub at http:\/\/127.*in --url, (?!.*s3)/
    t.throws(() => hubAddress({ url }, nothing), { code: 'cannot-connect', message })
  }
})

t.test('what is no address of a hub is refused, and its password is not repeated', async (t) => {
  for (const url of [
    '',
    'secret',
    '127.0.0.1:8080',
    'ws://clown:secret@127.0.0.1',
    'mqtt://clown:secret@127.0.0.1',
    'http://clown:secret@127.0.0.1:port',
    'http://clown:12/secret@127.0.0.1',
    'http://clown:12?secret@127.0.0.1',
    'http://clown:12#secret@127.0.0.1',
    'http://clown:secret%zz@127.0.0.1',
    'http://clo%zz:secret@127.0.0.1',
  ]) {
    const message =
      /^expected --url to be like http:\/\/user:password@127\.0\.0\.1:8080, (?!.*secret)/
    t.throws(() => hubAddress({ url }, nothing), { code: 'cannot-connect', message }, url)
  }
  const environment = { CLOWN_HUB_URL: 'hub' }
  const message = /^expected CLOWN_HUB_URL to be like/
  t.throws(() => hubAddress({}, { environment }), { code: 'cannot-connect', message })
})

const request = { path: '/api/command', json: '{"a":1e999}' }
const waiting = { stopped: new Promise<void>(() => {}) }
const clown = { user: 'clown', password: 'běž:s3cret' }

t.test('a request is sent as it is, with credentials, and its answer read', async (t) => {
  const hub = await answeringHub(t, { status: 409, body: { receipt: 'superseded' } })
  const url = `http://127.0.0.1:${hub.port}/prefix`
  const answer = await askHub({ url, ...clown }, request, waiting)
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
    const error = await askHub(
      { url: `http://127.0.0.1:${port}`, ...clown },
      request,
      waiting,
    ).catch((thrown: unknown) => thrown)
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
    ['http://127.0.0.1:1', /got nobody listening/],
  ]
  for (const [url, message] of attempts) {
    const error = await askHub({ url, ...clown }, request, waiting).catch(
      (thrown: unknown) => thrown,
    )
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
  await t.rejects(askHub(hub, request, waiting), {
    code: 'cannot-connect',
    message: /a closed connection/,
  })
})
