import t, { type Test } from 'tap'
import type { Present } from '../../../src/access/signed-in.ts'
import type { User } from '../../../src/access/user.ts'
import type { Message } from '../../../src/core/message.ts'
import { Payload } from '../../../src/core/payload.ts'
import type { ServedRequest } from '../../../src/dialects/served-dialect.ts'
import { openTvheadend } from '../../../src/dialects/tvheadend/open.ts'
import { asked } from '../asked.ts'
import { changingDevices, deviceNamed } from '../seen-device.ts'
import { servedContext } from '../served-context.ts'

const clown: User = { name: 'clown', role: 'admin', rules: [], tokens: [] }
const dialectUser = {
  user: 'clown',
  mayRead: () => true,
  mayCommand: () => true,
  command: () => Promise.reject(new Error('nothing is commanded')),
}

/** The dialect with a clock that stands still, for a house in which nothing happens. */
async function opened(t: Test, dataFolder: string | undefined = '.') {
  const changing = changingDevices(
    deviceNamed(2, 'relay/a'),
    deviceNamed(3, 'led/-', { value: undefined }),
  )
  const entry = { dialect: 'tvheadend', port: 0 } as const
  const { context, clock, lines } = await servedContext(t, entry, changing.seen)
  const people = new Map([['clown', clown]])
  const there: Present[] = []
  let published: (message: Message) => void = () => {}
  const dialect = openTvheadend({
    ...context,
    digest: {
      isOfUse: () => false,
      challenge: () => '',
      signIn: () => Promise.resolve({ refused: 'wrong' }),
    },
    release: { version: '1.2.3', releaseDate: '2026-11-21T00:00:00Z' },
    limits: { keys: 1, mailboxes: 4, mailboxMessages: 100 },
    port: () => 9981,
    findUser: (name) => people.get(name),
    signedIn: { present: () => there, onPresentChange: () => () => {} },
    bus: {
      subscribe: (_, deliver) => {
        published = deliver
        return () => {}
      },
    },
    logTail: { onLine: () => () => {} },
    dataFolder,
  })
  t.teardown(dialect.close)
  const poll = async (given: Partial<ServedRequest> = {}) => {
    const signIn = () => Promise.resolve({ user: clown })
    const request = asked({
      path: '/comet/poll',
      query: new URLSearchParams('immediate=1'),
      signIn,
      actAs: () => dialectUser,
      ...given,
    })
    const { status, body = '' } = await dialect.answer(request)
    return status === 200 ? JSON.parse(body) : { status }
  }
  const publish = (text: string) =>
    published({
      topic: 'a',
      payload: Payload.ofJson(text, JSON.parse(text)),
      qos: 0,
      retain: false,
    })
  return { dialect, poll, clock, lines, people, publish }
}

t.test('a poll begins with who and where, and then what devices reported', async (t) => {
  const { poll } = await opened(t)
  t.match(await poll({ headers: { host: '[::1]:9981' } }), {
    messages: [
      { notificationClass: 'accessUpdate', username: 'clown' },
      { notificationClass: 'setServerIpPort', ip: '::1', port: 9981 },
      { notificationClass: 'message', topic: 'nodes/bridge/0/relay/a' },
    ],
  })
  const { messages } = await poll({ headers: { host: 'a b' } })
  t.match(messages[1], { ip: '127.0.0.1' })
})

t.test('a user with too many connections is sent away', async (t) => {
  const { poll } = await opened(t)
  t.same(await poll({ actAs: () => undefined }), { status: 503 })
})

t.test('a user who is gone is told nothing more', async (t) => {
  const { poll, clock, people, lines, publish } = await opened(t, '/nowhere/at/all')
  const { boxid } = await poll()
  people.delete('clown')
  clock.step(1000)
  publish('1')
  const query = new URLSearchParams({ boxid, immediate: '1' })
  const { messages } = await poll({ query })
  t.same(messages, [])
  t.match(await lines.next(), /disk-space-unknown/)
})

t.test('the status goes out every second, and the disk every fifteen', async (t) => {
  const { poll, clock } = await opened(t)
  const { boxid } = await poll()
  const query = new URLSearchParams({ boxid, immediate: '1' })
  clock.step(1000)
  const { messages } = await poll({ query })
  t.match(messages.at(-1), {
    notificationClass: 'input_status',
    input: 'nodes/bridge/0',
    update: 1,
  })
  clock.step(14_000)
  t.match((await poll({ query })).messages.at(-1), { notificationClass: 'input_status' })
})
