import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import t from 'tap'
import { digestSecretOf } from '../../src/access/digest.ts'
import { anonymousIn, type User } from '../../src/access/user.ts'
import { openUserDirectory } from '../../src/access/user-directory.ts'
import { changeUser, readUsersFile } from '../../src/access/users-file.ts'
import { checkConfig } from '../../src/config.ts'
import { mqttTo, startedHub } from '../started-hub.ts'
import { basic } from '../started-sign-in.ts'
import { someHash, usersFile } from './users.ts'

/** The same name twice: é as one character, and as two. */
const [composed, decomposed] = ['Jos\u00e9', 'Jose\u0301']
const spellings = [composed, decomposed]

t.test('RFC 8265: whoever spells a name or a password in another way is the same', async (t) => {
  for (const written of spellings) {
    const users = { [written]: { password: `${written} bigclown`, role: 'admin' } } as const
    const hub = await startedHub(t, { users })
    for (const user of spellings) {
      for (const password of spellings.map((text) => `${text} bigclown`)) {
        const url = `http://127.0.0.1:${hub.httpPort}/session`
        const session = await fetch(url, { headers: basic(user, password) })
        t.same(await session.json(), { user: composed, role: 'admin' })
        await mqttTo(t, hub, { username: user, password })
      }
    }
  }
  t.equal(digestSecretOf(composed, composed), digestSecretOf(decomposed, decomposed))
})

t.test('the users file is found by either spelling, and holds one of them', async (t) => {
  const path = usersFile(t, `users: { ${decomposed}: { password: "${someHash}" } }`)
  t.same(
    readUsersFile(path).map(({ name }) => name),
    [composed],
  )
  changeUser(path, composed, (before) => {
    t.equal(before?.password, someHash)
    return { ...before, role: 'viewer' }
  })
  t.match(readUsersFile(path), [{ name: composed, role: 'viewer' }])
  changeUser(path, decomposed, () => undefined)
  t.same(readUsersFile(path), [])
  changeUser(path, decomposed, () => ({ role: 'viewer' }))
  t.ok(readFileSync(path, 'utf8').includes(composed), 'a new one is written as one character')
  t.throws(() => changeUser(path, 'a\u200db', () => ({ role: 'viewer' })), {
    code: 'bad-config',
    message: /format characters, which nobody sees/,
  })
  t.throws(() => changeUser(path, 'é'.repeat(33), () => ({ role: 'viewer' })), {
    code: 'bad-config',
    message: /expected the name of users\.é+ to have at most 64 bytes in UTF-8, got 66$/,
  })
  const both = usersFile(t, `users: { ${composed}: {}, ${decomposed}: {} }`)
  t.throws(() => readUsersFile(both), /expected users\.José once, got two spellings of it/)
})

t.test(
  'a configuration is refused for names and passwords that nobody could sign in with',
  async (t) => {
    const password = 'bigclown'
    const check =
      (users: object, more: object = {}) =>
      () =>
        checkConfig({ users, ...more })
    const invisible = [
      'a\u200cb',
      'a\u200db',
      'a\u00adb',
      '\u202eb',
      '\ufeffb',
      'a\u2028b',
      'a\uffffb',
      'a\u0000b',
    ]
    for (const name of invisible) {
      t.throws(
        check({ [name]: { password } }),
        { code: 'bad-config', message: /without colons, control characters, and format/ },
        encodeURIComponent(name),
      )
    }
    t.throws(
      check({ [composed]: { password }, [decomposed]: { password } }),
      /got two spellings of it/,
    )
    t.throws(check({ ['é'.repeat(33)]: { password } }), /at most 64 bytes in UTF-8, got 66$/)
    t.throws(check({ bob: { password: 'é'.repeat(129) } }), {
      message: 'expected users.bob.password to have at most 256 bytes in UTF-8, got 258',
    })
    const limits = { mqtt: { userBytes: 8, passwordBytes: 8 } }
    t.throws(check({ 'nine-bytes': { password } }, { limits }), /at most 8 bytes in UTF-8, got 10$/)
    const usersFileOf = usersFile(t, 'users: { nine-bytes: {} }')
    t.throws(check({}, { limits, usersFile: usersFileOf }), /at most 8 bytes in UTF-8, got 10$/)
    t.doesNotThrow(check({ ['é'.repeat(32)]: { password: 'é'.repeat(128) } }))
    const twice = usersFile(t, `users: { ${decomposed}: {} }`)
    t.throws(check({ [composed]: { password } }, { usersFile: twice }), /got both: remove one$/)
  },
)

const log = pino({ level: 'silent' })

function anonymousAmong(...inline: User[]): User | undefined {
  return anonymousIn(openUserDirectory({ inline, file: undefined, log }))
}

t.test('anonymous is who has neither password nor token, under that name only', async (t) => {
  const anonymous: User = { name: 'anonymous', rules: [], tokens: [] }
  const token = { name: 'x', sha256: 'a'.repeat(64), created: '2026-11-21T00:00:00Z' }
  t.equal(anonymousAmong(anonymous), anonymous)
  t.equal(anonymousAmong({ ...anonymous, name: 'other' }), undefined)
  t.equal(anonymousAmong({ ...anonymous, passwordHash: 'x' }), undefined)
  t.equal(anonymousAmong({ ...anonymous, tokens: [token] }), undefined)
})
