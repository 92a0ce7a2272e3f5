import t from 'tap'
import { createRetainedQuota } from '../../src/bus/retained-quota.ts'

t.test('so many topics, values so large, and so much in all are retained', async (t) => {
  const quota = createRetainedQuota({ topics: 2, valueBytes: 6, totalBytes: 10 })
  t.notOk(quota.take('a', 7), 'one value too large')
  t.ok(quota.take('a', 4))
  t.ok(quota.take('b', 3))
  t.notOk(quota.take('c', 1), 'one topic too many')
  t.ok(quota.take('b', 4), 'a new value takes the place of the old one')
  t.notOk(quota.take('b', 5), 'one byte too many, the topic counted')
  t.ok(quota.take('a', 0))
  t.ok(quota.take('c', 4), 'an empty value makes room')
  t.ok(quota.take('unknown', 0))
  t.notOk(quota.take('d', 1))
})

t.test('what the hub itself retains is neither refused nor counted', async (t) => {
  const quota = createRetainedQuota({ topics: 1, valueBytes: 6, totalBytes: 10 })
  t.ok(quota.take('$SYS/hub/nodes/a', 1000))
  t.ok(quota.take('a', 6), 'there is room as before')
  t.ok(quota.take('$SYS/hub/nodes/b', 1000), 'also when there is none')
})
