import { pino } from 'pino'
import t from 'tap'
import { WebSocket } from 'ws'
import { createSignedIn } from '../../src/access/signed-in.ts'
import type { User } from '../../src/access/user.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { Trace } from '../../src/core/trace.ts'
import { createAudiences, FrameBatch } from '../../src/ws/audiences.ts'
import type { CatchUpOptions } from '../../src/ws/catch-ups.ts'
import { LinkTraffic } from '../../src/ws/link-traffic.ts'
import { openTalkSession } from '../../src/ws/talk-session.ts'
import { WebSocketLink } from '../../src/ws/websocket-link.ts'
import { steppedClock } from '../clock.ts'
import { clown } from '../senders.ts'
import { unbounded } from '../unbounded.ts'
import { presence, recovery } from './nothing-missed.ts'

const dialect = {
  name: 'plain',
  open: () => () => {},
  countMessages: () => 1,
  encode: (topic: string, payload: Payload) => `${topic} ${payload.bytes}`,
  encodeError: () => '',
  encodeMissed: (count: number) => `missed ${count}`,
}

function report(topic: string, text: string): Message {
  return { topic, payload: new Payload(Buffer.from(text)), qos: 0, retain: false }
}

const user: User = { name: 'a', role: 'admin', rules: [], tokens: [] }

/** A session below `n` whose last values come when the test lets them. */
function openedSession() {
  const clock = steppedClock()
  const sent: string[] = []
  const changing = { user, tell: () => {} }
  const asked: { answer(values: Message[]): void; isStopped: boolean }[] = []
  let deliver = (_: Message) => {}
  const log = pino({ level: 'silent' })
  const bus = {
    publish: () => {},
    subscribe: (_filter: string, subscriber: typeof deliver) => {
      deliver = subscriber
      return () => {}
    },
    refusalOf: () => undefined,
    retainedOn: () => undefined,
    retained: async function* () {},
  }
  // The turn ends with each message.
  const due: { flush(): void }[] = []
  const endOfTick = { add: (task: { flush(): void }) => void due.push(task) }
  const context = {
    bus,
    audiences: createAudiences({
      ...{ bus, presence, recovery, endOfTick, log },
      frameBytes: 1_000_000,
      trace: new Trace(),
    }),
    recovery,
    nodesBelow: () => ['1', '2', '3'].map((text) => new Payload(Buffer.from(text))),
    catchUps: {
      start: ({ reader, done }: CatchUpOptions) => {
        const catchUp = {
          answer: (values: Message[]) => {
            const frames = values.map(({ topic, payload }) => ({
              text: dialect.encode(topic.slice(2), payload),
              topic,
            }))
            if (catchUp.isStopped) return
            for (const frame of frames) reader.past(new FrameBatch([frame]))
            done()
          },
          isStopped: false,
        }
        asked.push(catchUp)
        return () => {
          catchUp.isStopped = true
        }
      },
    },
    enter: (message: Message) => message,
    label: async () => ({ device: '' }),
    answering: () => ({ list: () => false, requested: () => {}, close: () => {} }),
    signedIn: createSignedIn({
      find: () => changing.user,
      onChange: (listener) => {
        changing.tell = listener
        return () => {}
      },
    }),
    after: clock.after,
  }
  const writer = {
    bufferedAmount: 0,
    readyState: WebSocket.OPEN,
    send: (frame: string) => sent.push(frame),
    offer: () => false,
    write: (bytes: Buffer) => sent.push(unframed(bytes)),
    close: () => {},
  }
  const link = new WebSocketLink(writer, {
    traffic: new LinkTraffic(),
    limits: { conflateBytes: 1000, outboundBytes: 2000 },
    share: unbounded(() => ''),
    sampledLog: createSampledLog(log, createCounters()),
    encodeMissed: dialect.encodeMissed,
    reader: clown,
  })
  const session = openTalkSession(context, {
    dialect,
    base: 'n',
    link,
    user,
    address: '127.0.0.1',
    connection: {},
    ended: t.fail,
  })
  const live = (topic: string, text: string) => {
    deliver(report(`n/${topic}`, text))
    for (const task of due.splice(0)) task.flush()
  }
  return { writer, link, session, sent, asked, live, clock, changing }
}

/** The text of a short frame. */
const unframed = (bytes: Buffer) => bytes.subarray(2).toString()

const turn = () => new Promise((resolve) => setImmediate(resolve))

t.test('past values go before live ones, and never after a newer one', async (t) => {
  const { session, sent, asked, live } = openedSession()
  live('a', '0')
  session.catchUp()
  live('b', '2')
  live('c', '2')
  asked[0]?.answer([report('n/a', '1'), report('n/b', '1')])
  await turn()
  live('a', '3')
  t.same(sent, ['a 0', 'a 1', 'b 2', 'c 2', 'a 3'])
})

t.test('introductions too soon are answered together by one more, a second later', async (t) => {
  const { session, sent, asked, live, clock } = openedSession()
  t.teardown(session.close)
  session.catchUp()
  session.catchUp()
  session.catchUp()
  t.equal(asked.length, 1)
  asked[0]?.answer([report('n/a', '1')])
  await turn()
  session.catchUp()
  live('b', '2')
  t.same(sent, ['a 1', 'b 2'], 'live messages do not wait for the next one')
  clock.step(999)
  t.equal(asked.length, 1)
  clock.step(1)
  live('b', '3')
  asked[1]?.answer([report('n/a', '1')])
  await turn()
  t.same(sent, ['a 1', 'b 2', 'a 1', 'b 3'])
  clock.step(1100)
  t.equal(asked.length, 2, 'and by no other')
  session.catchUp()
  t.equal(asked.length, 3, 'who waited is answered at once')
})

t.test('a session that is closed collects nothing more', async (t) => {
  const { session, asked, clock } = openedSession()
  session.catchUp()
  session.catchUp()
  asked[0]?.answer([])
  await turn()
  session.close()
  const other = openedSession()
  other.session.catchUp()
  other.session.catchUp()
  other.session.close()
  other.asked[0]?.answer([])
  await turn()
  clock.step(1100)
  other.clock.step(1100)
  t.equal(asked.length, 1)
  t.equal(other.asked.length, 1)
})

t.test('a session that ends while values come has no more of them', async (t) => {
  const { session, asked } = openedSession()
  session.catchUp()
  session.close()
  t.equal(asked[0]?.isStopped, true)
})

t.test('whoever may see more, or wants to, while values come gets them anew', async (t) => {
  const { session, asked, sent, live, changing } = openedSession()
  t.teardown(session.close)
  session.catchUp()
  session.show({ properties: true })
  t.same(
    asked.map(({ isStopped }) => isStopped),
    [true, false],
  )
  live('b', '2')
  t.same(sent, [], 'live messages wait on')
  changing.user = { ...user, rules: [{ deny: ['read'], topic: 'n/secret' }] }
  changing.tell()
  t.equal(asked.length, 3)
  asked[2]?.answer([report('n/a', '1')])
  t.same(sent, ['a 1', 'b 2'])
  session.show({ properties: true })
  changing.user = user
  changing.tell()
  t.equal(asked.length, 3, 'who has them already does not')
})

t.test('a slow reader misses reports, and neither commands nor answers', async (t) => {
  const { session, sent, asked, writer, live } = openedSession()
  writer.bufferedAmount = 1001
  for (const text of ['1', '2']) {
    for (const topic of ['a', 'a/set', 'a/error', 'a/config/ok', 'boot']) live(topic, text)
  }
  t.same(sent, [])
  writer.bufferedAmount = 0
  session.catchUp()
  asked[0]?.answer([])
  await turn()
  const events = (text: string) =>
    ['a/set', 'a/error', 'a/config/ok', 'boot'].map((topic) => `${topic} ${text}`)
  t.same(sent, [...events('1'), 'a 2', ...events('2'), 'missed 1'])
})

t.test('nodes are told as fast as they are read, and no more to who is gone', async (t) => {
  const { session, writer, link } = openedSession()
  const told: string[] = []
  const reading = session.tellNodes(({ bytes }) => {
    told.push(String(bytes))
    writer.bufferedAmount = told.length === 2 ? 1001 : 0
  })
  await turn()
  t.same(told, ['1', '2'])
  link.close()
  t.equal(await reading, 2)
  t.same(told, ['1', '2'])
})
