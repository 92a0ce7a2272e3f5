import t, { type Test } from 'tap'
import { refusalOf } from '../../client/endings.ts'
import { placeOf } from '../../client/place.ts'
import { connected } from './connected.ts'

const place = placeOf('http://hub.local/talk/nodes/bridge/0')

/** What each request is answered with in its turn; a failure of the network in place of undefined. */
function answering(t: Test, ...answers: (Response | undefined)[]): string[] {
  const asked: string[] = []
  const fetch = async (url: URL) => {
    asked.push(url.href)
    const answer = answers.shift()
    if (answer === undefined) throw new TypeError('fetch failed')
    return answer
  }
  t.intercept(globalThis, 'fetch', { value: fetch })
  return asked
}

const websocketsOnly = () => new Response('', { status: 426 })

t.test('why a websocket did not open is found out by HTTP', async (t) => {
  const asked = answering(t, websocketsOnly(), new Response('{}'))
  t.match(await refusalOf(undefined, place, undefined), { needs: undefined })
  t.same(asked, ['http://hub.local/talk/nodes/bridge/0', 'http://hub.local/session'])
  for (const [status, needs] of [
    [401, 'credentials'],
    [403, 'mending'],
    [429, undefined],
    [503, undefined],
  ] as const) {
    answering(t, new Response('because\n', { status }))
    t.same(await refusalOf(undefined, place, undefined), { needs, why: 'because' })
    const known = new Error(`Unexpected server response: ${status}`)
    t.match(await refusalOf(known, place, undefined), { needs })
  }
  answering(t, new Response('busy', { status: 503, headers: { 'Retry-After': '7' } }))
  t.match(await refusalOf(undefined, place, undefined), { why: 'busy: again in 7 s' })
  answering(t, websocketsOnly())
  t.match(await refusalOf(undefined, place, { token: 'a' }), { needs: undefined })
})

t.test(
  'where a page may not read the answer, a ticket counts as used up when there is one',
  async (t) => {
    const ticket = { ticket: 'a' }
    answering(t, undefined, new Response(''))
    t.match(await refusalOf(undefined, place, ticket), { needs: 'credentials' })
    answering(t, undefined, undefined)
    t.match(await refusalOf(undefined, place, ticket), { needs: undefined })
    answering(t, undefined, undefined)
    t.match(await refusalOf(undefined, place, undefined), { why: /cannot be reached/ })
    Object.defineProperty(globalThis, 'origin', { value: 'http://page.local', configurable: true })
    t.teardown(() => Reflect.deleteProperty(globalThis, 'origin'))
    answering(t, undefined, new Response(''))
    t.match(await refusalOf(undefined, place, { token: 'a' }), {
      needs: undefined,
      why: /does not let in pages of http:\/\/page\.local: its http\.origins has to list/,
    })
  },
)

t.test('who closes meanwhile is told nothing more', async (t) => {
  const { client, is, states } = connected(t, { httpPort: 1 }, {})
  t.intercept(globalThis, 'fetch', {
    value: async () => {
      client.close()
      return new Response('', { status: 401 })
    },
  })
  await is('closed')
  await new Promise(setImmediate)
  t.equal(states.items.at(-1)?.name, 'closed')
})
