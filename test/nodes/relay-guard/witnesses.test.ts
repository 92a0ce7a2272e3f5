import t from 'tap'
import { guarded } from './guarded.ts'

const relay = 'nodes/bridge/0/relay/pump'
const meter = 'nodes/bridge/0/power-meter/-'
const proof = { topic: meter, quantity: 'power', above: 5, withinSeconds: 10 }

t.test('a relay that says off while power flows still has power', async (t) => {
  const { guard, clock, contradictions, counters } = await guarded(t, [{ topic: relay, proof }])
  guard.reported(relay, { state: true })
  guard.reported(meter, { power: [85, 'W'] })
  guard.reported(relay, { state: false })
  clock.step(9999)
  t.same(contradictions, [])
  clock.step(1)
  const sentence = `expected power of "${meter}" not above 5 while "${relay}" says off, got 85`
  t.same(contradictions, [`${relay} still-has-power: ${sentence}`])
  guard.reported(meter, { power: [84, 'W'] })
  clock.step(60_000)
  t.equal(contradictions.length, 1, 'it is told once')
  t.equal(counters.snapshot()['still-has-power'], 1)
  guard.reported(meter, { power: 0 })
  guard.reported(meter, { power: 85 })
  clock.step(10_000)
  t.equal(contradictions.length, 2, 'and again when they agreed in between')
})

t.test('a relay that says on while nothing flows is without effect', async (t) => {
  const bounded = { ...proof, below: 100 }
  const { guard, clock, contradictions } = await guarded(t, [{ topic: relay, proof: bounded }])
  guard.reported(meter, { power: 0 })
  guard.reported(meter, { energy: 3 })
  guard.reported(relay, { temperature: 20 })
  clock.step(60_000)
  guard.reported(relay, { state: 'ON' })
  clock.step(5000)
  guard.reported(meter, { energy: 3 })
  guard.reported(meter, { power: 50 })
  clock.step(60_000)
  t.same(contradictions, [], 'it takes its time')
  guard.reported(meter, { power: 100 })
  clock.step(10_000)
  const sentence = `expected power of "${meter}" above 5 and below 100 while "${relay}" says on, got 100`
  t.same(contradictions, [`${relay} without-effect: ${sentence}`])
})

t.test('what the witness said before counts, and nothing is told once it is closed', async (t) => {
  const below = { topic: meter, quantity: 'power', below: 1, withinSeconds: 10 }
  const { guard, reports, clock, contradictions } = await guarded(t, [
    { topic: relay, proof: below },
  ])
  reports.set(meter, { power: 3 })
  guard.reported(relay, { state: true })
  clock.step(10_000)
  t.match(contradictions[0], /: expected power of "[^"]+" below 1 while/)
  guard.reported(relay, { state: false })
  reports.set(meter, { power: 0 })
  guard.reported(meter, { power: 0 })
  guard.close()
  clock.step(60_000)
  t.equal(contradictions.length, 1)
})

t.test('so many are watched, and the first is forgotten', async (t) => {
  const { guard, reports, clock, contradictions } = await guarded(t, [{ kind: 'relay', proof }])
  reports.set(meter, { power: 0 })
  for (let at = 0; at <= 1000; at++) guard.reported(`n/relay/${at}`, { state: true })
  clock.step(10_000)
  t.equal(contradictions.length, 1000)
  t.notOk(contradictions.some((line) => line.startsWith('n/relay/0 ')))
})
