import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { DigestResult } from '../../../src/access/digest.ts'
import { signIn } from '../../../src/dialects/tvheadend/open.ts'
import { startedWith } from '../../changing-users.ts'
import { asked } from '../asked.ts'
import { servedContract } from '../served-contract.ts'
import {
  type Batch,
  called,
  connected,
  isRelayOn,
  mqttAs,
  relay,
  report,
  started,
} from './tvheadend-client.ts'

servedContract(t, {
  dialect: 'tvheadend',
  connect: (port) => new WebSocket(`ws://127.0.0.1:${port}/comet/ws`),
  ignored: ['{', 'rubbish', '{"a":1}', '\u0000'],
  told: async (link, hub) => {
    await report(hub, relay, { state: true })
    await link.frames.next((frame) => frame.includes(`"topic":"${relay}","payload":{"state":true}`))
  },
  secret: { topic: relay, payload: { state: 'secret' }, told: /secret/ },
})

t.test('the first frame says who and where; then comes what devices reported last', async (t) => {
  const { hub, port } = await started(t)
  await report(hub, relay, { state: true })
  await report(hub, 'elsewhere/clock', 'noon')
  const { batches, of } = await connected(t, port)
  const first = await batches.next()
  t.match(first.boxid, /^[0-9a-f]{40}$/)
  t.match(first.messages, [
    {
      notificationClass: 'accessUpdate',
      username: 'clown',
      address: '127.0.0.1',
      admin: 1,
      dvr: 0,
    },
    { notificationClass: 'setServerIpPort', ip: '127.0.0.1', port },
  ])
  t.equal(first.messages.length, 2)
  await of('message', isRelayOn)
  t.equal((await batches.next()).boxid, undefined)
})

t.test('a mailbox smaller than the house begins with all of it', async (t) => {
  const { hub, url } = await started(t, undefined, {
    limits: { dialects: { mailboxMessages: 16 } },
  })
  const topics = Array.from({ length: 20 }, (_, at) => `nodes/bridge/0/relay/r${at}`)
  for (const topic of topics) await report(hub, topic, { state: true })
  const { messages } = await called<Batch>(`${url}/comet/poll`)
  t.match(messages, [
    { notificationClass: 'accessUpdate' },
    { notificationClass: 'setServerIpPort' },
  ])
  t.same(
    messages.filter(({ topic }) => topic !== undefined).map(({ topic }) => topic),
    topics,
  )
})

t.test('a subprotocol is echoed where it was offered, and never else', async (t) => {
  const { port } = await started(t)
  t.equal((await connected(t, port)).websocket.protocol, '')
  const offered = ['other', 'tvheadend-comet']
  t.equal((await connected(t, port, { offered })).websocket.protocol, 'tvheadend-comet')
  const answer = await upgraded(t, port, [
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: other',
  ])
  t.match(answer, /^HTTP\/1.1 101/)
  t.notMatch(answer, /Sec-WebSocket-Protocol/i)
})

t.test('who asks for a websocket without a key gets a page, and no mailbox', async (t) => {
  const { port, url } = await started(t, undefined, { limits: { dialects: { mailboxes: 1 } } })
  await connected(t, port)
  for (const key of [[], ['Sec-WebSocket-Key: 123456789']]) {
    t.match(await upgraded(t, port, key), /^HTTP\/1.1 415 .*text\/html/s)
  }
  t.equal((await fetch(`${url}/comet/poll`)).status, 503, 'the only one is read')
})

t.test('one mailbox is read by websocket and by poll in turn', async (t) => {
  const { hub, port, url } = await started(t)
  const first = await connected(t, port)
  const { boxid = '' } = await first.batches.next()
  first.websocket.close()
  await once(first.websocket, 'close')
  await report(hub, relay, { state: true })
  const poll = async (query: string, init?: RequestInit): Promise<Batch> => {
    const answer = await fetch(`${url}/comet/poll${query}`, init)
    t.match(answer.headers.get('content-type'), /json/)
    return JSON.parse(await answer.text())
  }
  const polled = await poll(`?boxid=${boxid}&immediate=0`)
  t.equal(polled.boxid, boxid)
  t.ok(polled.messages.some(isRelayOn))
  const body = new URLSearchParams({ boxid, immediate: '1' })
  t.equal((await poll('', { method: 'POST', body })).boxid, boxid)
  const again = await connected(t, port, { boxid })
  await report(hub, relay, { state: false })
  await again.of('message', ({ payload }) => JSON.stringify(payload) === '{"state":false}')
  t.notOk(
    again.told.items.some((one) => one.notificationClass === 'accessUpdate'),
    'it goes on',
  )
  const fresh = await poll('?boxid=0123456789abcdef')
  t.not(fresh.boxid, boxid)
  t.match(fresh.messages[0], { notificationClass: 'accessUpdate' })
  t.ok(fresh.messages.some(({ topic }) => topic === relay))
})

t.test('a client that never reads is cut, and costs the others nothing', async (t) => {
  const limits = {
    websocket: { messageBytes: 32_768, outboundBytes: 65_536, conflateBytes: 16_384 },
  }
  const { hub, port } = await started(t, undefined, { limits })
  const lazy = await connected(t, port)
  lazy.websocket.pause()
  const { of } = await connected(t, port)
  const client = await mqttAs(t, hub, 'flood')
  const ended = hub.log.next(({ kind }) => kind === 'websocket-slow-consumer')
  const state = { isCut: false }
  const watching = ended.then(() => {
    state.isCut = true
  })
  while (!state.isCut) {
    for (let at = 0; at < 20; at++) client.publish('a/b', JSON.stringify('x'.repeat(16_000)))
    await client.publishAsync('a/b', '"end"', { qos: 1 })
    lazy.websocket.send('{}')
  }
  await watching
  await report(hub, relay, { state: true })
  await of('message', isRelayOn)
})

t.test('with all mailboxes read, a new client is sent away', async (t) => {
  const { url, port } = await started(t, undefined, { limits: { dialects: { mailboxes: 1 } } })
  await connected(t, port)
  t.equal((await fetch(`${url}/comet/poll`)).status, 503)
  const late = new WebSocket(`ws://127.0.0.1:${port}/comet/ws`)
  const [, response] = await once(late, 'unexpected-response')
  t.equal(response.statusCode, 503)
})

/** What is answered to a request for a websocket with these headers. */
async function upgraded(t: Test, port: number, headers: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const first = ['GET /comet/ws HTTP/1.1', 'Host: localhost']
  const lines = [...first, 'Upgrade: websocket', 'Connection: upgrade', ...headers]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  const [answer] = await once(socket, 'data')
  return String(answer)
}

const user = { name: 'clown', rules: [], tokens: [] }

/** Digest whose answer is `result` for a request of `uri`. */
function digestThat(result: DigestResult, uri = '/api/x?a=1&b=%20') {
  return {
    digest: {
      isOfUse: () => true,
      challenge: (isStale = false) => `Digest${isStale ? ' stale' : ''}`,
      signIn: ({ isFor }: { isFor(uri: string): boolean }) =>
        Promise.resolve(isFor(uri) ? result : ({ refused: 'wrong' } as const)),
    },
  }
}

const request = asked({
  path: '/api/x',
  query: new URLSearchParams('?a=1&b=+'),
  headers: { authorization: 'Digest x' },
  guest: () => user,
})

t.test('Digest lets in, sends away, or asks for another nonce', async (t) => {
  t.equal(await signIn(request, digestThat({ user })), user)
  t.match(await signIn(request, digestThat({ refused: 'wrong' })), { status: 403 })
  t.match(await signIn(request, digestThat({ refused: 'stale' })), {
    status: 401,
    headers: { 'WWW-Authenticate': 'Digest stale' },
  })
  t.match(await signIn(request, digestThat({ refused: 'nobody' })), {
    status: 401,
    headers: { 'WWW-Authenticate': 'Digest' },
  })
  t.match(await signIn(request, digestThat({ refused: 'throttled', retryAfterSeconds: 3 })), {
    status: 429,
    headers: { 'Retry-After': '3' },
  })
})

t.test('it is for the address that was asked for, past what a proxy cut off', async (t) => {
  const atPlace = (uri: string) => signIn(request, digestThat({ user }, uri))
  t.equal(await atPlace('/tv/api/x?a=1&b=%20'), user)
  t.equal(await atPlace('http://test.local/api/x?a=1&b=%20'), user)
  t.match(await atPlace('/api/y?a=1&b=%20'), { status: 403 })
  t.match(await atPlace('/api/x?a=2'), { status: 403 })
  t.match(await atPlace('/api/x'), { status: 403 })
})

t.test('what a browser adds for a page of strangers does not count', async (t) => {
  const foreign = { ...request, isOriginAllowed: false }
  t.equal(await signIn(foreign, digestThat({ refused: 'wrong' })), user, 'a guest, if at all')
  const basic = { ...foreign, headers: { authorization: 'Basic x' }, guest: () => undefined }
  t.match(await signIn(basic, digestThat({ user })), { status: 401 })
})

t.test('F63: what waits in a mailbox is told only to who may have it when it leaves', async (t) => {
  const relayOnly = { rules: [{ allow: ['read'], topic: relay }] }
  const entry = { dialect: 'tvheadend', port: 0, guest: { user: 'guest' } } as const
  const users = { guest: { role: 'operator' } }
  const { hub, changed } = await startedWith(t, users, { dialects: [entry] })
  const url = `http://127.0.0.1:${hub.dialects[0]?.port}/comet/poll`
  const { boxid } = await called<Batch>(`${url}?immediate=1`)
  await report(hub, relay, { state: true })
  await report(hub, 'nodes/bridge/0/secret/-', 'for operators')
  await changed({ guest: relayOnly })
  const { messages } = await called<Batch>(`${url}?boxid=${boxid}&immediate=1`)
  t.ok(messages.some(isRelayOn))
  t.notMatch(JSON.stringify(messages), /for operators|logmessage|input_status|"subscriptions"/)
  await report(hub, relay, { state: true })
  await changed({})
  const mailboxOfNobody = await fetch(`${url}?boxid=${boxid}&immediate=1`)
  t.equal(mailboxOfNobody.status, 401)
})
