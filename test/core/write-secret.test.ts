import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { HubError } from '../../src/core/errors.ts'
import { writeSecret } from '../../src/core/write-secret.ts'
import { testFolder } from '../test-folder.ts'

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
