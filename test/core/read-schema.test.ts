import t from 'tap'
import { readSchema } from '../../src/core/read-schema.ts'

t.test('a schema of the package is read by its name', async (t) => {
  t.match(readSchema('command'), { type: 'object', required: ['device', 'payload'] })
  t.throws(() => readSchema('nobody'), { code: 'ENOENT' })
})
