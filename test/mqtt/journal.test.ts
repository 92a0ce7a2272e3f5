import { mock } from 'node:test'
import { setImmediate as turnOver } from 'node:timers/promises'
import t from 'tap'
import { openJournal, openTimedJournal } from '../../src/mqtt/journal.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import { steppedClock } from '../clock.ts'
import { textsOf } from '../store/contract.ts'
import { lastingStore, listed } from './lasting-store.ts'

const text = (value: string) => Buffer.from(value)

/** A store whose first writes fail, and what each write brought. */
async function brokenStore(failures: number) {
  const whole = await lastingStore()
  const writes: string[] = []
  const write: Store['write'] = async (changes) => {
    writes.push(changes.map(({ key, value }) => `${key}=${value}`).join(' '))
    if (writes.length <= failures) throw new Error('no space')
    await whole.write(changes)
  }
  return { store: { ...whole, write }, writes }
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
  const { store, writes } = await brokenStore(0)
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
  const store = await lastingStore()
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
  await journal.close()
  t.equal((await textsOf(store)).length, 2)
  t.same(order, ['at once', 'first', 'while it is written', 'second'])
})

t.test('what a disk does not take keeps everybody waiting, and is tried again', async (t) => {
  const { store, writes } = await brokenStore(1)
  const journal = openJournal(store)
  journal.note('a', text('old'))
  journal.note('b', text('1'))
  const settled = new Promise<void>((resolve) => journal.settled(resolve))
  while (writes.length === 0) await turnOver()
  journal.note('a', text('new'))
  await settled
  await new Promise<void>((resolve) => journal.settled(resolve))
  t.same(writes, ['a=old b=1', 'a=old b=1', 'a=new'])
  await journal.close()
})

t.test('what comes and goes while the disk takes nothing is not written', async (t) => {
  const { store, writes } = await brokenStore(1)
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
  await new Promise<void>((resolve) => journal.settled(resolve))
  t.same(writes.slice(1), ['in the first batch=1', 'in the first batch=undefined stays=3'])
  await journal.close()
})

t.test('who waits for what was taken back again does not wait for ever', async (t) => {
  const { store, writes } = await brokenStore(0)
  const journal = openJournal(store)
  journal.noteNew('a', text('1'))
  const settled = new Promise<void>((resolve) => journal.settled(resolve))
  journal.note('a', undefined)
  await settled
  t.same(writes, [''])
  await journal.close()
})

t.test('nobody is called before who asked first, though that was taken back again', async (t) => {
  const { store, writes } = await brokenStore(1)
  const journal = openJournal(store)
  const order: string[] = []
  journal.note('before', text('1'))
  while (writes.length === 0) await turnOver()
  journal.noteNew('a', text('1'))
  journal.settled(() => order.push('first'))
  journal.note('a', undefined)
  await new Promise<void>((resolve) => journal.settled(resolve))
  t.same(order, ['first'])
  await journal.close()
})

t.test('the end waits for one more try, and no longer', async (t) => {
  const { store, writes } = await brokenStore(9)
  const journal = openJournal(store)
  journal.note('a', text('1'))
  journal.settled(() => t.fail('it is not there'))
  await journal.close()
  journal.note('a', text('2'))
  await turnOver()
  t.same(writes, ['a=1'])
})

t.test('what nobody is promised goes with what is noted next', async (t) => {
  const { store, writes } = await brokenStore(0)
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
  const { store, writes } = await brokenStore(0)
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
  journal.noteLater('c', text('3'))
  t.same(writes, ['a=2', 'b=undefined'])
})

t.test('time goes on where that of the hub before ended, and while a hub runs', async (t) => {
  const { store } = await brokenStore(0)
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
  await store.write([{ key: 'hub/time', value: text(String(begun + 1_000_000)) }])
  const second = await openTimedJournal(store, clock)
  t.ok(second.aheadMs > 990_000 && second.aheadMs < 1_000_010, String(second.aheadMs))
  second.note('a', text('1'))
  await new Promise<void>((resolve) => second.settled(resolve))
  t.ok((await noted()) >= begun + 1_000_000, 'it is noted with all else')
  await second.close()
  t.equal((await openTimedJournal(openMemoryStore())).isLasting, false)
})
