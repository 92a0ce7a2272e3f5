import t from 'tap'
import { isMosquittoHash, isMosquittoHashOf } from '../../src/access/mosquitto-hash.ts'
import { mosquittoHashes } from './users.ts'

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
