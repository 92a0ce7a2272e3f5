import { pino } from 'pino'
import t from 'tap'
import { type Ban, openBans } from '../../src/access/bans.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'

const startMs = Date.parse('2026-11-21T00:00:00Z')
const reason = 'guesses passwords'
const boss = { user: { name: 'boss', role: 'admin' }, address: '198.51.100.1' }
const elsewhere = '192.0.2.7'
const home = '127.0.0.1'

async function opened(store = openMemoryStore(), most = 10) {
  const asking = { ...boss, address: home }
  const state = { nowMs: startMs, banned: 0 }
  const counters = createCounters()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  const noted: unknown[] = []
  const note = (event: string, { who }: { readonly [field: string]: unknown }) =>
    noted.push([event, who])
  const parts = { store, sampledLog, securityLog: { note } }
  const bans = await openBans({ ...parts, most, wallMs: () => state.nowMs })
  bans.onBan(() => {
    state.banned++
  })
  const add = (what: Ban['what'], who: string, seconds?: number) =>
    bans.add({ what, who, reason, ...(seconds !== undefined && { seconds }) }, asking)
  return { ...bans, add, bans, state, counters, store, noted }
}

t.test('a ban keeps out whom it is for, and nobody else', async (t) => {
  const { add, of, state } = await opened()
  t.same(add('address', elsewhere), {
    ...{ what: 'address', who: elsewhere },
    ...{ by: 'boss', reason, since: '2026-11-21T00:00:00.000Z' },
  })
  add('address', '2001:db8::/32')
  add('user', 'eve')
  add('client', 'bot/1')
  t.equal(state.banned, 4)
  const eve = { name: 'eve', role: 'viewer' }
  const ann = { name: 'ann' }
  t.match(of({ address: elsewhere }), { what: 'address', who: elsewhere })
  t.match(of({ address: `::ffff:${elsewhere}` }), { who: elsewhere })
  t.match(of({ address: '2001:db8:1::2', user: ann }), { who: '2001:db8::/32' })
  t.match(of({ address: home, user: eve }), { what: 'user', who: 'eve' })
  t.match(of({ address: home, user: ann, clientId: 'bot/1' }), { what: 'client' })
  for (const somebody of [
    { address: '192.0.2.8' },
    { address: 'unknown' },
    { address: home, user: ann, clientId: 'eve' },
    { address: '2001:db9::1', clientId: 'bot' },
  ]) {
    t.equal(of(somebody), undefined)
  }
})

t.test('this machine has no banned address, and its admins are never banned', async (t) => {
  const { bans, add, of } = await opened()
  add('address', '0.0.0.0/0')
  add('address', '::/0')
  add('user', 'root')
  add('client', 'console')
  const root = { name: 'root', role: 'admin' }
  for (const address of [home, '::1', '::ffff:127.0.0.1']) {
    t.equal(of({ address }), undefined, address)
    t.equal(of({ address, user: root, clientId: 'console' }), undefined, address)
  }
  t.match(of({ address: home, user: { name: 'root', role: 'operator' } }), { what: 'user' })
  t.match(of({ address: elsewhere, user: root }), { what: 'address' })
  for (const who of ['0.0.0.0/0', '::/0']) bans.remove({ what: 'address', who }, 'boss')
  t.match(of({ address: elsewhere, user: root }), { what: 'user' })
})

t.test(
  'nobody bans the own user, the own address, this machine, or what is no target',
  async (t) => {
    const { add, bans } = await opened()
    t.throws(() => add('user', 'boss'), { code: 'bad-payload', message: /a ban of somebody else/ })
    for (const who of ['198.51.100.1', '198.51.100.0/24', '127.0.0.1', '::1', '127.0.0.0/8']) {
      t.throws(() => bans.add({ what: 'address', who, reason }, boss), {
        message: /neither of this machine nor where you ask/,
      })
    }
    for (const who of ['', 'localhost', '192.0.2.0/33', '::/129', '300.1.1.1']) {
      t.throws(() => add('address', who), { message: /an address, or a network such as 10\.0\.0/ })
    }
    for (const text of ['', 'a\u0007b', 'x'.repeat(201)]) {
      const asked = { what: 'user', who: 'eve', reason: text } as const
      t.throws(() => bans.add(asked, boss), { message: /a reason of 1 to 200 characters/ })
    }
    t.same(bans.list(), [])
  },
)

t.test(
  'a ban ends with its time, or when it is taken away, and is replaced by another',
  async (t) => {
    const { add, of, list, bans, state, noted } = await opened()
    add('user', 'eve', 60)
    add('address', elsewhere, 60)
    t.match(list(), [{ until: '2026-11-21T00:01:00.000Z' }, { who: elsewhere }])
    state.nowMs += 60_000
    t.same(list(), [])
    t.equal(of({ address: elsewhere, user: { name: 'eve' } }), undefined)
    t.equal(bans.remove({ what: 'user', who: 'eve' }, 'boss'), undefined, 'over already')
    add('user', 'eve')
    add('user', 'eve', 10)
    t.match(list(), [{ who: 'eve', until: '2026-11-21T00:01:10.000Z' }])
    t.match(bans.remove({ what: 'user', who: 'eve' }, 'boss'), { who: 'eve' })
    t.same(list(), [])
    t.same(
      noted,
      [
        ['ban-added', 'eve'],
        ['ban-added', elsewhere],
        ['ban-added', 'eve'],
        ['ban-added', 'eve'],
        ['ban-removed', 'eve'],
      ],
      'each is told once',
    )
  },
)

t.test('bans outlive the hub, and there are as many as the limit says', async (t) => {
  const { add, store, state } = await opened(undefined, 2)
  add('address', '192.0.2.0/24')
  add('user', 'eve', 60)
  t.throws(() => add('client', 'x'), { code: 'too-many', message: /at most 2 bans/ })
  add('user', 'eve', 30)
  state.nowMs += 30_000
  add('client', 'x')
  await store.write([
    { key: 'ban/planet/earth', value: Buffer.from('{"by":"","reason":"","since":""}') },
  ])
  const next = await opened(store, 2)
  t.match(next.of({ address: elsewhere }), { who: '192.0.2.0/24' })
  t.match(
    next.list().map(({ what }) => what),
    ['address', 'client'],
  )
  t.equal(next.counters.snapshot()['ban-forgotten'], 1)
})

t.test('who is refused is told why and until when, and counted', async (t) => {
  const { add, bans, counters } = await opened()
  add('address', elsewhere, 60)
  add('user', 'eve')
  t.equal(bans.refusal({ address: '192.0.2.9' }), undefined)
  t.same(bans.refusal({ address: elsewhere }), {
    status: 403,
    code: 'banned',
    reason: `expected somebody who is not banned, got a banned address until 2026-11-21T00:01:00.000Z: ${reason}`,
  })
  t.match(bans.refusal({ address: home, user: { name: 'eve' } }), {
    reason: /a banned user: guess/,
  })
  t.equal(counters.snapshot()['banned-refused'], 2)
})
