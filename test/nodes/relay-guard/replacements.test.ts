import t from 'tap'
import { createDeviceRules } from '../../../src/nodes/relay-guard/device-rules.ts'
import { openReplacements } from '../../../src/nodes/relay-guard/replacements.ts'
import { openMemoryStore } from '../../../src/store/memory-store.ts'
import { guarded } from './guarded.ts'

const sampledLog = { warn: () => {} }

t.test('who takes the place of another is known by its names, for good', async (t) => {
  const store = openMemoryStore()
  const replacements = await openReplacements({ store, sampledLog, devices: 10 })
  t.same(replacements.namesOf('a'), ['a'])
  replacements.add('b', 'a')
  replacements.add('c', 'b')
  await store.write([])
  const again = await openReplacements({ store, sampledLog, devices: 10 })
  t.same(again.namesOf('c'), ['c', 'b', 'a'])
  t.same(again.namesOf('b'), ['b'])
  again.add('a', 'c')
  t.same(again.namesOf('a'), ['a', 'c', 'b'], 'it is mended')
  again.forget('a')
  t.same(again.namesOf('a'), ['a'])
})

t.test('the rules of a device hold for what takes its place, from then on', async (t) => {
  const store = openMemoryStore()
  const replacements = await openReplacements({ store, sampledLog, devices: 10 })
  const settings = {
    timeoutSeconds: 5,
    rules: [
      { topic: 'n/relay/a', autoOffSeconds: 60, interlock: 'pumps' },
      { topic: 'n/#', timeoutSeconds: 9 },
    ],
  }
  const rules = createDeviceRules(settings, replacements)
  t.match(rules('m/relay/x'), { autoOffMs: 0, interlock: undefined, timeoutMs: 5000 })
  replacements.add('m/relay/x', 'n/relay/a')
  t.match(rules('m/relay/x'), { autoOffMs: 60_000, interlock: 'pumps', timeoutMs: 9000 })
})

t.test('a lock and an auto-off go with the place, and away with the device', async (t) => {
  const rules = [{ topic: 'n/relay/+', autoOffSeconds: 60, interlock: 'pumps' }]
  const { guard, reports, clock, turnedOff } = await guarded(t, rules)
  const lock = { by: 'ann', reason: 'open' }
  guard.lockOuts.lock('n/relay/a', lock)
  guard.reported('n/relay/a', { state: true })
  reports.set('n/relay/b', { state: true })
  t.equal(guard.replaced('n/relay/a', 'n/relay/b'), true)
  t.match(guard.lockOuts.list(), [{ device: 'n/relay/b', by: 'ann' }])
  guard.lockOuts.lock('n/relay/a', lock)
  t.equal(guard.replaced('n/relay/a', 'n/relay/b'), true, 'one that is locked stays so')
  t.equal(guard.replaced('n/relay/c', 'n/relay/b'), false)
  guard.lockOuts.unlock('n/relay/b')
  clock.step(60_000)
  t.same(turnedOff, ['n/relay/b false'], 'the broken one is not turned off any more')
  t.same(guard.forget('n/relay/b'), { lock: false, autoOff: true })
  guard.lockOuts.lock('n/relay/b', lock)
  t.same(guard.forget('n/relay/b'), { lock: true, autoOff: false })
  t.equal(guard.check({ device: 'n/relay/c', asked: { state: true } }), undefined)
})

t.test('what another hub has replaced is taken', async (t) => {
  let take: (key: string, value: unknown) => void = () => {}
  const replacements = await openReplacements({
    ...{ store: openMemoryStore(), sampledLog, devices: 10 },
    share: (_name, table) => {
      take = table.take
      return () => {}
    },
  })
  let changes = 0
  replacements.onChange(() => changes++)
  take('b', { of: ['a'] })
  t.same(replacements.namesOf('b'), ['b', 'a'])
  take('b', undefined)
  t.same(replacements.namesOf('b'), ['b'])
  t.equal(changes, 2)
})
