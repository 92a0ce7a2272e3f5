import t from 'tap'
import { createSignIn } from '../../src/access/sign-in.ts'

t.test('F11: a password is compared by its bytes, whatever they are', async (t) => {
  const signIn = createSignIn({ clown: { password: 'velký\u{fffd}' } })
  t.ok(signIn('clown', Buffer.from('velký\u{fffd}')))
  t.notOk(signIn('clown', Buffer.concat([Buffer.from('velký'), Buffer.from([0xff])])))
})

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
