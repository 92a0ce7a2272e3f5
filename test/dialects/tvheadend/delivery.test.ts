import { pino } from 'pino'
import t from 'tap'
import { createCounters, createSampledLog } from '../../../src/core/sampled-log.ts'
import { answerPoll, deliver } from '../../../src/dialects/tvheadend/delivery.ts'
import { createMailboxes } from '../../../src/dialects/tvheadend/mailboxes.ts'
import { steppedClock } from '../../clock.ts'

function opened() {
  const clock = steppedClock()
  const mailboxes = createMailboxes({
    clock,
    limits: { mailboxes: 2, mailboxMessages: 100 },
    sampledLog: createSampledLog(pino({ level: 'silent' }), createCounters()),
    used: () => () => {},
  })
  const found = mailboxes.open('clown', null)
  if (found === undefined) throw new Error('expected a mailbox')
  const frames: unknown[] = []
  const link = { send: (frame: string) => frames.push(JSON.parse(frame)), cut: () => {} }
  const gone = new AbortController()
  return { clock, mailbox: found.mailbox, frames, link, gone }
}

const note = (text: number) => ({ notificationClass: 'message', text })

t.test('frames go at once after a quiet second, and a second apart otherwise', async (t) => {
  const { clock, mailbox, frames, link } = opened()
  deliver(link, mailbox, clock)
  mailbox.put(note(1))
  mailbox.put(note(2))
  clock.step(0)
  t.same(frames, [{ boxid: mailbox.id, messages: [note(1), note(2)] }])
  mailbox.put(note(3))
  clock.step(500)
  mailbox.put(note(4))
  clock.step(499)
  t.equal(frames.length, 1)
  clock.step(1)
  t.same(frames[1], { messages: [note(3), note(4)] })
  clock.step(5000)
  mailbox.put(note(5))
  clock.step(0)
  t.same(frames[2], { messages: [note(5)] })
})

t.test('any frame of the client asks for what there is; nothing is no frame', async (t) => {
  const { clock, mailbox, frames, link } = opened()
  const { receive } = deliver(link, mailbox, clock)
  receive('{}')
  t.same(frames, [])
  mailbox.put(note(1))
  receive('{}')
  mailbox.put(note(2))
  receive('rubbish')
  t.same(frames, [{ boxid: mailbox.id, messages: [note(1)] }, { messages: [note(2)] }])
  clock.step(5000)
  t.equal(frames.length, 2)
})

t.test('the id is not said again when nothing came within the first second', async (t) => {
  const { clock, mailbox, frames, link } = opened()
  deliver(link, mailbox, clock)
  clock.step(1500)
  mailbox.put(note(1))
  clock.step(0)
  t.same(frames, [{ messages: [note(1)] }])
})

t.test('what comes after the end of a websocket stays for the next reader', async (t) => {
  const { clock, mailbox, frames, link, gone } = opened()
  const { closed } = deliver(link, mailbox, clock)
  mailbox.put(note(1))
  closed()
  clock.step(1000)
  t.same(frames, [])
  const answer = await answerPoll(mailbox, { isImmediate: true, gone: gone.signal }, clock)
  t.same(JSON.parse(answer), { boxid: mailbox.id, messages: [note(1)] })
})

t.test(
  'a websocket that comes later has the mailbox for itself; the earlier one is cut',
  async (t) => {
    const { clock, mailbox, frames, link } = opened()
    const earlier: string[] = []
    const { closed } = deliver(
      { send: (frame) => earlier.push(frame), cut: () => earlier.push('cut') },
      mailbox,
      clock,
    )
    mailbox.put(note(1))
    deliver(link, mailbox, clock)
    t.same(earlier, ['cut'])
    closed()
    for (const at of [2, 3, 4]) {
      mailbox.put(note(at))
      clock.step(1000)
    }
    t.same(earlier, ['cut'])
    t.match(frames, [
      { messages: [note(1), note(2)] },
      { messages: [note(3)] },
      { messages: [note(4)] },
    ])
  },
)

t.test('a poll waits for something, for ten seconds at most', async (t) => {
  const { clock, mailbox, gone } = opened()
  const ask = () => answerPoll(mailbox, { isImmediate: false, gone: gone.signal }, clock)
  const first = ask()
  mailbox.put(note(1))
  clock.step(100)
  t.same(JSON.parse(await first).messages, [note(1)])
  const second = ask()
  clock.step(100)
  await turn()
  mailbox.put(note(2))
  t.same(JSON.parse(await second).messages, [note(2)])
  const third = ask()
  clock.step(100)
  await turn()
  clock.step(10_000)
  t.same(JSON.parse(await third), { boxid: mailbox.id, messages: [] })
})

t.test('a client that has gone takes nothing away', async (t) => {
  const { clock, mailbox, gone } = opened()
  const ask = () => answerPoll(mailbox, { isImmediate: false, gone: gone.signal }, clock)
  const waiting = ask()
  clock.step(100)
  await turn()
  gone.abort()
  t.same(JSON.parse(await waiting).messages, [])
  mailbox.put(note(1))
  const late = ask()
  clock.step(100)
  t.same(JSON.parse(await late).messages, [])
  t.same(mailbox.take(), [note(1)])
})

/** What waits for a promise goes on. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
