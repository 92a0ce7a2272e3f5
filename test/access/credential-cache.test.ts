import t from 'tap'
import { createCredentialCache } from '../../src/access/credential-cache.ts'

function openCache(entries = 2) {
  const state = { nowMs: 1 }
  const cache = createCredentialCache({ entries, lifeMs: 1000, now: () => state.nowMs })
  return { state, cache }
}

t.test('the same credentials have the same key, in this process', async (t) => {
  const { cache } = openCache()
  const key = cache.keyOf({ user: 'clown', password: 'bigclown' })
  t.equal(cache.keyOf({ user: 'clown', password: 'bigclown' }), key)
  t.not(cache.keyOf({ user: 'clownb', password: 'igclown' }), key, 'what is whose is told apart')
  t.not(cache.keyOf({ user: 'clown', password: 'other' }), key)
  t.not(openCache().cache.keyOf({ user: 'clown', password: 'bigclown' }), key)
  t.notMatch(key, /clown/)
})

t.test(
  'a verdict is remembered for its time, and a wrong one as long as it is asked for',
  async (t) => {
    const { state, cache } = openCache()
    t.equal(cache.get('a'), undefined)
    cache.set('a', 'right')
    cache.set('b', 'wrong')
    state.nowMs = 1001
    t.equal(cache.get('a'), 'right')
    t.equal(cache.get('b'), 'wrong')
    state.nowMs = 1002
    t.equal(cache.get('a'), undefined)
    t.equal(cache.get('b'), 'wrong')
    state.nowMs = 2002
    t.equal(cache.get('b'), 'wrong')
    state.nowMs = 3003
    t.equal(cache.get('b'), undefined)
  },
)

t.test(
  'the oldest verdict makes way, and right and wrong ones have room of their own',
  async (t) => {
    const { cache } = openCache()
    for (const key of ['a', 'b', 'a', 'c']) cache.set(key, 'right')
    for (const key of ['x', 'y', 'z']) cache.set(key, 'wrong')
    t.same(['a', 'b', 'c'].map(cache.get), ['right', undefined, 'right'])
    t.same(['x', 'y', 'z'].map(cache.get), [undefined, 'wrong', 'wrong'])
  },
)

t.test('all is forgotten when a user changes', async (t) => {
  const { cache } = openCache()
  cache.set('a', 'right')
  cache.set('b', 'wrong')
  cache.clear()
  t.same(['a', 'b'].map(cache.get), [undefined, undefined])
})
