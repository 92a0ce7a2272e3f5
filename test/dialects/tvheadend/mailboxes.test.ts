import { pino } from 'pino'
import t from 'tap'
import { createCounters, createSampledLog } from '../../../src/core/sampled-log.ts'
import { mayHave } from '../../../src/dialects/tvheadend/events.ts'
import {
  answerPoll,
  cometCodec,
  createMailboxes,
  deliver,
  type Mailbox,
} from '../../../src/dialects/tvheadend/mailboxes.ts'
import { steppedClock } from '../../clock.ts'
import { codecContract, goldenFrames } from '../served-contract.ts'

function opened(limits = { mailboxes: 3, mailboxMessages: 16 }) {
  const clock = steppedClock()
  const counters = createCounters()
  const uses: string[] = []
  const mailboxes = createMailboxes({
    clock,
    limits,
    sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
    mayHave: () => true,
    used: () => {
      uses.push('begin')
      return () => uses.push('end')
    },
  })
  const open = (user: string, id: string | null = null): Mailbox => {
    const found = mailboxes.open(user, id)
    if (found === undefined) throw new Error('expected a mailbox')
    return found.mailbox
  }
  return { clock, counters, uses, mailboxes, open }
}

t.test('what has waited is for nobody when its user is gone', (t) => {
  t.notOk(mayHave(undefined, { notificationClass: 'message', topic: 'a/b' }))
  t.end()
})

t.test('F57: past the bound it is a mailbox of the user who has most that gives way', (t) => {
  const { open } = opened({ mailboxes: 4, mailboxMessages: 16 })
  const first = open('first')
  const others = ['many', 'many', 'many'].map((user) => open(user))
  open('late')
  t.equal(open('first', first.id), first, 'whoever was first is still there')
  t.not(open('many', others[0]?.id ?? ''), others[0])

  const read = opened({ mailboxes: 4, mailboxMessages: 16 })
  for (let count = 0; count < 4; count++) read.open('many').read(() => {})
  t.equal(read.mailboxes.open('many', null), undefined)
  read.open('late').read(() => {})
  t.equal(read.mailboxes.open('another', null), undefined, 'a quarter more, and no more')
  t.end()
})

const note = (text: string | number) => ({ notificationClass: 'message', text })

t.test(
  'a mailbox nobody reads stays for a minute, and goes on when somebody comes back',
  async (t) => {
    const { clock, mailboxes, open, uses } = opened()
    const box = open('clown')
    t.match(box.id, /^[0-9a-f]{40}$/)
    clock.step(59_999)
    t.equal(open('clown', box.id), box)
    const leave = box.read(() => {})
    clock.step(600_000)
    t.equal(open('clown', box.id), box, 'it stays while it is read')
    leave()
    leave()
    clock.step(59_999)
    t.equal(open('clown', box.id), box, 'looking at it counts')
    clock.step(60_000)
    t.not(open('clown', box.id), box)
    t.same(uses, ['begin', 'end', 'begin'])
    mailboxes.close()
    t.same(uses, ['begin', 'end', 'begin', 'end'])
    box.read(() => {})()
  },
)

t.test('nobody gets the mailbox of somebody else', async (t) => {
  const { open } = opened()
  const box = open('clown')
  t.not(open('other', box.id), box)
})

t.test('who reads is woken, and takes all there is in order', async (t) => {
  const { open } = opened()
  const box = open('clown')
  box.put(note(1))
  let woken = 0
  const leave = box.read(() => woken++)
  t.equal(woken, 1)
  box.put(note(2), 'key')
  box.put(note(3))
  box.put(note(4), 'key')
  t.equal(woken, 4)
  t.same(box.take(), [note(1), note(3), note(4)])
  t.ok(box.isEmpty)
  t.same(box.take(), [])
  leave()
})

t.test('of a full mailbox the oldest messages go, and are counted', async (t) => {
  const { open, counters } = opened()
  const box = open('clown')
  for (let at = 0; at < 20; at++) box.put(note(at))
  t.same(
    box.take().map(({ text }) => text),
    [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
  )
  t.equal(counters.snapshot()['mailbox-messages-dropped'], 4)
})

t.test('what a client has to know first comes first, and none of it is dropped', async (t) => {
  const { open, counters } = opened({ mailboxes: 1, mailboxMessages: 2 })
  const box = open('clown')
  let woken = 0
  box.read(() => woken++)
  box.put(note('late'))
  box.begin([note(1), note(2)])
  box.begin([note(3)])
  box.begin([])
  t.equal(woken, 3)
  t.same(box.take(), [note(1), note(2), note(3), note('late')])
  t.ok(box.isEmpty)
  t.equal(counters.snapshot()['mailbox-messages-dropped'], undefined)
})

t.test(
  'past the most, those of the same user end first, and those that are read never',
  async (t) => {
    const { open, counters, mailboxes } = opened()
    const [first, other, second] = [open('clown'), open('other'), open('clown')]
    const third = open('clown')
    t.not(open('clown', first.id), first)
    t.equal(open('other', other.id), other)
    t.not(open('clown', second.id), second)
    t.ok(Number(counters.snapshot()['mailboxes-ended']) >= 3)
    t.not(third.id, first.id)
    open('third')
    let kept = 0
    mailboxes.each((box) => {
      kept++
      box.read(() => {})
    })
    t.equal(kept, 3)
    t.equal(mailboxes.open('clown', null), undefined)
  },
)

codecContract(t, cometCodec, {
  frames: goldenFrames('tvheadend', 'frames'),
  rubbish: [
    '',
    '{',
    'null',
    '[]',
    '{}',
    '{"messages":{}}',
    '{"messages":[1]}',
    '{"messages":[{"class":"x"}]}',
    '{"boxid":1,"messages":[]}',
  ],
})

t.test('control characters in texts, as the original sent them, are understood', async (t) => {
  const logtxt = 'one\u0001two\nthree'
  const frame = `{"messages":[{"notificationClass":"logmessage","logtxt":"${logtxt}"}]}`
  t.same(cometCodec.decode(frame), { messages: [{ notificationClass: 'logmessage', logtxt }] })
})

function delivered() {
  const clock = steppedClock()
  const mailboxes = createMailboxes({
    clock,
    limits: { mailboxes: 2, mailboxMessages: 100 },
    sampledLog: createSampledLog(pino({ level: 'silent' }), createCounters()),
    mayHave: () => true,
    used: () => () => {},
  })
  const found = mailboxes.open('clown', null)
  if (found === undefined) throw new Error('expected a mailbox')
  const frames: unknown[] = []
  const link = { send: (frame: string) => frames.push(JSON.parse(frame)), cut: () => {} }
  const gone = new AbortController()
  return { clock, mailbox: found.mailbox, frames, link, gone }
}

t.test('frames go at once after a quiet second, and a second apart otherwise', async (t) => {
  const { clock, mailbox, frames, link } = delivered()
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
  const { clock, mailbox, frames, link } = delivered()
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
  const { clock, mailbox, frames, link } = delivered()
  deliver(link, mailbox, clock)
  clock.step(1500)
  mailbox.put(note(1))
  clock.step(0)
  t.same(frames, [{ messages: [note(1)] }])
})

t.test('what comes after the end of a websocket stays for the next reader', async (t) => {
  const { clock, mailbox, frames, link, gone } = delivered()
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
    const { clock, mailbox, frames, link } = delivered()
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
  const { clock, mailbox, gone } = delivered()
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
  const { clock, mailbox, gone } = delivered()
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
