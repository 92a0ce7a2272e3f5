import { createHash } from 'node:crypto'
import { hash as hashByArgon2 } from '@node-rs/argon2'
import t from 'tap'
import {
  createPasswordCheck,
  hashPassword,
  isMosquittoHash,
  isMosquittoHashOf,
} from '../../src/access/passwords.ts'
import type { HashReplacement } from '../../src/access/user.ts'
import { mosquittoHashes } from './users.ts'

const limits = { checksAtOnce: 2, checksWaiting: 3 }

t.test('a hash is a PHC string of the promised cost, with a salt of its own', async (t) => {
  const [one, other] = await Promise.all([hashPassword('x'), hashPassword('x')])
  const form = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/
  t.match(one, form)
  t.match(other, form)
  t.not(one, other)
})

t.test('who has left the native part of the package out is told what to install', async (t) => {
  const load = () => Promise.reject(new Error('Cannot find native binding.'))
  await t.rejects(hashPassword('x', load), {
    code: 'missing-package',
    message:
      /^expected .* got none: npm install without --omit=optional, or @node-rs\/argon2 alone$/,
  })
})

t.test('a password is right for its own hash only', async (t) => {
  const check = createPasswordCheck(limits)
  const hash = await hashPassword('pässword')
  t.equal(await check(hash, 'pässword'), 'right')
  t.equal(await check(hash, 'password'), 'wrong')
  t.equal(await check(hash, ''), 'wrong')
  t.equal(await check(undefined, 'pässword'), 'wrong', 'nobody has a password')
  t.equal(await check('no hash', 'pässword'), 'wrong')
})

t.test("a right password for a hash of Mosquitto's makes an argon2id hash", async (t) => {
  const check = createPasswordCheck(limits)
  for (const [password, hash] of Object.entries(mosquittoHashes)) {
    const replacements: HashReplacement[] = []
    const resultOf = (given: string) =>
      check(hash, given, { replace: (found) => replacements.push(found) })
    t.equal(await resultOf(`${password}x`), 'wrong')
    t.same(replacements, [])
    t.equal(await resultOf(password), 'right')
    t.equal(await check(hash, password), 'right', 'somebody may not want to know')
    const [{ before, after } = { before: '', after: '' }, ...more] = replacements
    t.equal(before, hash)
    t.match(after, /^\$argon2id\$/)
    t.equal(await check(after, password), 'right')
    t.same(more, [])
  }
  const ofOurs: HashReplacement[] = []
  await check(await hashPassword('x'), 'x', { replace: (found) => ofOurs.push(found) })
  t.same(ofOurs, [])
})

t.test(
  'a hash that was made of a password before NFC is right for it, and is replaced',
  async (t) => {
    const check = createPasswordCheck(limits)
    /** As a keyboard of macOS writes it, and as it is compared. */
    const [typed, normal] = ['cafe\u0301', 'caf\u00e9']
    const salt = Buffer.from('salt')
    const digest = createHash('sha512').update(typed).update(salt).digest('base64')
    for (const hash of [await hashByArgon2(typed), `$6$${salt.toString('base64')}$${digest}`]) {
      const replacements: HashReplacement[] = []
      const resultOf = (given: string) =>
        check(hash, given, { replace: (found) => replacements.push(found) })
      t.equal(await resultOf(normal), 'wrong', 'nobody knows how else it may have been typed')
      t.equal(await resultOf(`${typed}x`), 'wrong')
      t.same(replacements, [])
      t.equal(await resultOf(typed), 'right')
      const [{ before, after } = { before: '', after: '' }] = replacements
      t.equal(before, hash)
      for (const spelling of [typed, normal]) t.equal(await check(after, spelling), 'right')
    }
    const ofOurs: HashReplacement[] = []
    t.equal(
      await check(await hashPassword(typed), typed, { replace: (found) => ofOurs.push(found) }),
      'right',
    )
    t.same(ofOurs, [], 'one made of NFC stays')
    t.equal(await check(undefined, typed), 'wrong')
  },
)

t.test('so many checks run, so many wait, and the rest is busy', async (t) => {
  const check = createPasswordCheck(limits)
  const hash = await hashPassword('x')
  const results = await Promise.all([0, 1, 2, 3, 4, 5, 6].map(() => check(hash, 'x')))
  t.same(results, ['right', 'right', 'right', 'right', 'right', 'busy', 'busy'])
  t.same(await Promise.all([check(hash, 'x'), check(hash, 'y')]), ['right', 'wrong'])
})

t.test('who waits goes in order', async (t) => {
  const check = createPasswordCheck({ ...limits, checksAtOnce: 1 })
  const hash = await hashPassword('x')
  const ended: number[] = []
  const begin = (number: number) => check(hash, 'x').then(() => ended.push(number))
  await Promise.all([0, 1, 2, 3].map(begin))
  t.same(ended, [0, 1, 2, 3])
})

t.test('a hash that mosquitto_passwd wrote is that of its password only', async (t) => {
  for (const [password, hash] of Object.entries(mosquittoHashes)) {
    t.ok(isMosquittoHash(hash), hash)
    t.ok(await isMosquittoHashOf(hash, password), hash)
    for (const other of ['', 'pw', `${password} `, password.toUpperCase()]) {
      t.notOk(await isMosquittoHashOf(hash, other), other)
    }
  }
})

t.test('a text of another form is no hash, and the hash of nothing', async (t) => {
  const hash = `${'A'.repeat(86)}==`
  for (const text of [
    '',
    'pw1',
    `$5$c2FsdA==$${hash}`,
    `$7$c2FsdA==$${hash}`,
    `$7$0$c2FsdA==$${hash}`,
    `$7$10000000$c2FsdA==$${hash}`,
    `$7$101$c2FsdA==$${hash.slice(4)}`,
    `$6$$${hash}`,
    `$6$c2FsdA==$${hash} `,
  ]) {
    t.notOk(isMosquittoHash(text), text)
    t.notOk(await isMosquittoHashOf(text, ''), text)
  }
})

t.test(
  'F58: where somebody has signed in, passwords go first, and have places of their own',
  async (t) => {
    const check = createPasswordCheck({ checksAtOnce: 1, checksWaiting: 4 })
    const hash = await hashPassword('x')
    const ended: string[] = []
    const come = async (name: string, isAcquainted: boolean) => {
      const result = await check(hash, 'x', { isAcquainted })
      ended.push(result === 'busy' ? `${name} busy` : name)
    }
    const strangers = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => come(name, false))
    await Promise.all([...strangers, come('known', true), come('late', true)])
    t.same(ended, ['f busy', 'late busy', 'a', 'known', 'b', 'c', 'd', 'e'])
  },
)
