import t from 'tap'
import type { Will } from '../../src/mqtt/read-connect.ts'
import { Wills } from '../../src/mqtt/wills.ts'
import { openJournal } from '../../src/store/journal.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import { steppedClock } from '../clock.ts'
import { textsOf } from '../store/contract.ts'
import { lastingStore } from '../store/lasting-store.ts'

function willOf(text: string, delaySeconds = 0): Will {
  return {
    topic: 'will',
    payload: Buffer.from(text),
    qos: 1,
    retain: false,
    delaySeconds,
    properties: Buffer.from([1, 1]),
  }
}

/** Wills over `store`, and what was published of them. */
async function startWills(store: Store, clock = steppedClock()) {
  const published: string[] = []
  const journal = openJournal(store)
  const publish = (name: string, { payload }: Will, address: string) => {
    published.push(`${name} from ${address}: ${payload}`)
  }
  const wills = new Wills({ clock, journal, publish })
  await wills.restore()
  const leave = (name: string, will: Will | undefined, keepAliveSeconds = 10) => {
    wills.left(name, will && { will, address: '10.1.2.3', keepAliveSeconds })
  }
  const settled = () => new Promise<void>((resolve) => journal.settled(resolve))
  return { wills, leave, published, clock, settled }
}

t.test('a will is published when its client goes without a word, and only then', async (t) => {
  const { wills, leave, published } = await startWills(openMemoryStore())
  leave('a', willOf('gone'))
  wills.gone('a', 0)
  wills.gone('a', 0)
  leave('b', willOf('never'))
  wills.forget('b')
  wills.gone('b', 0)
  leave('c', willOf('before'))
  leave('c', willOf('after'))
  leave('d', willOf('before'))
  leave('d', undefined)
  wills.gone('c', 0)
  wills.gone('d', 0)
  t.same(published, ['a from 10.1.2.3: gone', 'c from 10.1.2.3: after'])
})

t.test('a will waits for its delay, or for the end of the session [MQTT-3.1.3-9]', async (t) => {
  const { wills, leave, published, clock } = await startWills(openMemoryStore())
  leave('delay', willOf('1', 5))
  leave('session', willOf('2', 99))
  leave('back', willOf('3', 5))
  leave('anew', willOf('4', 5))
  leave('ends', willOf('5', 99))
  for (const name of ['delay', 'back', 'anew']) wills.gone(name, 60)
  wills.gone('session', 7)
  wills.gone('ends', 60)
  wills.returned('back', true)
  wills.returned('anew', false)
  wills.returned('nobody', false)
  wills.sessionEnded('ends')
  wills.sessionEnded('nobody')
  t.same(published.splice(0), ['anew from 10.1.2.3: 4', 'ends from 10.1.2.3: 5'])
  clock.step(4999)
  t.same(published, [])
  clock.step(1)
  t.same(published.splice(0), ['delay from 10.1.2.3: 1'])
  clock.step(2000)
  t.same(published, ['session from 10.1.2.3: 2'])
  wills.returned('delay', false)
  t.equal(published.length, 1)
})

t.test('a will outlives the hub, and is published if its client does not come back', async (t) => {
  const store = await lastingStore()
  const before = await startWills(store)
  before.leave('user:quick/č', willOf('1'), 2)
  before.leave('slow', willOf('2'), 0)
  before.leave('long', willOf('3', 5), 3600)
  before.leave('back', willOf('4'), 2)
  before.leave('anew', willOf('5'), 2)
  before.leave('goodbye', willOf('6'), 2)
  before.leave('away', willOf('7', 3600))
  before.wills.forget('goodbye')
  before.wills.gone('away', 7200)
  await before.settled()
  const { wills, published, clock, leave, settled } = await startWills(await lastingStore(store))
  wills.returned('back', true)
  wills.returned('anew', false)
  leave('anew', undefined)
  clock.step(2999)
  t.same(published, [])
  clock.step(1)
  t.same(published.splice(0), ['user:quick/č from 10.1.2.3: 1'], 'after 1.5 keep-alives')
  clock.step(57_000)
  t.same(published.splice(0), ['slow from 10.1.2.3: 2'], 'after a minute')
  clock.step(5000)
  t.same(published.splice(0), ['long from 10.1.2.3: 3'], 'and its delay')
  wills.sessionEnded('away')
  t.same(published, ['away from 10.1.2.3: 7'])
  await settled()
})

t.test(
  'the session of a client that has not come back yet may end before its will is due',
  async (t) => {
    const store = await lastingStore()
    const before = await startWills(store)
    before.leave('a', willOf('1'), 2)
    await before.settled()
    const { wills, published, clock } = await startWills(await lastingStore(store))
    wills.sessionEnded('a')
    t.same(published, [])
    clock.step(3000)
    t.equal(published.length, 1)
  },
)

t.test('a hub that ends publishes no wills, and leaves them to the next one', async (t) => {
  const store = await lastingStore()
  const { wills, leave, published, clock, settled } = await startWills(store)
  leave('a', willOf('1'))
  leave('b', willOf('2', 5))
  wills.gone('b', 60)
  wills.close()
  wills.gone('a', 0)
  clock.step(60_000)
  t.same(published, [])
  await settled()
  t.equal((await textsOf(store)).length, 2)
})

t.test('a will that was published is not kept', async (t) => {
  const store = await lastingStore()
  const { wills, leave, settled } = await startWills(store)
  leave('a', willOf('1'))
  await settled()
  wills.gone('a', 0)
  await settled()
  t.same(await textsOf(store), [])
})

t.test('no alarm is set for longer than a timer can be', async (t) => {
  const { wills, leave, published, clock } = await startWills(openMemoryStore())
  leave('a', willOf('1', 2 ** 32 - 1))
  wills.gone('a', 2 ** 32 - 1)
  clock.step(2 ** 31 - 2)
  t.same(published, [])
  clock.step(1)
  t.equal(published.length, 1)
})
