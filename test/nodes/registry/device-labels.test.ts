import { pino } from 'pino'
import t from 'tap'
import { createCounters, createSampledLog } from '../../../src/core/sampled-log.ts'
import { openDeviceLabels } from '../../../src/nodes/registry/device-labels.ts'
import { openMemoryStore } from '../../../src/store/memory-store.ts'
import { userNamed } from '../../access/changing-directory.ts'

const sampledLog = createSampledLog(pino({ level: 'silent' }), createCounters())
const ann = userNamed('ann', { role: 'operator' })
const bob = userNamed('bob', { role: 'operator', rules: [{ deny: ['read'], topic: 'a' }] })

/** Labels of three devices, of which one calls itself something. */
function opened(store = openMemoryStore(), known = new Set(['a', 'b', 'c'])) {
  return openDeviceLabels({
    ...{ store, sampledLog, most: 2 },
    isKnown: (device) => known.has(device),
    ownTitles: { of: (device) => (device === 'a' ? 'Plug' : undefined), onChange: () => () => {} },
  })
}

t.test('what people call a device goes before what it calls itself, and stays', async (t) => {
  const store = openMemoryStore()
  const labels = await opened(store)
  const changed: string[] = []
  labels.onChange((device) => changed.push(device))
  t.same(labels.of('a'), { title: 'Plug' })
  t.same(await labels.change(ann, { device: 'a', title: ' Pump ', room: 'Cellar' }), {
    device: 'a',
    title: 'Pump',
    room: 'Cellar',
  })
  await labels.change(ann, { device: 'a', room: null, order: 0, hidden: false })
  t.same(changed, ['a', 'a'])
  const again = await opened(store)
  t.same(again.of('a'), { title: 'Pump', order: 0, hidden: false })
  await again.change(ann, { device: 'a', title: null, order: null, hidden: null })
  t.same(again.of('a'), { title: 'Plug' })
  t.same(again.of('b'), {})
})

t.test('who may not, what is not known and what cannot be read is refused', async (t) => {
  const labels = await opened()
  const room = 'Cellar'
  for (const somebody of [
    userNamed('x', { role: 'viewer' }),
    { name: 'y', rules: [], tokens: [] },
  ]) {
    await t.rejects(labels.change(somebody, { device: 'a', room }), { code: 'forbidden' })
  }
  await t.rejects(labels.change(ann, { device: 'x', room }), { code: 'unknown-device' })
  await t.rejects(labels.change(bob, { device: 'a', room }), { code: 'unknown-device' })
  for (const title of ['  ', 'Pump\u0007', 'Pu\u202Emp']) {
    await t.rejects(labels.change(ann, { device: 'a', title }), { code: 'bad-payload' })
  }
  t.same(labels.of('b'), {})
  const looking = userNamed('eve', {
    role: 'operator',
    rules: [{ deny: ['command'], topic: 'a/set' }],
  })
  await labels.change(looking, { device: 'a', room })
  const late = { device: 'a', autoOffSeconds: 60 }
  await t.rejects(labels.change(looking, late), { code: 'forbidden', message: /command it/ })
  t.match(await labels.change(ann, late), late)
})

t.test('what is gone has its label until another one needs the room', async (t) => {
  const known = new Set(['a', 'b', 'c', 'd'])
  const labels = await opened(openMemoryStore(), known)
  for (const device of ['a', 'b']) await labels.change(ann, { device, room: device })
  known.delete('b')
  t.ok(labels.isRoom('b'))
  await labels.change(ann, { device: 'c', room: 'c' })
  t.same(
    ['a', 'b', 'c'].map((room) => labels.isRoom(room)),
    [true, false, true],
  )
  await labels.change(ann, { device: 'd', room: 'd' })
  t.notOk(labels.isRoom('a'), 'the oldest goes where more are known than there can be')
})
