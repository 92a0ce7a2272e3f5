import { mock } from 'node:test'
import { setImmediate as turnOver } from 'node:timers/promises'
import t from 'tap'
import { openJournal, openTimedJournal } from '../../src/store/journal.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { steppedClock } from '../clock.ts'
import { textsOf } from './contract.ts'
import { lastingStore, listed } from './lasting-store.ts'

const text = (value: string) => Buffer.from(value)

/** A store on a disk that takes nothing before `free`, and what each batch brought. */
async function slowStore({ isFree = true } = {}) {
  const writes: string[] = []
  let free = () => {}
  const freed = new Promise<void>((resolve) => {
    free = resolve
  })
  if (isFree) free()
  const store = await lastingStore(undefined, async (changes) => {
    writes.push(changes.map(({ key, value }) => `${key}=${value}`).join(' '))
    await freed
  })
  return { store, writes, free }
}

t.test('without a store that lasts nothing is noted, and nothing waits', async (t) => {
  const store = openMemoryStore()
  const journal = openJournal(store)
  t.notOk(journal.isLasting)
  journal.note('a', text('1'))
  journal.noteNew('b', text('1'))
  let isSettled = false
  journal.settled(() => {
    isSettled = true
  })
  t.ok(isSettled)
  for await (const entry of journal.entries('')) t.fail(`${entry}`)
  await journal.close()
  t.same(await textsOf(store), [])
})

t.test('what one turn notes is one batch, the last value of a key counts', async (t) => {
  const { store, writes } = await slowStore()
  const journal = openJournal(store)
  journal.note('a', text('1'))
  journal.note('b', text('2'))
  await Promise.resolve()
  journal.note('a', undefined)
  await journal.close()
  t.same(writes, ['a=undefined b=2'])
  t.same(await listed(journal.entries('b')), [['b', text('2')]])
})

t.test('whoever waits is called when what was noted before is there, in order', async (t) => {
  const { store, free } = await slowStore({ isFree: false })
  const journal = openJournal(store)
  const order: string[] = []
  const wait = (name: string) =>
    journal.settled(() => {
      order.push(name)
    })
  wait('at once')
  t.same(order, ['at once'])
  journal.note('a', text('1'))
  wait('first')
  await turnOver()
  wait('while it is written')
  journal.note('b', text('2'))
  wait('second')
  t.same(order, ['at once'])
  free()
  await journal.close()
  t.equal((await textsOf(store)).length, 2)
  t.same(order, ['at once', 'first', 'while it is written', 'second'])
})

t.test('what a disk does not take keeps everybody waiting', async (t) => {
  const { store, writes, free } = await slowStore({ isFree: false })
  const journal = openJournal(store)
  journal.note('a', text('old'))
  journal.note('b', text('1'))
  let isSettled = false
  const settled = new Promise<void>((resolve) => journal.settled(resolve)).then(() => {
    isSettled = true
  })
  while (writes.length === 0) await turnOver()
  journal.note('a', text('new'))
  await turnOver()
  t.notOk(isSettled)
  free()
  await settled
  await new Promise<void>((resolve) => journal.settled(resolve))
  t.same(writes, ['a=old b=1', 'a=new'])
  await journal.close()
})

t.test('what comes and goes while the disk takes nothing is not written', async (t) => {
  const { store, writes, free } = await slowStore({ isFree: false })
  const journal = openJournal(store)
  journal.noteNew('in the first batch', text('1'))
  while (writes.length === 0) await turnOver()
  for (const key of ['message', 'id']) {
    journal.noteNew(key, text('1'))
    journal.note(key, undefined)
  }
  journal.note('in the first batch', undefined)
  journal.noteNew('in the first batch', text('2'))
  journal.note('in the first batch', undefined)
  journal.noteNew('stays', text('3'))
  free()
  await new Promise<void>((resolve) => journal.settled(resolve))
  t.same(writes.slice(1), ['in the first batch=undefined stays=3'])
  await journal.close()
})

t.test('who waits for what was taken back again does not wait for ever', async (t) => {
  const { store, writes } = await slowStore()
  const journal = openJournal(store)
  journal.noteNew('a', text('1'))
  const settled = new Promise<void>((resolve) => journal.settled(resolve))
  journal.note('a', undefined)
  await settled
  t.same(writes, [], 'and nothing was written')
  await journal.close()
})

t.test('nobody is called before who asked first, though that was taken back again', async (t) => {
  const { store, writes, free } = await slowStore({ isFree: false })
  const journal = openJournal(store)
  const order: string[] = []
  journal.note('before', text('1'))
  while (writes.length === 0) await turnOver()
  journal.noteNew('a', text('1'))
  journal.settled(() => order.push('first'))
  journal.note('a', undefined)
  free()
  await new Promise<void>((resolve) => journal.settled(resolve))
  t.same(order, ['first'])
  await journal.close()
})

t.test('once something noted was lost, nobody is told that anything is there', async (t) => {
  const disk = { isFull: true }
  const store = await lastingStore(undefined, async () => {
    if (disk.isFull) throw new Error('no space')
  })
  const journal = openJournal(store)
  journal.note('a', text('1'))
  journal.settled(() => t.fail('it is not there'))
  await journal.close()
  disk.isFull = false
  journal.note('b', text('2'))
  journal.settled(() => t.fail('what was noted before it is not there'))
  await journal.close()
  journal.settled(() => t.fail('nor is it later'))
  t.same(await textsOf(store), [['b', '2']])
  await store.close()
  journal.note('c', text('3'))
  journal.noteLater('c', text('3'))
  t.same(await textsOf(store), [['b', '2']])
})

t.test('what nobody is promised goes with what is noted next', async (t) => {
  const { store, writes } = await slowStore()
  const journal = openJournal(store)
  journal.noteLater('a', text('1'))
  journal.noteLater('b', text('1'))
  let isSettled = false
  journal.settled(() => {
    isSettled = true
  })
  t.ok(isSettled, 'nobody waits for it')
  await turnOver()
  await turnOver()
  t.same(writes, [])
  journal.note('b', text('2'))
  await new Promise<void>((resolve) => journal.settled(resolve))
  t.same(writes, ['a=1 b=2'])
  await journal.close()
})

t.test('alone it waits for 9 s, or for the end', async (t) => {
  const { store, writes } = await slowStore()
  const journal = openJournal(store)
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  journal.noteNew('gone again', text('1'))
  journal.note('gone again', undefined)
  await turnOver()
  await turnOver()
  journal.noteLater('a', text('1'))
  mock.timers.tick(8_999)
  journal.noteLater('a', text('2'))
  await turnOver()
  t.same(writes, [])
  mock.timers.tick(1)
  while (writes.length === 0) await turnOver()
  t.same(writes, ['a=2'])
  await turnOver()
  journal.noteLater('b', undefined)
  await journal.close()
  t.same(writes, ['a=2', 'b=undefined'])
})

t.test('time goes on where that of the hub before ended, and while a hub runs', async (t) => {
  const { store } = await slowStore()
  const noted = async () => Number((await store.get('hub/time'))?.toString())
  const clock = steppedClock()
  const first = await openTimedJournal(store, clock)
  t.equal(first.aheadMs, 0)
  await new Promise<void>((resolve) => first.settled(resolve))
  const begun = await noted()
  t.ok(Math.abs(begun - Date.now()) < 10_000)
  clock.step(60_000)
  await first.close()
  t.ok((await noted()) >= begun)
  // The hub before has run until long after now.
  const next = await lastingStore(store)
  await next.write([{ key: 'hub/time', value: text(String(begun + 1_000_000)) }])
  const second = await openTimedJournal(next, clock)
  t.ok(second.aheadMs > 990_000 && second.aheadMs < 1_000_010, String(second.aheadMs))
  second.note('a', text('1'))
  await new Promise<void>((resolve) => second.settled(resolve))
  t.ok(
    Number((await next.get('hub/time'))?.toString()) >= begun + 1_000_000,
    'it is noted with all else',
  )
  await second.close()
  t.equal((await openTimedJournal(openMemoryStore())).isLasting, false)
})
