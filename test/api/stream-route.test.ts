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
  const next = async (): Promise<Event | undefined> => (await events.next()).value
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
