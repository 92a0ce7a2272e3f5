import {
  chmodSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { HubError, reasonOf } from '../../src/core/errors.ts'
import {
  checkPrivate,
  followFiles,
  readSecretFile,
  readTextFile,
  valueIn,
  watchFiles,
  writeSecret,
} from '../../src/core/files.ts'
import { createInbox } from '../inbox.ts'
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

t.test('whatever becomes of a file is noticed', async (t) => {
  const folder = testFolder(t, { plain: 'a', old: { file: 'a' }, new: { file: 'a' } })
  const at = (path: string) => join(folder, path)
  symlinkSync('old', at('current'))
  const changes = createInbox<string>()
  let step = ''
  t.teardown(watchFiles([at('plain'), at('current/file'), at('none')], () => changes.put(step), 10))
  const steps: Record<string, () => void> = {
    'written in place': () => writeFileSync(at('plain'), 'b'),
    'other rights': () => chmodSync(at('plain'), 0o600),
    'another in its place': () => {
      writeFileSync(at('next'), 'b')
      renameSync(at('next'), at('plain'))
    },
    removed: () => rmSync(at('plain')),
    'a link that leads elsewhere': () => {
      symlinkSync('new', at('next'))
      renameSync(at('next'), at('current'))
    },
    'no file any more': () => {
      rmSync(at('new'), { recursive: true })
      writeFileSync(at('new'), 'not a folder')
    },
    'there at last': () => writeFileSync(at('none'), ''),
  }
  for (const [name, act] of Object.entries(steps)) {
    step = name
    act()
    t.equal(await changes.next(), name)
  }
})

t.test('once closed, it looks no longer', async (t) => {
  const folder = testFolder(t, { one: 'a', two: 'a' })
  const changes = createInbox<string>()
  const [one, two] = [join(folder, 'one'), join(folder, 'two')]
  watchFiles([one], () => changes.put('one'), 10)()
  t.teardown(watchFiles([two], () => changes.put('two'), 10))
  writeFileSync(one, 'b')
  writeFileSync(two, 'b')
  await changes.next((name) => name === 'two')
  writeFileSync(two, 'c')
  await changes.next((name) => name === 'two')
  t.same(changes.items, ['two', 'two'])
})

function followed(t: Test, file: string) {
  const news = createInbox<string>()
  const following = followFiles([file], {
    read: () => readFileSync(file, 'utf8'),
    changed: (now, before) => news.put(`${now} after ${before}`),
    broken: (error) => news.put(reasonOf(error)),
    pollMs: 10,
  })
  t.teardown(following.close)
  return { ...following, news }
}

t.test('it has what the files say, and tells of each change', async (t) => {
  const file = join(testFolder(t, { file: 'a' }), 'file')
  const { current, news } = followed(t, file)
  t.equal(current(), 'a')
  writeFileSync(file, 'bb')
  await news.next((line) => line.startsWith('bb after'))
  t.equal(current(), 'bb')
})

t.test('what cannot be read any more leaves the value from before', async (t) => {
  const file = join(testFolder(t, { file: 'a' }), 'file')
  const { current, news } = followed(t, file)
  rmSync(file)
  t.match(await news.next(), /ENOENT/)
  t.equal(current(), 'a')
})

t.test('what cannot be read at first is thrown, and not watched', async (t) => {
  const folder = testFolder(t)
  t.throws(() => followed(t, join(folder, 'none')), { code: 'ENOENT' })
})

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

t.test('a new file is for its owner only', async (t) => {
  const folder = testFolder(t)
  writeSecret(join(folder, 'secret'), 'x')
  t.equal(readFileSync(join(folder, 'secret'), 'utf8'), 'x')
  t.equal(modeOf(join(folder, 'secret')), '600')
  t.same(readdirSync(folder), ['secret'], 'nothing else is left')
})

t.test('a file that was there keeps its owner, and what its group may read', async (t) => {
  const path = join(testFolder(t, { secret: 'old' }), 'secret')
  const { uid, gid } = statSync(path)
  for (const [before, after] of [
    [0o640, '640'],
    [0o400, '400'],
    [0o666, '640'],
  ] as const) {
    chmodSync(path, before)
    writeSecret(path, `now ${after}`)
    t.equal(readFileSync(path, 'utf8'), `now ${after}`)
    t.equal(modeOf(path), after)
    t.match(statSync(path), { uid, gid })
  }
})

t.test('a link stays one', async (t) => {
  const folder = testFolder(t, { real: 'old' })
  symlinkSync('real', join(folder, 'link'))
  writeSecret(join(folder, 'link'), 'new')
  t.equal(readFileSync(join(folder, 'real'), 'utf8'), 'new')
  t.same(readdirSync(folder).sort(), ['link', 'real'])
})

t.test('what cannot be written is said, and leaves nothing behind', async (t) => {
  const folder = testFolder(t, { inner: {} })
  t.throws(() => writeSecret(join(folder, 'absent/secret'), 'x'), {
    code: 'unwritable-file',
    message: /^expected to write ".*absent\/secret": ENOENT: no such file or directory$/,
  })
  t.throws(() => writeSecret(join(folder, 'inner'), 'x'), { code: 'unwritable-file' })
  t.same(readdirSync(folder), ['inner'])
})

t.test('what keeps it from being written is said as it is', async (t) => {
  const path = join(testFolder(t, { secret: 'theirs' }), 'secret')
  const fail = () => {
    throw new HubError('exposed-secret', 'expected a file for its owner')
  }
  t.throws(() => writeSecret(path, 'ours', fail), { code: 'exposed-secret' })
  t.equal(readFileSync(path, 'utf8'), 'theirs')
})

t.test('a file that is not to be replaced any more stays as it is', async (t) => {
  const folder = testFolder(t, { secret: 'theirs' })
  const path = join(folder, 'secret')
  t.equal(
    writeSecret(path, 'ours', () => false),
    false,
  )
  t.equal(readFileSync(path, 'utf8'), 'theirs')
  t.same(readdirSync(folder), ['secret'], 'nothing else is left')
  t.equal(
    writeSecret(path, 'ours', () => true),
    true,
  )
  t.equal(readFileSync(path, 'utf8'), 'ours')
})
