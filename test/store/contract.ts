import fc from 'fast-check'
import type { Test } from 'tap'
import type { Change, Store } from '../../src/store/store.ts'

/** A change, of text. */
export function put(key: string, text: string): Change {
  return { key, value: Buffer.from(text) }
}

/** All that a store has below `prefix`, as text. */
export async function textsOf(store: Store, prefix = ''): Promise<[key: string, text: string][]> {
  const texts: [string, string][] = []
  for await (const [key, value] of store.entries(prefix)) texts.push([key, String(value)])
  return texts
}

/** What every store promises. `open` answers an empty one, which the suite closes. */
export function testStore(t: Test, open: (t: Test) => Promise<Store>): void {
  const opened = async (t: Test) => {
    const store = await open(t)
    t.teardown(() => store.close())
    return store
  }

  t.test('what was written is there, and nothing else', async (t) => {
    const store = await opened(t)
    t.same(await textsOf(store), [])
    const bytes = Buffer.from([0, 255, 10])
    await store.write([put('a/1', 'one'), { key: 'a/2', value: bytes }, put('a/3', '')])
    t.same(await store.get('a/1'), Buffer.from('one'))
    t.same(await store.get('a/2'), bytes)
    t.same(await store.get('a/3'), Buffer.alloc(0))
    t.equal(await store.get('a'), undefined)
    t.equal(await store.get('a/4'), undefined)
  })

  t.test('entries are those with a prefix, in the order of their bytes', async (t) => {
    const store = await opened(t)
    // By UTF-16, the last two change places.
    const keys = ['a/', 'a/b', 'a/b/c', 'a/č', 'a/\uFF5E', 'a/😀']
    const others = ['A/', 'a', 'a0', 'b/']
    await store.write([...keys, ...others].reverse().map((key) => put(key, key)))
    t.same(
      (await textsOf(store, 'a/')).map(([key]) => key),
      keys,
    )
    t.same(
      (await textsOf(store)).map(([key]) => key),
      ['A/', 'a', ...keys, 'a0', 'b/'],
    )
  })

  t.test('what begins with a prefix can be taken away at once', async (t) => {
    const store = await opened(t)
    const others = ['a', 'a.', 'a0', 'aa/1']
    await store.write([...others, 'a/', 'a/1', 'a/\uFF5E/2'].map((key) => put(key, key)))
    await store.clear('a/')
    t.same(
      (await textsOf(store)).map(([key]) => key),
      others.sort(),
    )
    // Of what is in no account, the engine takes away a whole range.
    await store.write([put('history/raw/1', 'x')])
    await store.clear('history/raw/')
    t.equal(await store.get('history/raw/1'), undefined)
  })

  t.test('the last change of a key counts, whoever made it', async (t) => {
    const store = await opened(t)
    void store.write([put('a/1', 'old'), put('a/2', 'old'), put('a/3', 'old')])
    void store.write([put('a/1', 'new'), { key: 'a/2', value: undefined }])
    await store.write([{ key: 'a/3', value: undefined }, put('a/3', 'new')])
    t.same(await textsOf(store), [
      ['a/1', 'new'],
      ['a/3', 'new'],
    ])
    await store.write([{ key: 'a/1', value: undefined }])
    t.same(await textsOf(store), [['a/3', 'new']])
  })

  t.test('writes end in their order, and one without changes after those before', async (t) => {
    const store = await opened(t)
    await store.write([])
    const order: number[] = []
    const writes: Promise<void>[] = []
    for (let turn = 0; turn < 5; turn++) {
      for (const changes of [[put('a/1', String(turn))], []]) {
        const number = writes.length
        writes.push(store.write(changes).then(() => void order.push(number)))
      }
      await store.get('a/1')
    }
    await Promise.all(writes)
    t.same(order, [...order.keys()])
    t.same(await store.get('a/1'), Buffer.from('4'))
  })

  t.test('whoever reads entries sees them as they were, and may stop', async (t) => {
    const store = await opened(t)
    await store.write([put('a/1', 'old'), put('a/2', 'old'), put('a/3', 'old')])
    const seen: string[] = []
    for await (const [key, value] of store.entries('a/')) {
      await store.write([put('a/2', 'new'), { key: 'a/3', value: undefined }])
      seen.push(`${key} ${value}`)
      if (key === 'a/2') break
    }
    t.same(seen, ['a/1 old', 'a/2 old'])
  })

  t.test('closing waits for what was written, and then nothing is taken', async (t) => {
    const store = await open(t)
    const written = store.write([put('a/1', 'x')]).then(() => 'written')
    t.equal(await Promise.race([written, store.close().then(() => 'closed')]), 'written')
    await store.close()
    const late = store.write([put('a/2', 'x')])
    await t.rejects(late, { code: 'cannot-write-store', message: /an open store, got one that/ })
  })

  t.test('whatever is written, it is what a Map would have', async (t) => {
    const store = await opened(t)
    const model = new Map<string, string>()
    const key = fc.constantFrom('a/1', 'a/2', 'a/\u0000', 'a/é', 'b')
    const change = fc.record({ key, text: fc.option(fc.string(), { nil: undefined }) })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(change)), async (writes) => {
        const all = writes.map((changes) => {
          for (const { key, text } of changes) {
            if (text === undefined) model.delete(key)
            else model.set(key, text)
          }
          return store.write(
            changes.map(({ key, text }) => ({
              key,
              value: text === undefined ? text : Buffer.from(text),
            })),
          )
        })
        await Promise.all(all)
        t.same(new Map(await textsOf(store)), model)
      }),
      { numRuns: 30 },
    )
  })
}
