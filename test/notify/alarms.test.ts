import t from 'tap'
import { type AlarmRule, type Notice, openAlarms } from '../../src/notify/alarms.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { steppedClock } from '../clock.ts'

const rule: AlarmRule = { name: 'offline', targets: ['phone'], forMs: 0, repeatMs: Infinity }
const sampledLog = { warn: () => {} }

async function opened(options: { rules?: AlarmRule[] } = {}) {
  const clock = steppedClock()
  const told: (Notice & { target: string })[] = []
  const { rules = [rule] } = options
  const store = openMemoryStore()
  const parts = {
    ...{ store, sampledLog, clock, site: 'house' },
    rules: new Set(rules.map(({ name }) => name)),
    tell: (target: string, notice: Notice) => told.push({ ...notice, target }),
  }
  const alarms = await openAlarms(parts)
  const tick = (ms: number) => {
    for (let gone = 0; gone < ms; gone += 1000) {
      clock.step(1000)
      alarms.tick()
    }
  }
  const news = () => told.splice(0).map(({ state, device, text }) => `${state} ${device} ${text}`)
  return { alarms, clock, tick, news, told, again: () => openAlarms(parts), store }
}

t.test(
  'what is wrong is told when it begins and when it ends, once a minute at most',
  async (t) => {
    const { alarms, tick, news, told } = await opened()
    alarms.set(rule, 'a', undefined)
    tick(1000)
    t.same(news(), [], 'what is well is not told')
    alarms.set(rule, 'a', 'is offline')
    tick(1000)
    t.match(told[0], {
      target: 'phone',
      state: 'begun',
      rule: 'offline',
      site: 'house',
      device: 'a',
    })
    t.same(news(), ['begun a is offline'])
    for (let flaps = 0; flaps < 10; flaps++) {
      alarms.set(rule, 'a', flaps % 2 === 0 ? undefined : 'is offline')
      tick(1000)
    }
    alarms.set(rule, 'a', undefined)
    t.same(news(), [])
    tick(60_000)
    t.same(news(), ['ended a is well again'])
    t.same(alarms.list(), [])
    alarms.set(rule, 'a', 'is offline')
    tick(30_000)
    alarms.set(rule, 'a', undefined)
    tick(120_000)
    t.same(news(), [], 'what was over before it could be told')
  },
)

t.test('what has to be so for a while is told when it was', async (t) => {
  const slow = { ...rule, forMs: 10_000 }
  const { alarms, tick, news } = await opened()
  alarms.set(slow, 'a', 'is offline')
  tick(5000)
  alarms.set(slow, 'a', undefined)
  tick(1000)
  alarms.set(slow, 'a', 'is offline')
  tick(9000)
  t.same(news(), [])
  tick(1000)
  t.same(news(), ['begun a is offline'])
})

t.test('it is repeated until somebody says that they know', async (t) => {
  const again = { ...rule, repeatMs: 120_000 }
  const { alarms, tick, news } = await opened()
  alarms.set(again, 'a', 'is offline')
  tick(121_000)
  t.same(news(), ['begun a is offline', 'repeated a is offline'])
  t.equal(alarms.acknowledge('offline', 'b'), false)
  t.equal(alarms.acknowledge('offline', 'a'), true)
  tick(600_000)
  t.same(news(), [])
  alarms.set(again, 'a', undefined)
  tick(1000)
  t.same(news(), ['ended a is well again'])
})

t.test('a flood is told in one', async (t) => {
  const { alarms, tick, news } = await opened()
  for (let device = 0; device < 30; device++) alarms.set(rule, `d${device}`, 'is offline')
  tick(1000)
  t.equal(news().length, 10)
  tick(6000)
  const [summary, ...more] = news()
  t.match(summary, /^summary house 20 more: d10 is offline; .*; d19 is offline, and 10 more$/)
  t.same(more, [])
  for (const device of ['x', 'y']) alarms.happened(rule, device, 'has changed')
  tick(15_000)
  t.match(news(), [/^summary house 2 more: x has changed; y has changed$/])
})

t.test('what happens again within a minute is told once', async (t) => {
  const { alarms, tick, news } = await opened()
  for (let times = 0; times < 3; times++) alarms.happened(rule, 'a', 'has changed by itself')
  t.same(news(), ['begun a has changed by itself'])
  tick(61_000)
  alarms.happened(rule, 'a', 'has changed by itself')
  t.same(news(), ['begun a has changed by itself'])
})

t.test('after a restart nothing is told again, and its end is', async (t) => {
  const { alarms, tick, news, again, store } = await opened()
  for (const device of ['a', 'b']) alarms.set(rule, device, 'is offline')
  alarms.set({ ...rule, name: 'former' }, 'c', 'is gone')
  tick(1000)
  t.equal(news().length, 3)
  await store.write([])
  const later = await again()
  t.same(
    later.list().map(({ device }) => device),
    ['a', 'b'],
    'a rule that is gone has no alarms',
  )
  later.set(rule, 'a', 'is offline')
  later.set(rule, 'b', undefined)
  later.tick()
  t.same(news(), [])
  for (let seconds = 0; seconds < 60; seconds++) tick(1000)
  later.tick()
  t.same(news(), ['ended b is well again'])
})

t.test('what a flood has left is told at the end, or by the hub after a killed one', async (t) => {
  const { alarms, tick, news, again, store } = await opened()
  const devices = Array.from({ length: 12 }, (_, at) => `d${at}`)
  for (const device of devices) alarms.set(rule, device, 'is offline')
  tick(1000)
  t.equal(news().length, 10)
  await store.write([])
  const afterKill = await again()
  for (const device of devices) afterKill.set(rule, device, 'is offline')
  afterKill.tick()
  t.same(news(), ['begun d10 is offline', 'begun d11 is offline'])
  alarms.close()
  t.match(news(), [/^summary house 2 more: d10 is offline; d11 is offline$/])
  t.equal(alarms.list().length, 12)
  alarms.close()
  t.same(news(), [])
})
