import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { type HubPorts, mqttTo, startedHub } from '../started-hub.ts'
import { basic } from '../started-sign-in.ts'

interface Event {
  readonly id: string | undefined
  readonly line: unknown
}

/** The events of a stream, one after the other. */
async function reading(
  t: Test,
  { httpPort }: Pick<HubPorts, 'httpPort'>,
  { query = '', user = 'clown', ...headers }: Record<string, string> = {},
) {
  const leaving = new AbortController()
  t.teardown(() => leaving.abort())
  const response = await fetch(`http://127.0.0.1:${httpPort}/api/stream${query}`, {
    headers: { ...basic(user, 'bigclown'), ...headers },
    signal: leaving.signal,
  })
  const events = eventsOf(response)
  // Node.js tells of an end or of a failure where it is cut, depending on what was under way.
  const next = (): Promise<Event | undefined> =>
    events.next().then(
      ({ value }) => value,
      () => undefined,
    )
  return { response, next, leave: () => leaving.abort() }
}

async function* eventsOf({ body }: Response): AsyncGenerator<Event, undefined, void> {
  let text = ''
  for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = [...block.matchAll(/^data: (.*)$/gm)].map(([, line = '']) => line).join('\n')
      if (data === '') continue
      yield { id: /^id: (.*)$/m.exec(block)?.[1], line: JSON.parse(data) }
    }
  }
  return undefined
}

async function ban({ httpPort }: Pick<HubPorts, 'httpPort'>, user: string): Promise<void> {
  await fetch(`http://127.0.0.1:${httpPort}/api/ban`, {
    method: 'POST',
    headers: { ...basic('clown', 'bigclown'), 'Content-Type': 'application/json' },
    body: JSON.stringify({ what: 'user', who: user, reason: 'a test' }),
  })
}

t.test('a stream has the last values, what comes, and what was missed', async (t) => {
  const hub = await startedHub(t)
  const { client } = await mqttTo(t, hub)
  const publish = (topic: string, text: string) => client.publishAsync(topic, text, { qos: 1 })
  await publish('n/lamp/a', '1')
  await publish('n/door/a', '1')
  const first = await reading(t, hub, { query: '?filter=n/lamp/%2B&filter=n/lamp/a' })
  t.equal(first.response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  t.match(await first.next(), { id: undefined, line: ['n/lamp/a', 1, { ageMs: Number }] })
  t.match(await first.next(), { id: String, line: ['clown.talk/-/position'] })
  await publish('n/door/a', '2')
  await publish('n/lamp/a', '{\n"level":\r\n2}')
  const { id = '', line } = (await first.next()) ?? {}
  t.match(line, ['n/lamp/a', { level: 2 }, { position: id }])
  first.leave()
  await publish('n/lamp/a', '3')
  const again = await reading(t, hub, { query: '?filter=n/lamp/%2B', 'Last-Event-ID': id })
  t.match(await again.next(), { line: ['n/lamp/a', 3] })
  await publish('n/lamp/a', '4')
  t.match(await again.next(), { line: ['n/lamp/a', 4] })
  const late = await reading(t, hub, { 'Last-Event-ID': 'other:1' })
  t.match(await late.next(), { line: ['clown.talk/-/missed', { count: null }] })
  t.match(await late.next(), { line: ['n/door/a', 2] })
})

t.test('a stream is for who is signed in, of what they may read, while they may', async (t) => {
  const rules = [{ allow: ['read'], topic: 'n/lamp/#' }] as const
  const users = {
    clown: { password: 'bigclown', role: 'admin' },
    guest: { password: 'bigclown', rules },
  } as const
  const hub = await startedHub(t, { users })
  const { client } = await mqttTo(t, hub)
  const guest = await reading(t, hub, { user: 'guest' })
  t.match(await guest.next(), { line: ['clown.talk/-/position'] })
  await client.publishAsync('n/door/a', '1', { qos: 1 })
  await client.publishAsync('n/lamp/a', '2', { qos: 1 })
  t.match(await guest.next(), { line: ['n/lamp/a', 2] })
  t.equal((await reading(t, hub, { user: 'nobody' })).response.status, 401)
  await ban(hub, 'guest')
  t.equal(await guest.next(), undefined, 'the stream has ended')
})

t.test('a stream on which nothing happens says from time to time that it is there', async (t) => {
  const hub = await startedHub(t, { limits: { websocket: { pingSeconds: 1 } } })
  const { response } = await reading(t, hub, { query: '?filter=none' })
  let text = ''
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk
    if (text.endsWith('\n\n:\n\n')) break
  }
  t.match(text, /^(?:id: .*\n)?data: .*position.*\n\n:\n\n$/)
})

t.test('a stream that is not read is cut, and goes on for who comes back', async (t) => {
  const hub = await startedHub(t, { limits: { websocket: { recoveryBytes: 64 * 1024 * 1024 } } })
  const { client } = await mqttTo(t, hub)
  const first = await reading(t, hub, { query: '?filter=n/big/%2B' })
  const text = JSON.stringify('x'.repeat(500_000))
  const count = 60
  for (let at = 1; at <= count; at++) {
    await client.publishAsync(`n/big/${at}`, text, { qos: 1 })
  }
  await hub.log.next(({ msg }) => msg === 'a reader is too slow: it is closed')
  const got: string[] = []
  let id = ''
  const note = (event: Event) => {
    const topic = String(Object(event.line)[0])
    if (!topic.startsWith('n/big/')) return
    got.push(topic)
    id = event.id ?? ''
  }
  for (let event = await first.next(); event !== undefined; event = await first.next()) note(event)
  t.ok(got.length < count, `${got.length} came before it was cut`)
  const again = await reading(t, hub, { query: '?filter=n/big/%2B', 'Last-Event-ID': id })
  while (got.length < count) {
    const event = await again.next()
    if (event === undefined) break
    note(event)
  }
  t.same(
    got,
    Array.from({ length: count }, (_, at) => `n/big/${at + 1}`),
  )
})

t.test('who is banned while a stream is slow gets nothing that is said from then on', async (t) => {
  const users = {
    clown: { password: 'bigclown', role: 'admin' },
    guest: { password: 'bigclown', role: 'viewer' },
  } as const
  const hub = await startedHub(t, { users })
  const { client } = await mqttTo(t, hub)
  const guest = connect(hub.httpPort, '127.0.0.1').pause()
  t.teardown(() => guest.destroy())
  const { Authorization } = basic('guest', 'bigclown')
  guest.write(
    `GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${Authorization}\r\n\r\n`,
  )
  const text = JSON.stringify('x'.repeat(100_000))
  const isSlow = () =>
    hub.log.items.some(({ msg }) => msg === 'a reader is slow: it gets the latest values')
  for (let at = 0; at < 300 && !isSlow(); at++) {
    await client.publishAsync(`n/big/${at}`, text, { qos: 1 })
  }
  t.ok(isSlow(), 'it does not keep up')
  await ban(hub, 'guest')
  await client.publishAsync('n/late', '1', { qos: 1 })
  let got = ''
  guest.on('data', (chunk) => {
    got += chunk
  })
  const closed = once(
    guest.on('error', () => {}),
    'close',
  )
  guest.resume()
  await closed
  t.match(got, 'n/big/')
  t.notMatch(got, 'n/late')
})

t.test('what is asked for badly is refused', async (t) => {
  const hub = await startedHub(t)
  for (const [query, code] of [
    ['?filter=a%23', 'bad-topic'],
    ['?filter=%24SYS/%23', 'bad-topic'],
    ['?topic=a', 'bad-query'],
  ]) {
    const { response } = await reading(t, hub, { query: String(query) })
    t.equal(response.status, 400)
    t.match(await response.json(), { code })
  }
})
