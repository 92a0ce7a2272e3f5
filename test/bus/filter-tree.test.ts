import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
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

t.test('whatever is added and removed, what is left is found, and only that', async () => {
  const level = fc.constantFrom('a', 'b', '', '+')
  const filter = fc
    .tuple(fc.array(level, { minLength: 1, maxLength: 6 }), fc.constantFrom('', '/#'))
    .map(([levels, end]) => levels.join('/') + end)
  const topic = fc.array(fc.constantFrom('a', 'b', ''), { minLength: 1, maxLength: 6 })
  const changes = fc.array(fc.tuple(fc.boolean(), filter), { maxLength: 40 })
  fc.assert(
    fc.property(changes, fc.array(topic, { minLength: 1, maxLength: 10 }), (all, topics) => {
      const tree = new FilterTree<string>()
      const left = new Set<string>()
      for (const [isAdded, filter] of all) {
        if (isAdded) tree.add(filter, filter)
        else tree.remove(filter, filter)
        if (isAdded) left.add(filter)
        else left.delete(filter)
      }
      return topics
        .map((levels) => levels.join('/'))
        .every((topic) => {
          const expected = [...left].filter((filter) => matches(filter, topic))
          return isDeepStrictEqual(tree.match(topic).sort(), expected.sort())
        })
    }),
    { numRuns: 2000 },
  )
})
