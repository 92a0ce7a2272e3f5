import t from 'tap'
import { openResourceLinks } from '../../../src/dialects/deconz/resourcelinks.ts'
import { testFolder } from '../../test-folder.ts'
import { ask } from '../asked-json.ts'
import { deconzHouse } from './deconz-house.ts'

const list = { name: 'kitchen', classid: 1, links: ['/lights/1', '/sensors/2'] }

/** A house, and what asks for lists with a key of some user. */
async function linkHouse(...args: Parameters<typeof deconzHouse>) {
  const house = await deconzHouse(...args)
  const { port, key } = house
  const sendAs = (by: string) => (method: string, path: string, body?: unknown) =>
    ask(port, [method, `/api/${by}/resourcelinks${path}`], { body })
  return { ...house, sendAs, send: sendAs(key) }
}

t.test('a list is made, told, changed and removed', async (t) => {
  const { send, get, key } = await linkHouse(t)
  t.same((await send('POST', '', list)).body, [{ success: { id: '1' } }])
  const whole = { ...list, description: '', recycle: false, owner: key, type: 'Link' }
  t.same((await send('GET', '')).body, { 1: whole })
  t.same((await send('GET', '/1')).body, whole)
  t.same((await get('')).body.resourcelinks, { 1: whole })
  t.equal((await get('/capabilities')).body.resourcelinks.available, 63)
  const changes = { description: 'of the house', links: [], type: 'Link' }
  t.same((await send('PUT', '/1', changes)).body, [
    { success: { '/resourcelinks/1/description': 'of the house' } },
    { success: { '/resourcelinks/1/links': [] } },
  ])
  t.match((await send('GET', '/1')).body, {
    name: 'kitchen',
    description: 'of the house',
    links: [],
  })
  t.same((await send('POST', '', list)).body, [{ success: { id: '2' } }])
  t.same((await send('DELETE', '/1')).body, [{ success: '/resourcelinks/1 deleted.' }])
  t.equal((await send('GET', '/1')).status, 404)
  t.same((await send('POST', '', list)).body, [{ success: { id: '1' } }])
})

t.test('what makes no list is answered with what is wrong with it', async (t) => {
  const { send } = await linkHouse(t)
  const wrong = [
    ['{', 2, '/resourcelinks'],
    [{ name: 'x', links: [] }, 5, '/resourcelinks/classid'],
    [{ ...list, other: 1 }, 6, '/resourcelinks/other'],
    [{ ...list, constructor: 1 }, 6, '/resourcelinks/constructor'],
    [{ ...list, name: 5 }, 7, '/resourcelinks/name'],
    [{ ...list, classid: 'x' }, 7, '/resourcelinks/classid'],
    [{ ...list, links: [5] }, 7, '/resourcelinks/links'],
    [{ ...list, links: Array(65).fill('/lights/1') }, 7, '/resourcelinks/links'],
    [{ ...list, recycle: 1 }, 7, '/resourcelinks/recycle'],
  ] as const
  await send('POST', '', list)
  for (const [body, type, address] of wrong) {
    const { status, body: answer } = await send('POST', '', body)
    t.equal(status, 400)
    t.match(answer, [{ error: { type, address } }])
    const changed = await send('PUT', '/1', body)
    if (type !== 5) t.match(changed, { status: 400, body: [{ error: { type, address } }] })
  }
  for (const method of ['PUT', 'DELETE']) {
    t.match(await send(method, '/9', list), { status: 404, body: [{ error: { type: 3 } }] })
  }
})

t.test('lists are of their user, who has 64 at most, and outlast a restart', async (t) => {
  const folder = testFolder(t)
  const config = { data: { folder } }
  const first = await linkHouse(t, config)
  for (let made = 0; made < 64; made++) await first.send('POST', '', list)
  t.match((await first.send('POST', '', list)).body, [{ error: { type: 11 } }])
  const sendAsOperator = first.sendAs(await first.keyOf('operator'))
  t.same((await sendAsOperator('GET', '')).body, {})
  t.equal((await sendAsOperator('GET', '/1')).status, 404)
  t.equal((await sendAsOperator('PUT', '/1', list)).status, 404)
  t.equal((await sendAsOperator('DELETE', '/1')).status, 404)
  t.same((await sendAsOperator('POST', '', list)).body, [{ success: { id: '65' } }])
  await first.hub.close()
  const second = await linkHouse(t, config)
  t.equal(Object.keys((await second.send('GET', '')).body).length, 64)
})

t.test('a list that cannot be read is none', async (t) => {
  async function* entries(): AsyncGenerator<[string, Buffer]> {
    yield ['dialect/deconz/resourcelinks/1', Buffer.from('{')]
    yield ['dialect/deconz/resourcelinks/2', Buffer.from('{"user":"clown"}')]
    yield ['dialect/deconz/resourcelinks/3', Buffer.from('{"user":"clown","link":{"name":"x"}}')]
  }
  const links = await openResourceLinks({ entries, write: async () => {} })
  t.same(Object.keys(links.of({ user: 'clown', key: 'K' })), ['3'])
})
