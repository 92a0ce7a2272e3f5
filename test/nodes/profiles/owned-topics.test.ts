import t from 'tap'
import { clown } from '../../senders.ts'
import { idleProfiles, messageOn, opened, report } from '../opened-path.ts'

t.test('what a profile owns is heard by it, and is no device of its own', async (t) => {
  const { path, bus, done, claims, records, settle, clock } = opened()
  bus.publish(report)
  settle()
  const hear = () => {}
  claims.add({ profile: 'p', owner: 'o', pattern: 'n/thermometer/0', isOwned: true, hear })
  done.length = 0
  path.enter(report, clown)
  bus.publish(report)
  clock.step(100)
  t.same(done, [
    ['enters', 'n/thermometer/0'],
    ['follow', 'n/thermometer/0'],
    ['heard', 'n/thermometer/0'],
    ['keep', 'n/thermometer/0'],
    ['hear', 'n/thermometer/0'],
    ['forget', 'n/thermometer/0'],
    ['record', 'n/thermometer/0', false],
  ])
  t.equal(records.of('n/thermometer/0').device, undefined)
  bus.publish(report)
  clock.step(100)
  t.equal(done.filter(([what]) => what === 'forget').length, 1, 'once')
  claims.release({ profile: 'p', owner: 'o' })
  t.equal(records.of('n/thermometer/0').claimed, undefined)
})

t.test('what tells a profile of itself belongs to it at once', async (t) => {
  const { path, bus, done, claims } = opened({
    profiles: {
      ...idleProfiles,
      hear: ({ claims: [claim] }, { topic, payload }) =>
        claim?.hear({ topic, payload, isPast: false }),
    },
  })
  const own = { profile: 'p', owner: 'o', pattern: 'n/+/0', isOwned: true, hear: () => {} }
  const hear = () => claims.add(own)
  claims.add({ ...own, owner: '', pattern: 'n/thermometer/0', isOwned: false, hear })
  bus.publish(report)
  path.settle()
  t.same(done, [
    ['keep', 'n/thermometer/0'],
    ['record', 'n/thermometer/0', false],
  ])
})

t.test(
  'of a device of a profile only the hub reports, and it is learned as it was said',
  async (t) => {
    const { path, bus, done } = opened()
    const topic = 'devices/p/n/relay/-'
    t.throws(() => path.enter(messageOn(topic), clown), { code: 'forbidden' })
    t.throws(() => path.enter(messageOn(`${topic}/config/set`, '{}'), clown), { code: 'forbidden' })
    t.equal(path.enter(messageOn(`${topic}/get`, '{}'), clown), undefined)
    t.equal(path.enter(messageOn(`${topic}/set`, '{"state":true}'), clown), undefined)
    t.same(done.splice(0), [
      ['ask', topic],
      ['take', topic],
    ])
    bus.publish(messageOn(topic))
    path.learn(messageOn(topic))
    path.settle()
    t.same(done.splice(0), [
      ['keep', topic],
      ['learn', topic],
      ['record', topic, true],
    ])
    bus.publish(messageOn(topic, '', { retain: true }))
    path.settle()
    t.same(done.slice(0, 2), [
      ['keep', topic],
      ['learn', topic],
    ])
  },
)

t.test('what the hub says to a device is no report', async (t) => {
  const { path, bus, done } = opened()
  bus.publish(messageOn('raw/own'))
  path.settle()
  t.same(done, [])
})
