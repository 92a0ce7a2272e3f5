import { setImmediate as turnOver } from 'node:timers/promises'
import t from 'tap'
import { asClaim, Ownership } from '../../src/bus/foreign/ownership.ts'
import { type AlarmClock, readingFirst } from '../../src/core/clock.ts'
import { steppedClock } from '../clock.ts'

/** What a hub would do, written down; the broker takes each beat at once, unless it is told not to. */
function opened({ name = 'b', rank = 0, judging = (clock: AlarmClock) => clock } = {}) {
  const clock = steppedClock()
  const done: string[] = []
  const broker = { acknowledges: true, echoes: true }
  const ownership: Ownership = new Ownership({
    ...{ name, rank, clock: judging(clock), beating: clock },
    claim: (claim) => {
      done.push(`claim ${claim.claim}`)
      if (broker.echoes) ownership.heardClaim(claim)
    },
    connect: () => done.push('connect'),
    disconnect: (reason) => done.push(`disconnect: ${reason}`),
    say: ({ term }) => done.push(`say ${term}`),
    beat: ({ beat }, proven) => {
      done.push(`beat ${beat}`)
      if (broker.acknowledges) proven()
    },
    changed: (owns) => done.push(owns ? 'owns' : 'owns no more'),
  })
  return { ownership, clock, broker, taken: () => done.splice(0) }
}

type Opened = ReturnType<typeof opened>

/** With nobody else there. */
function owning(options?: { name?: string; rank?: number }): Opened {
  const all = opened(options)
  all.clock.step(10_000)
  all.ownership.reading()
  all.clock.step(all.ownership.owns ? 0 : 100 * (options?.rank ?? 0))
  all.ownership.connected()
  all.ownership.caughtUp()
  all.taken()
  return all
}

t.test('who finds nobody owns once it has read what the one before has left', async (t) => {
  const { ownership, clock, taken } = opened()
  clock.step(5)
  ownership.reading()
  clock.step(0)
  t.same(taken(), ['claim 1', 'connect'])
  ownership.connected()
  t.same(taken(), ['say 5', 'beat 1'], 'others are told while it is read')
  t.equal(ownership.owns, false)
  ownership.caughtUp()
  t.same(taken(), ['owns', 'beat 2'])
  t.equal(ownership.owns, true)
  t.same(ownership.owner, { name: 'b', term: 5 })
  clock.step(1000)
  t.same(taken(), ['beat 3', 'beat 4'])
  ownership.beatNow()
  t.same(taken(), ['beat 5'], 'to somebody who has just come')
})

t.test('a higher rank waits for the others', async (t) => {
  const { ownership, clock, taken } = opened({ rank: 2 })
  ownership.beatNow()
  ownership.reading()
  clock.step(199)
  t.same(taken(), [])
  ownership.heardBeat({ name: 'a', term: 7 })
  clock.step(1000)
  t.same(taken(), [], 'somebody was first')
  t.same(ownership.owner, { name: 'a', term: 7 })
})

t.test('of several that want to own the one goes on that all heard first', async (t) => {
  const { ownership, clock, broker, taken } = opened()
  broker.echoes = false
  ownership.reading()
  clock.step(0)
  t.same(taken(), ['claim 1'])
  ownership.heardClaim({ name: 'a', claim: 3 })
  ownership.heardClaim({ name: 'b', claim: 1 })
  clock.step(1999)
  t.same(taken(), [], 'another one was first, and has time to own')
  ownership.heardClaim({ name: 'c', claim: 1 })
  clock.step(1999)
  t.same(taken(), [], 'and so has another one')
  clock.step(1)
  t.same(taken(), ['claim 2'])
  ownership.heardClaim({ name: 'b', claim: 1 })
  t.same(taken(), [], 'that was another claim')
  clock.step(1000)
  t.same(taken(), ['claim 3'], 'one that nobody has heard is said again')
  ownership.heardClaim({ name: 'b', claim: 3 })
  t.same(taken(), ['connect'])
  const { ownership: later, clock: itsClock, taken: itsTaken } = opened({ rank: 1 })
  later.reading()
  later.heardClaim({ name: 'a', claim: 1 })
  itsClock.step(1999)
  t.same(itsTaken(), [], 'nor does a hub claim whose turn has not come')
})

t.test('what is no claim is none', async (t) => {
  t.same(asClaim({ name: 'a', claim: 1, more: true }), { name: 'a', claim: 1 })
  for (const value of ['a', { name: 'a' }, { claim: 1 }]) t.equal(asClaim(value), undefined)
})

t.test('an owner that says goodbye, or whose will is said, is followed at once', async (t) => {
  const { ownership, clock, taken } = opened()
  ownership.heardWord({ name: 'a', term: 7 })
  ownership.reading()
  clock.step(1900)
  ownership.heardBeat({ name: 'a', term: 7 })
  clock.step(1900)
  t.same(taken(), [])
  ownership.heardWord(undefined)
  clock.step(0)
  t.same(taken(), ['claim 1', 'connect'])
  ownership.connected()
  t.same(taken(), ['say 3800', 'beat 1'])
  clock.step(1000)
  t.same(taken(), ['beat 2', 'beat 3'])
})

t.test('three beats that are missed are enough', async (t) => {
  const { ownership, clock, taken } = opened()
  ownership.heardWord({ name: 'a', term: 9_000_000 })
  ownership.reading()
  ownership.heardBeat({ name: 'a', term: 9_000_000 })
  clock.step(1999)
  t.same(taken(), [])
  clock.step(601)
  t.same(taken(), ['claim 1', 'connect'])
  ownership.connected()
  t.same(
    taken(),
    ['say 9000001', 'beat 1'],
    'a term is higher than those before, whatever the clock says',
  )
})

t.test('a will that comes late takes nothing from who has just become the owner', async (t) => {
  const { ownership, clock, taken } = opened()
  ownership.reading()
  ownership.heardWord({ name: 'a', term: 7 })
  clock.step(10)
  ownership.heardWord(undefined)
  clock.step(590)
  ownership.heardWord({ name: 'a', term: 7 })
  clock.step(100)
  t.same(taken(), [])
  const itself = owning()
  itself.ownership.heardWord(undefined)
  t.same(itself.taken(), ['say 10000'])
  itself.ownership.heardBeat({ name: 'a', term: 3 })
  t.same(itself.taken(), ['say 10000'], 'nor does the word of one before')
  itself.ownership.heardBeat({ name: 'b', term: 10_000 })
  t.same(itself.taken(), [])
})

t.test('whose connection is ended has lost, and waits as long as all', async (t) => {
  const { ownership, clock, taken } = owning()
  ownership.lost()
  t.same(taken(), ['owns no more'])
  t.equal(ownership.owner, undefined)
  clock.step(1999)
  t.same(taken(), [])
  clock.step(2000)
  t.same(taken(), ['claim 2', 'connect'])
  ownership.lost()
  clock.step(1999)
  t.same(taken(), [], 'a broker that lets nobody in is not asked all the time')
})

t.test('another one that owns later ends this one', async (t) => {
  const { ownership, taken } = owning()
  ownership.heardBeat({ name: 'a', term: 10_001 })
  t.same(taken(), ['owns no more', 'disconnect: outdone'])
  t.same(ownership.owner, { name: 'a', term: 10_001 })
  ownership.heardBeat({ name: 'z', term: 10_000 })
  t.same(ownership.owner, { name: 'a', term: 10_001 })
})

t.test('an owner whose beats nobody takes gives up before others take over', async (t) => {
  const { ownership, clock, broker, taken } = owning()
  broker.acknowledges = false
  clock.step(1499)
  t.same(taken(), ['beat 3', 'beat 4'])
  clock.step(1)
  t.same(taken().slice(-2), ['owns no more', 'disconnect: unproven'])
  t.equal(ownership.owns, false)
})

t.test('an owner that stood still beats as soon as it goes on, and goes on owning', async (t) => {
  const { ownership, clock, taken } = opened({ judging: readingFirst })
  const goOn = async (ms: number) => {
    clock.step(ms)
    await turnOver()
  }
  ownership.reading()
  await goOn(0)
  ownership.connected()
  ownership.caughtUp()
  t.same(taken().slice(-2), ['owns', 'beat 2'])
  clock.stall(1100)
  await goOn(0)
  t.same(taken(), ['beat 3'], 'that was due for 600 ms')
  await goOn(499)
  t.same(taken(), [], 'the broker has taken that one')
  t.equal(ownership.owns, true)
})

t.test('who hears nothing of the broker owns nothing', async (t) => {
  const { ownership, clock, taken } = owning()
  ownership.notReading()
  t.same(taken(), ['owns no more', 'disconnect: not-reading'])
  ownership.lost()
  clock.step(60_000)
  t.same(taken(), [])
  ownership.close()
  t.same(taken(), [])
})

t.test('what quotes one of the last beats of its own term is fresh, for a second', async (t) => {
  const { ownership, clock } = owning()
  clock.step(5200)
  t.equal(ownership.isFresh(10_000, 12), true)
  t.equal(ownership.isFresh(10_000, 11), true)
  t.equal(ownership.isFresh(10_000, 10), false, 'it was said more than a second ago')
  t.equal(ownership.isFresh(10_000, 1), false)
  t.equal(ownership.isFresh(10_000, 13), false)
  t.equal(ownership.isFresh(9999, 12), false)
  for (let more = 0; more < 3; more++) ownership.beatNow()
  t.equal(ownership.isFresh(10_000, 12), false, 'whoever has asked has heard three beats since')
  t.equal(ownership.isFresh(10_000, 13), true)
  ownership.lost()
  t.equal(ownership.isFresh(10_000, 15), false)
})
