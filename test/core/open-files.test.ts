import { join } from 'node:path'
import t from 'tap'
import { maxOpenFiles } from '../../src/core/open-files.ts'
import { testFolder } from '../test-folder.ts'

t.test('the limit on open files is the soft one of this process', async (t) => {
  const folder = testFolder(t, {
    limits:
      'Limit                     Soft Limit  Hard Limit  Units\nMax open files            64          4096        files\n',
    unlimited: 'Max open files            unlimited   unlimited   files\n',
  })
  t.equal(maxOpenFiles(join(folder, 'limits')), 64)
  t.equal(maxOpenFiles(join(folder, 'unlimited')), Number.POSITIVE_INFINITY)
  t.equal(maxOpenFiles(join(folder, 'absent')), Number.POSITIVE_INFINITY)
  t.ok(maxOpenFiles() > 0)
})
