import fc from 'fast-check'
import t from 'tap'
import { commonPart, covers, matches, overlaps } from '../../src/core/filter.ts'

const names = ['a', 'b', '', '$a']
const maxLevels = 4

/** Every topic of one to `maxLevels` levels, one level more than the filters have; no text is none. */
const topics = Array.from({ length: maxLevels }, (_, index) => index + 1)
  .flatMap(topicsOf)
  .filter((topic) => topic !== '')

function topicsOf(levels: number): string[] {
  if (levels === 1) return names
  return topicsOf(levels - 1).flatMap((topic) => names.map((name) => `${topic}/${name}`))
}

/** Filters of one to three levels. */
const filters = fc
  .tuple(
    fc.array(fc.constantFrom(...names, '+'), { maxLength: 2 }),
    fc.constantFrom(...names, '+', '#'),
  )
  .map(([levels, last]) => [...levels, last].join('/'))
  .filter((filter) => filter !== '')

/** What MQTT's standard says, told by a pattern. */
function isMatched(filter: string, topic: string): boolean {
  if (/^[+#]/.test(filter) && topic.startsWith('$')) return false
  const pattern = filter
    .replaceAll('$', '\\$')
    .replaceAll('+', '[^/]*')
    .replace(/^#$/, '.*')
    .replace(/\/#$/, '(/.*)?')
  return new RegExp(`^${pattern}$`).test(topic)
}

t.test('a topic is matched as the standard says', async (t) => {
  const cases: [filter: string, topic: string, isMatch: boolean][] = [
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/#', 'sport', true],
    ['#', 'sport', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['+/+', 'a/b', true],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['a/+', 'a/$b', true],
    ['a', 'a/b', false],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['a/+', 'a/', true],
    ['a/#', 'a/', true],
    ['a/+/b', 'a//b', true],
    ['a', 'a/', false],
    ['/#', '/', true],
  ]
  for (const [filter, topic, isMatch] of cases) {
    t.equal(matches(filter, topic), isMatch, `${filter} ${topic}`)
  }
  const isRight = (filter: string) =>
    topics.every((topic) => matches(filter, topic) === isMatched(filter, topic))
  t.doesNotThrow(() => fc.assert(fc.property(filters, isRight)))
})

t.test('a filter covers another when it matches whatever that one matches', async (t) => {
  const isRight = (outer: string, inner: string) => {
    const matched = topics.filter((topic) => isMatched(inner, topic))
    return covers(outer, inner) === matched.every((topic) => isMatched(outer, topic))
  }
  t.doesNotThrow(() => fc.assert(fc.property(filters, filters, isRight), { numRuns: 2000 }))
  t.ok(covers('+/#', '#'))
  t.notOk(covers('a/+/#', 'a/#'))
})

t.test('two filters overlap when there is a topic that both match', async (t) => {
  const isRight = (one: string, other: string) => {
    const both = topics.filter((topic) => isMatched(one, topic) && isMatched(other, topic))
    const part = commonPart(one, other)
    const isPart = topics.every(
      (topic) => both.includes(topic) === (part !== undefined && isMatched(part, topic)),
    )
    return isPart && overlaps(one, other) === both.length > 0
  }
  t.doesNotThrow(() => fc.assert(fc.property(filters, filters, isRight), { numRuns: 2000 }))
  t.notOk(overlaps('#', '$SYS/#'))
  t.equal(commonPart('a/+/c/#', '+/b/#'), 'a/b/c/#')
  t.equal(commonPart('a/b', 'a/b/#'), 'a/b')
})

t.test('a filter matches whole levels, and # the level above it', async (t) => {
  const topics = ['a', 'ab', 'a/b', 'a/ab', 'ab/b', 'a/b/c', '$SYS', '$SYS/a']
  const plain = ['a', 'ab', 'a/b', 'a/ab', 'ab/b', 'a/b/c']
  const expectations: Record<string, string[]> = {
    'a/b': ['a/b'],
    'a/+': ['a/b', 'a/ab'],
    '+': ['a', 'ab'],
    '+/b': ['a/b', 'ab/b'],
    '+/+': ['a/b', 'a/ab', 'ab/b'],
    'a/+/c': ['a/b/c'],
    'a/b/+': ['a/b/c'],
    '#': plain,
    '+/#': plain,
    'a/#': ['a', 'a/b', 'a/ab', 'a/b/c'],
    '+/b/#': ['a/b', 'ab/b', 'a/b/c'],
    'a/b/c/#': ['a/b/c'],
    '$SYS/#': ['$SYS', '$SYS/a'],
    '$SYS/+': ['$SYS/a'],
  }
  for (const [filter, expected] of Object.entries(expectations)) {
    const matched = topics.filter((topic) => matches(filter, topic))
    t.same(matched, expected, filter)
  }
})
