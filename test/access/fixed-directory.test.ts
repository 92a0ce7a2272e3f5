import t from 'tap'
import { anonymousIn } from '../../src/access/anonymous.ts'
import { fixedDirectory } from '../../src/access/fixed-directory.ts'
import { createPasswordCheck } from '../../src/access/passwords.ts'
import { createToken } from '../../src/access/tokens.ts'

const rules = [{ allow: ['read' as const], topic: 'nodes/#' }]

t.test('inline users keep what they are, and of a password only its hash', async (t) => {
  const directory = await fixedDirectory({
    clown: { password: 'bigclown', role: 'operator', rules },
    node: { password: 'x', role: 'node', base: 'nodes/bridge/0' },
  })
  const clown = directory.find('clown')
  t.match(clown, { name: 'clown', role: 'operator', rules, tokens: [] })
  t.match(directory.find('node'), { role: 'node', base: 'nodes/bridge/0', rules: [] })
  t.same(directory.all(), [clown, directory.find('node')])
  t.notMatch(JSON.stringify(directory.all()), /bigclown/)
  const check = createPasswordCheck({ checksAtOnce: 2, checksWaiting: 2 })
  t.equal(await check(clown?.passwordHash, 'bigclown'), 'right')
  t.equal(directory.find('__proto__'), undefined)
})

t.test('a password that has the form of a token is kept as one', async (t) => {
  const { token, sha256 } = createToken()
  const directory = await fixedDirectory({ node: { password: token } })
  t.match(directory.find('node'), { passwordHash: undefined, tokens: [{ sha256 }] })
})

t.test('it never changes, and has nothing to close', async (t) => {
  const directory = await fixedDirectory({ clown: { password: 'bigclown' } })
  const stop = directory.onChange(() => t.fail('nothing changes'))
  stop()
  directory.close()
  t.ok(directory.find('clown'))
})

t.test('anonymous is who has neither password nor token, under that name only', async (t) => {
  const open = await fixedDirectory({ anonymous: { rules }, other: {} })
  t.match(anonymousIn(open), { name: 'anonymous', rules })
  t.equal(anonymousIn(await fixedDirectory({ other: {} })), undefined)
  t.equal(anonymousIn(await fixedDirectory({ anonymous: { password: 'x' } })), undefined)
  const { token } = createToken()
  t.equal(anonymousIn(await fixedDirectory({ anonymous: { password: token } })), undefined)
})
