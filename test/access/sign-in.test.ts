import t from 'tap'
import { createSignIn } from '../../src/access/sign-in.ts'

t.test('a user signs in with the password of that user only', async (t) => {
  const signIn = createSignIn({ clown: { password: 'bigclown' }, node: { password: 'x' } })
  t.ok(signIn('clown', 'bigclown'))
  t.ok(signIn('node', 'x'))
  for (const [user, password] of [
    ['clown', 'x'],
    ['clown', ''],
    ['nobody', 'x'],
    ['nobody', ''],
    ['', ''],
    ['__proto__', ''],
  ] as const) {
    t.notOk(signIn(user, password), `${user}:${password}`)
  }
})
