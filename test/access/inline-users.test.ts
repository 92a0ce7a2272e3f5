import t from 'tap'
import { digestSecretOf } from '../../src/access/digest.ts'
import { hashInlineUsers } from '../../src/access/inline-users.ts'
import { createToken } from '../../src/access/tokens.ts'
import { checkConfig } from '../../src/config.ts'

t.test('passwords of the configuration are kept as hashes only', async (t) => {
  const rules = [{ allow: ['read'], topic: '#' }] as const
  const { users } = checkConfig({
    users: {
      clown: { password: 'bigclown', role: 'admin' },
      bridge: { password: 'x', role: 'node', base: 'nodes/bridge/0' },
      anonymous: { rules },
    },
  })
  const hashed = await hashInlineUsers(users, async (password) => `hash of ${password}`)
  t.same(hashed, [
    { name: 'clown', role: 'admin', rules: [], tokens: [], passwordHash: 'hash of bigclown' },
    {
      name: 'bridge',
      role: 'node',
      base: 'nodes/bridge/0',
      rules: [],
      tokens: [],
      passwordHash: 'hash of x',
    },
    { name: 'anonymous', rules, tokens: [] },
  ])
})

t.test(
  'who wants to sign in by Digest has a secret for that, besides the hash or token',
  async (t) => {
    const { token } = createToken()
    const { users } = checkConfig({
      users: {
        clown: { password: 'bigclown', digest: true },
        other: { password: 'bigclown', digest: false },
        machine: { password: token, digest: true },
      },
    })
    const hashed = await hashInlineUsers(users, async () => 'hash')
    t.match(hashed, [
      { passwordHash: 'hash', digestSecret: digestSecretOf('clown', 'bigclown') },
      { digestSecret: undefined },
      { tokens: [{ name: 'configuration' }], digestSecret: digestSecretOf('machine', token) },
    ])
  },
)
