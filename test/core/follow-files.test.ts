import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { reasonOf } from '../../src/core/errors.ts'
import { followFiles } from '../../src/core/follow-files.ts'
import { createInbox } from '../inbox.ts'
import { testFolder } from '../test-folder.ts'

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
