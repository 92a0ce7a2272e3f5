import t from 'tap'
import { checkHistoryFilters } from '../../../src/nodes/history/history-filters.ts'

t.test('a filter that is none is named', async (t) => {
  checkHistoryFilters({ record: ['#', 'a/+'], ignore: ['b/#'] }, '')
  t.throws(() => checkHistoryFilters({ record: ['#'], ignore: ['b', 'a/#/b'] }, 'hub.yaml: '), {
    code: 'bad-config',
    message: /^hub\.yaml: expected history\.ignore\.1 to be a filter, got "a\/#\/b": expected /,
  })
})
