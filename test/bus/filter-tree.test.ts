import t from 'tap'
import { FilterTree } from '../../src/bus/filter-tree.ts'
import { matches } from '../../src/core/filter.ts'

const filters = [
  '#',
  '+',
  '+/+',
  'a',
  'a/#',
  'a/+',
  'a/b',
  'a/b/#',
  'a/+/c',
  '+/b',
  '/a',
  '/+',
  'a/',
]
const topics = ['a', 'b', 'a/b', 'a/c', 'a/b/c', 'a/x/c', 'a/b/c/d', '/a', '/', 'a/', 'b/b', '']

function treeOf(all: readonly string[]): FilterTree<string> {
  const tree = new FilterTree<string>()
  for (const filter of all) tree.add(filter, filter)
  return tree
}

t.test('finds what each filter matches', async (t) => {
  const tree = treeOf(filters)
  for (const topic of topics) {
    const expected = filters.filter((filter) => matches(filter, topic))
    t.same(tree.match(topic).sort(), expected.sort(), topic)
  }
})

t.test('a value is filed once under a filter, and once for each of several', async (t) => {
  const tree = new FilterTree<number>()
  tree.add('a/+', 1)
  tree.add('a/+', 1)
  tree.add('a/#', 1)
  tree.add('a/#', 2)
  t.same(tree.match('a/b').sort(), [1, 1, 2])
})

t.test('what is removed is not found, and the rest is', async (t) => {
  for (const removed of filters) {
    const tree = treeOf(filters)
    tree.remove(removed, removed)
    for (const topic of topics) {
      const expected = filters.filter((filter) => filter !== removed && matches(filter, topic))
      t.same(tree.match(topic).sort(), expected.sort(), `${topic} without ${removed}`)
    }
  }
})

t.test('what was never there can be removed', async (t) => {
  const tree = treeOf(['a/b'])
  tree.remove('a/b', 'other')
  tree.remove('a/b/c', 'a/b')
  tree.remove('x', 'a/b')
  t.same(tree.match('a/b'), ['a/b'])
})
