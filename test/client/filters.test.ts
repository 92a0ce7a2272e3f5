import t from 'tap'
import { isReport, matchesFilter } from '../../client/filters.ts'
import { matches } from '../../src/core/filter.ts'

t.test('a filter matches what it matches in the hub', async (t) => {
  const topics = ['a', 'a/b', 'a/b/c', '', '/', 'a/', '$a', '$a/b', 'b/+']
  for (const filter of ['#', '+', 'a', 'a/#', 'a/+', '+/b', 'a/+/c', '/', '+/+', '$a/#', '$a']) {
    for (const topic of topics) {
      t.equal(matchesFilter(filter, topic), matches(filter, topic), `${filter} ${topic}`)
    }
  }
})

t.test('commands, answers and notifications are no reports', async (t) => {
  for (const topic of ['relay/a', 'set/a', 'asset']) t.ok(isReport(topic), topic)
  for (const topic of ['relay/a/set', 'a/get', 'a/error', 'boot']) t.notOk(isReport(topic), topic)
})
