import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createAsUser } from '../../src/api/as-user.ts'
import { messageRoutes } from '../../src/api/message-routes.ts'
import { HubError } from '../../src/core/errors.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { startedHttpServer } from '../started-http-server.ts'

const eve = {
  name: 'eve',
  rules: [{ allow: ['read', 'write'] as const, topic: 'home/#' }],
  tokens: [],
}

function retainedOn(topic: string): Message {
  return { topic, payload: new Payload(Buffer.from('xyz')), qos: 1, retain: true }
}

/** The routes for eve, before a bus that keeps what it is given. */
async function served(t: Test, kept: readonly string[] = []) {
  const published: Message[] = []
  const world = { isOverloaded: false }
  const sampledLog = createSampledLog(pino({ level: 'silent' }), createCounters())
  const routes = new Map(
    messageRoutes({
      asUser: createAsUser(async () => ({ user: eve }), { sampledLog }),
      enter: (message) => (world.isOverloaded ? undefined : message),
      judge: ({ topic, payload }, { user }) => {
        const about = `${user} on ${topic}: ${String(payload.bytes)}`
        const refusal = topic === 'attic/a' ? new HubError('forbidden', about) : undefined
        return { refusal, problem: topic === 'home/odd' ? about : undefined }
      },
      bus: {
        publish: (message) => published.push(message),
        async *retained() {
          yield* kept.map(retainedOn)
        },
      },
      store: { settled: (done) => done() },
      clientAddress: () => '192.0.2.1',
      jsonLimits: { depth: 9, keys: 9, stringBytes: 99, arrayItems: 9 },
    }),
  )
  const { port } = await startedHttpServer(t, { routeOf: (path) => routes.get(path) })
  const ask = async (path: string, body?: unknown) => {
    const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
    return (await fetch(`http://127.0.0.1:${port}/api/${path}`, sent)).json()
  }
  return { ask, published, world }
}

t.test('a message is published as JSON or as it stands, with what was asked for', async (t) => {
  const { ask, published, world } = await served(t)
  const answer = { topic: 'home/a', isPublished: true, retain: true }
  t.same(await ask('publish', { topic: 'home/a', payload: [1], qos: 2, retain: true }), answer)
  await ask('publish', { topic: 'home/a', payload: 'x y', encoding: 'text' })
  t.match(published, [
    { topic: 'home/a', qos: 2, retain: true },
    { topic: 'home/a', qos: 0, retain: false },
  ])
  t.same(
    published.map(({ payload }) => String(payload.bytes)),
    ['[1]', 'x y'],
  )
  world.isOverloaded = true
  t.match(await ask('publish', { topic: 'home/a', payload: '' }), { isPublished: false })
})

t.test('what would be said of a message is told, and it is not sent', async (t) => {
  const { ask, published } = await served(t)
  const refusal = { code: 'forbidden', message: 'eve on attic/a: 1' }
  t.same(await ask('check', { topic: 'attic/a', payload: 1 }), {
    ...{ topic: 'attic/a', refusal, problem: null },
  })
  t.same(await ask('check', { topic: 'home/odd', payload: 'x', encoding: 'text' }), {
    ...{ topic: 'home/odd', refusal: null, problem: 'eve on home/odd: x' },
  })
  t.same(published, [])
})

t.test('a command is left to the route of commands', async (t) => {
  const { ask, published } = await served(t)
  const error = {
    code: 'bad-topic',
    message: /no command, which POST \/api\/command sends, got "a\/set"/,
  }
  t.match(await ask('publish', { topic: 'a/set', payload: 1 }), error)
  t.same(published, [])
})

t.test('what is retained is listed as far as it may be read, and up to a limit', async (t) => {
  const { ask } = await served(t, ['attic/a', 'home/a', 'home/b'])
  t.same(await ask('retained'), {
    retained: ['home/a', 'home/b'].map((topic) => ({ topic, bytes: 3, qos: 1 })),
    hasMore: false,
  })
  t.match(await ask('retained?filter=home/%23&limit=1'), {
    retained: [{ topic: 'home/a' }],
    hasMore: true,
  })
  t.match(await ask('retained?filter=a%23'), { code: 'bad-topic' })
})
