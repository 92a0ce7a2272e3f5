import { chmodSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { watchFiles } from '../../src/core/watch-files.ts'
import { createInbox } from '../inbox.ts'
import { testFolder } from '../test-folder.ts'

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
