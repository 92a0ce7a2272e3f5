import { pino } from 'pino'
import t from 'tap'
import { openShareLinks } from '../../src/access/share-links.ts'
import { hasToken } from '../../src/access/tokens.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { steppedClock } from '../clock.ts'
import { changingDirectory, userNamed } from './changing-directory.ts'

const clown = userNamed('clown', { role: 'admin' })
const ann = userNamed('ann', { role: 'operator' })
const wanted = { title: 'Garden', filters: ['garden/#'], hours: 48 }
const hourMs = 3_600_000

async function opened(store = openMemoryStore()) {
  const clock = steppedClock()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), createCounters())
  const base = { ...changingDirectory(clown), close: () => {}, replaceHash: () => {} }
  const { links, directory } = await openShareLinks(base, { store, sampledLog, clock })
  return { links, directory, clock, store, base }
}

t.test('a link is a user who may read what it is of, and nothing else, for a while', async (t) => {
  const { links, directory, clock } = await opened()
  let changes = 0
  directory.onChange(() => changes++)
  const before = directory.edition
  const { id, token, ...link } = links.add(wanted, clown)
  t.match(link, { ...{ title: 'Garden', by: 'clown' }, until: '1970-01-03T00:00:00.000Z' })
  t.equal(changes, 1)
  t.not(directory.edition, before)
  const user = directory.find(id)
  t.same(user?.rules, [{ allow: ['read'], topic: 'garden/#' }])
  t.ok(user !== undefined && hasToken(user, token))
  t.same(
    directory.all().map(({ name }) => name),
    ['clown', id],
  )
  t.match(links.list(), [{ id, title: 'Garden' }])
  t.notOk(JSON.stringify(links.list()).includes(token))
  clock.step(48 * hourMs - 1)
  t.ok(directory.find(id))
  clock.step(1)
  t.equal(directory.find(id), undefined)
  t.equal(changes > 1, true)
  t.same(links.list(), [])
})

t.test('nobody shares what they may not read, and there are only so many', async (t) => {
  const { links } = await opened()
  const nora = userNamed('nora', { rules: [{ allow: ['read'], topic: 'garden/#' }] })
  t.ok(links.add({ ...wanted, filters: ['garden/+/a'] }, nora))
  t.throws(() => links.add({ ...wanted, filters: ['#'] }, nora), { code: 'forbidden' })
  t.throws(() => links.add({ ...wanted, filters: ['a#'] }, clown), { code: 'bad-topic' })
  const filters = Array.from({ length: 17 }, () => 'a')
  t.throws(() => links.add({ ...wanted, filters }, clown), { code: 'too-many' })
  for (let made = 1; made < 100; made++) links.add(wanted, clown)
  t.throws(() => links.add(wanted, clown), { code: 'too-many' })
})

t.test('operators end their own links, and admins all', async (t) => {
  const { links, directory } = await opened()
  const [one, other] = [links.add(wanted, clown), links.add(wanted, ann)]
  t.equal(links.remove(one.id, ann), undefined)
  t.match(links.remove(other.id, ann), { id: other.id })
  t.match(links.remove(one.id, clown), { id: one.id })
  t.equal(links.remove(one.id, clown), undefined)
  t.equal(directory.all().length, 1)
})

t.test('links are there after a restart, and users change besides', async (t) => {
  const { links, store } = await opened()
  const { id } = links.add(wanted, clown)
  await links.stored()
  links.close()
  const again = await opened(store)
  t.match(again.links.find(id), { id, by: 'clown' })
  let changes = 0
  again.directory.onChange(() => changes++)
  again.base.change(clown, ann)
  t.equal(changes, 1)
  t.equal(again.directory.all().length, 3)
  again.links.close()
})
