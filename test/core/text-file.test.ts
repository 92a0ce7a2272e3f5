import { chmodSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkPrivate, readSecretFile, readTextFile, valueIn } from '../../src/core/text-file.ts'
import { testFolder } from '../test-folder.ts'

t.test('a file is read as text, or as a value without its last line break', async (t) => {
  const folder = testFolder(t, { unix: 'a\n', dos: 'a\r\n', two: 'a\n\n' })
  const read = (name: string) => readTextFile('it', join(folder, name))
  t.equal(read('unix').text, 'a\n')
  t.same(['unix', 'dos', 'two'].map(read).map(valueIn), ['a', 'a', 'a\n'])
  t.throws(() => read('absent'), {
    code: 'unreadable-file',
    message: /^expected it to name a file, got ".*absent": ENOENT: no such file or directory$/,
  })
  t.throws(() => readTextFile('it', folder), { message: /: EISDIR: illegal operation/ })
})

t.test('a file of secrets is refused while others can read it', async (t) => {
  const path = join(testFolder(t, { secret: 'x' }), 'secret')
  chmodSync(path, 0o604)
  const message = /^expected ".*" to be for its owner only, .* got mode 0604: chmod 600 .*secret$/
  t.throws(() => readSecretFile('it', path), { code: 'exposed-secret', message })
  chmodSync(path, 0o600)
  t.equal(readSecretFile('it', path).text, 'x')
})

t.test('the group may read what somebody else owns, and all may in /run/secrets', async (t) => {
  const isPrivate = (place: string, mode: number, uid: number) => {
    try {
      checkPrivate({ path: 'x', place, text: '', stats: { mode: 0o100000 | mode, uid } }, 1000)
      return true
    } catch {
      return false
    }
  }
  for (const mode of [0o600, 0o400, 0o700]) t.ok(isPrivate('/etc/x', mode, 1000), mode.toString(8))
  for (const mode of [0o640, 0o604, 0o660, 0o610, 0o644]) {
    t.notOk(isPrivate('/etc/x', mode, 1000), mode.toString(8))
  }
  t.ok(isPrivate('/etc/x', 0o640, 0))
  for (const mode of [0o644, 0o660, 0o641]) t.notOk(isPrivate('/etc/x', mode, 0))
  t.ok(isPrivate('/run/secrets/x', 0o444, 0))
  t.notOk(isPrivate('/run/secretsElse/x', 0o444, 0))
})

t.test('a link is judged by where it leads', async (t) => {
  const folder = testFolder(t, { secret: 'x', links: {} })
  const link = join(folder, 'links/secret')
  symlinkSync('../secret', link)
  chmodSync(join(folder, 'secret'), 0o644)
  t.throws(() => readSecretFile('it', link), { message: /chmod 600 .*links\/secret$/ })
  t.match(readTextFile('it', link), { path: link, place: /(?<!links)\/secret$/, text: 'x' })
})
