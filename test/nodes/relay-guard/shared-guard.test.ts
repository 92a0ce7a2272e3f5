import t from 'tap'
import { createListeners } from '../../../src/core/callbacks.ts'
import { createSharedGuard } from '../../../src/nodes/relay-guard/shared-guard.ts'

/** A table of one hub, and what others tell it. */
function opened(own: Record<string, unknown>) {
  const kept: unknown[] = []
  const told = createListeners<[device: string, value: unknown]>()
  const guard = createSharedGuard({
    keep: (device, value) => void kept.push([device, value]),
    onKept: told.add,
  })
  const values = new Map(Object.entries(own))
  const changed = guard.share('locks', {
    keys: () => values.keys(),
    get: (key) => values.get(key),
    take: (key, value) => {
      if (value === undefined) values.delete(key)
      else values.set(key, value)
    },
  })
  return { kept, guard, values, changed, tell: told.tell }
}

t.test(
  'what the owner tells of a device is taken, and what it does not tell is taken away',
  async (t) => {
    const { values, tell } = opened({})
    tell('relay/a', { locks: 'wet' })
    t.equal(values.get('relay/a'), 'wet')
    tell('relay/a', {})
    t.equal(values.size, 0)
    tell('relay/a', 'nothing that is understood')
    t.equal(values.size, 0)
  },
)

t.test('who owns tells what changes, and what nobody has told of yet', async (t) => {
  const { kept, guard, changed, tell } = opened({ 'relay/a': 'wet', 'relay/b': 'old' })
  tell('relay/b', { locks: 'old' })
  guard.takeOver()
  t.same(kept, [['relay/a', { locks: 'wet' }]])
  changed('relay/b')
  t.same(kept.at(-1), ['relay/b', { locks: 'old' }])
})
