import { verify } from '@node-rs/argon2'
import t from 'tap'
import { hashPassword } from '../../src/access/passwords.ts'

t.test('a password is hashed by argon2id, with a salt of its own', async (t) => {
  const [one, two] = await Promise.all([hashPassword('bigclown'), hashPassword('bigclown')])
  t.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  t.not(one, two)
  t.ok(await verify(one, 'bigclown'))
})
