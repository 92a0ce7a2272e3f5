import { pino } from 'pino'
import t from 'tap'
import { base32, bytesOfBase32, digestOf } from '../../src/access/tokens.ts'
import { createTotpSecret, openTotpCodes, totpCode, totpUri } from '../../src/access/totp.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'

/** The secret of RFC 6238's test vectors for SHA-1: 12345678901234567890 in ASCII. */
const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'

t.test('codes are those of RFC 6238, appendix B', async (t) => {
  const vectors: [seconds: number, code: string][] = [
    [59, '94287082'],
    [1_111_111_109, '07081804'],
    [1_111_111_111, '14050471'],
    [1_234_567_890, '89005924'],
    [2_000_000_000, '69279037'],
    [20_000_000_000, '65353130'],
  ]
  for (const [seconds, code] of vectors) {
    const step = Math.floor(seconds / 30)
    t.equal(totpCode(secret, step, 8), code, String(seconds))
    t.equal(totpCode(secret, step), code.slice(2))
  }
  t.equal(bytesOfBase32(secret).toString(), '12345678901234567890')
})

t.test('a new secret has 160 bits in base32, and apps are told whose it is', async (t) => {
  const made = createTotpSecret()
  t.match(made, /^[A-Z2-7]{32}$/)
  t.not(made, createTotpSecret())
  t.equal(base32(bytesOfBase32(made)).toUpperCase(), made)
  t.same(bytesOfBase32('mz xw6=-'), Buffer.from('foo').subarray(0, 3), 'spaces and padding')
  t.equal(
    totpUri('a b/č', secret),
    `otpauth://totp/Clown.Hub:a%20b%2F%C4%8D?secret=${secret}&issuer=Clown.Hub`,
  )
})

const ann = { name: 'ann', totp: secret }

async function codes(store = openMemoryStore(), seconds = 3000) {
  const clock = { seconds }
  const counters = createCounters()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  const wallMs = () => clock.seconds * 1000
  const { take } = await openTotpCodes({ store, sampledLog, wallMs })
  return { take, clock, counters, store, at: (step: number) => totpCode(secret, step) }
}

t.test(
  'a code is taken once, a step early and a step late, and none older than the last',
  async (t) => {
    const { take, at, clock } = await codes()
    t.notOk(take(ann, at(98)), 'two steps late')
    t.notOk(take(ann, at(102)), 'two steps early')
    t.ok(take(ann, at(100)))
    t.notOk(take(ann, at(100)), 'once more')
    t.notOk(take(ann, at(99)), 'an older one')
    t.ok(take(ann, at(101)))
    clock.seconds += 60
    t.ok(take(ann, at(102)))
    for (const other of ['', '0', at(102).slice(1), `${at(103)} `, 'ččččččč']) {
      t.notOk(take(ann, other), JSON.stringify(other))
    }
    t.notOk(take({ name: 'bob' }, at(103)), 'who has no app has no code')
  },
)

t.test('what was taken is known after a restart, and a new secret begins anew', async (t) => {
  const { take, store, at } = await codes()
  t.ok(take(ann, at(100)))
  await store.write([])
  const next = await codes(store)
  t.notOk(next.take(ann, at(100)))
  const other = createTotpSecret()
  t.ok(next.take({ ...ann, totp: other }, totpCode(other, 100)))
  await store.write([{ key: 'totp/ann', value: Buffer.from('{"step":"x"}') }])
  const last = await codes(store)
  t.equal(last.counters.snapshot()['totp-forgotten'], 1)
  t.ok(last.take(ann, at(100)))
})

t.test('a full disk keeps nobody out, and the code is taken all the same', async (t) => {
  const store = openMemoryStore()
  const { take, at } = await codes({ ...store, write: () => Promise.reject(new Error('full')) })
  t.ok(take(ann, at(100)))
  t.notOk(take(ann, at(100)))
  t.type(digestOf('x'), 'string')
})
