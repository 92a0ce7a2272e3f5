import t, { type Test } from 'tap'
import { type Alarm, actuators, openNode, sensors } from './opened-node.ts'

const relay = 'relay/i2c0-3b'
const on = '{"state":true}'
const off = '{"state":false}'

/** Lets the time of the only alarm come. */
function wake(t: Test, alarms: ReadonlySet<Alarm>, intervalMs: number): void {
  const [alarm, ...others] = alarms
  t.same([alarm?.intervalMs, others], [intervalMs, []])
  alarm?.tick()
}

t.test('a late node hears everything so much later, in order', async (t) => {
  const { say, heard, dropped, alarms } = openNode({ base: '', faults: { lateMs: 700 } })
  say(`${relay}/set`, on)
  say(`${relay}/get`, '{}')
  say(`${relay}/set`, '{}')
  t.same(heard(), [])
  t.same(
    [...alarms].map(({ intervalMs }) => intervalMs),
    [700, 700, 700],
  )
  for (const { tick } of alarms) tick()
  t.same(heard(), [
    [relay, { state: true }],
    [relay, { state: true }],
  ])
  t.equal(dropped.length, 1)
  t.equal(alarms.size, 0, 'each command comes once')
})

t.test('a late node that is closed forgets what it has not heard yet', async (t) => {
  const { node, say, heard, alarms } = openNode({ base: '', faults: { lateMs: 700 } })
  node.announce()
  say(`${relay}/set`, on)
  node.close()
  t.equal(alarms.size, 0)
  t.equal(heard().length, 1 + sensors.length + actuators.length)
})

t.test('a deaf node does nothing and says nothing, but its sensors report', async (t) => {
  const { node, say, heard, dropped, alarms } = openNode({ base: '', faults: { isDeaf: true } })
  node.announce()
  heard()
  say(`${relay}/set`, on)
  say('pir/-/config/set', '{"publish-interval":30}')
  say('-/-/config/list', '{}')
  say('x', '')
  t.same(heard(), [])
  t.same(dropped, [])
  for (const { tick } of alarms) tick()
  t.equal(heard().length, sensors.length)
  node.announce()
  t.match(new Map(heard().map(([topic, value]) => [topic, value])).get(relay), { state: false })
})

t.test('a lying node tells another state than it was asked for, and keeps to it', async (t) => {
  const { say, heard } = openNode({ base: '', faults: { isLying: true } })
  const told = (device: string, state: unknown) => {
    say(`${device}/set`, JSON.stringify({ state }))
    say(`${device}/get`, '{}')
    const [first, second] = heard()
    t.same(first, second)
    return first
  }
  t.same(told(relay, true), [relay, { state: false }])
  t.same(told(relay, false), [relay, { state: true }])
  t.same(told('led/-', 'on'), ['led/-', { state: 'off' }])
  t.same(told('led/-', '2-dot'), ['led/-', { state: 'off' }])
  t.same(told('led/-', 'off'), ['led/-', { state: 'on' }])
  say(`${relay}/set`, '{"state":"on"}')
  t.same(heard(), [], 'what is no state is not answered')
})

t.test('a node that says everything twice does so for commands only', async (t) => {
  const { say, heard } = openNode({ base: '', faults: { isTwice: true } })
  say(`${relay}/set`, on)
  t.same(heard(), [
    [relay, { state: true }],
    [relay, { state: true }],
  ])
  say(`${relay}/get`, '{}')
  t.same(heard(), [[relay, { state: true }]])
})

t.test('a flapping node goes back and forth before it settles', async (t) => {
  const { say, heard, alarms } = openNode({ base: '', faults: { isFlapping: true } })
  say(`${relay}/set`, on)
  const states = [true, false, true, false, true]
  for (const [at, state] of states.entries()) {
    t.same(heard(), [[relay, { state }]])
    if (at < states.length - 1) wake(t, alarms, 100)
  }
  t.equal(alarms.size, 0, 'then it stays')
})

t.test('another command ends the flapping, and so does the end of the node', async (t) => {
  const { node, say, heard, alarms } = openNode({ base: '', faults: { isFlapping: true } })
  say(`${relay}/set`, on)
  wake(t, alarms, 100)
  say(`${relay}/set`, '{}')
  t.equal(alarms.size, 1, 'what is no command does not')
  say(`${relay}/set`, off)
  t.equal(alarms.size, 1)
  for (let at = 0; at < 4; at++) wake(t, alarms, 100)
  t.same(
    heard().map(([, value]) => Object(value).state),
    [true, false, false, true, false, true, false],
  )
  say(`${relay}/set`, on)
  say('relay/i2c0-3f/set', on)
  t.equal(alarms.size, 2, 'each device flaps by itself')
  node.close()
  t.equal(alarms.size, 0)
})

t.test('faults go together', async (t) => {
  const faults = { lateMs: 700, isLying: true, isTwice: true, isFlapping: true }
  const { say, heard, alarms } = openNode({ base: '', faults })
  say(`${relay}/set`, on)
  wake(t, alarms, 700)
  for (let at = 0; at < 4; at++) wake(t, alarms, 100)
  t.same(
    heard().map(([, value]) => Object(value).state),
    [false, false, true, true, false, false, true, true, false, false],
  )
  t.equal(alarms.size, 0)
})

t.test('somebody who comes by switches one thing that can be switched by hand', async (t) => {
  const { node, heard, alarms } = openNode({ base: '', byHandIntervalMs: 45_000 })
  node.announce()
  heard()
  for (const { intervalMs, tick } of [...alarms]) if (intervalMs === 45_000) tick()
  t.same(heard(), [['relay/i2c0-3f', { state: true }]])
  node.close()
  t.equal(alarms.size, 0)
  const none = openNode({ base: '', byHandIntervalMs: 45_000, parts: [] })
  none.node.announce()
  for (const { tick } of none.alarms) tick()
  t.same(none.heard(), [['boot', { 'reason-for-reset': 'power-on' }]])
})
