import t from 'tap'
import { checkConfig } from '../../src/config.ts'
import { openRetainedFolder } from '../../src/mqtt/retained.ts'
import { testFolder } from '../test-folder.ts'

const { limits } = checkConfig({})

t.test('many large values are kept, some at a time, and found again', async (t) => {
  const path = testFolder(t)
  const folder = await openRetainedFolder(path, limits)
  t.equal(folder.count, 0)
  const payload = Buffer.alloc(1_048_576, 'x')
  for (let at = 0; at < 6; at++) {
    t.equal(await folder.keep({ topic: `pictures/${at}`, payload, qos: 1 }), 'kept')
  }
  await folder.close()
  const again = await openRetainedFolder(path, limits)
  t.equal(again.count, 6)
  await again.close()
})

t.test('what the hub would not retain is not kept', async (t) => {
  const folder = await openRetainedFolder(testFolder(t), limits)
  const payload = Buffer.from('x')
  t.equal(await folder.keep({ topic: 'a/+', payload, qos: 0 }), 'bad-topic')
  t.equal(await folder.keep({ topic: 'a/relay/0/set', payload, qos: 0 }), 'command')
  const large = Buffer.alloc(limits.retained.valueBytes + 1)
  t.equal(await folder.keep({ topic: 'a', payload: large, qos: 0 }), 'too-much')
  await folder.close()
})
