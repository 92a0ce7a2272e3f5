import { pino } from 'pino'
import t from 'tap'
import { createCounters, createSampledLog } from '../../../src/core/sampled-log.ts'
import { createMailboxes, type Mailbox } from '../../../src/dialects/tvheadend/mailboxes.ts'
import { steppedClock } from '../../clock.ts'

function opened(limits = { mailboxes: 3, mailboxMessages: 16 }) {
  const clock = steppedClock()
  const counters = createCounters()
  const uses: string[] = []
  const mailboxes = createMailboxes({
    clock,
    limits,
    sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
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
