import t from 'tap'
import { basicOf } from '../house.ts'
import { jeedomHouse } from './jeedom-house.ts'

const room = [
  ['relay/i2c0-3b', { state: true }],
  ['thermometer/i2c0-48', { temperature: [21.5, '℃'] }],
  ['thermometer/i2c0-49', { temperature: [20.5, '℃'] }],
] as const

/** A house whose node has reported, and its only object. */
async function furnished(...[t, ...more]: Parameters<typeof jeedomHouse>) {
  const house = await jeedomHouse(t, ...more)
  const events = await house.listen()
  for (const [name, report] of room) await house.report(name, report)
  await events.next(({ option }) => JSON.stringify(option).includes('"temperature":{"value":21}'))
  const [object] = (await house.call('object::full')).result
  return { ...house, object }
}

t.test('objects are told with what is in them and without, under both names', async (t) => {
  const { call, object } = await furnished(t)
  const { eqLogics, ...alone } = object
  t.equal(eqLogics.length, 3)
  for (const name of ['object', 'jeeObject']) {
    t.same((await call(`${name}::all`)).result, [alone])
    t.same((await call(`${name}::byId`, { id: object.id })).result, alone)
    t.same((await call(`${name}::byId`, { id: Number(object.id) })).result, alone)
    t.same((await call(`${name}::fullById`, { id: object.id })).result, object)
  }
})

t.test('equipment is found by its id, its object and its type', async (t) => {
  const { call, object } = await furnished(t)
  const [full] = object.eqLogics
  const { cmds, ...alone } = full
  t.same((await call('eqLogic::byId', { id: full.id })).result, alone)
  t.same((await call('eqLogic::fullById', { id: full.id })).result, full)
  const { result: all } = await call('eqLogic::all')
  t.same((await call('eqLogic::byObjectId', { object_id: object.id })).result, all)
  t.same((await call('eqLogic::byType', { type: full.eqType_name })).result, all)
  t.same((await call('cmd::byEqLogicId', { eqLogic_id: full.id })).result, cmds)
  t.same((await call('eqLogic::byObjectId', { object_id: '999' })).result, [])
  t.same((await call('eqLogic::byType', { type: 'zwave' })).result, [])
  t.same((await call('cmd::byEqLogicId', { eqLogic_id: '999' })).result, [])
})

t.test('what is not there has the code of its list', async (t) => {
  const { call, object } = await furnished(t)
  const missing = [
    ['object::byId', 601, /^Objet introuvable : /],
    ['jeeObject::fullById', 601, /^Objet introuvable : /],
    ['summary::byId', 601, /^Objet introuvable : /],
    ['eqLogic::byId', 602, /^EqLogic introuvable : /],
    ['eqLogic::fullById', 602, /^EqLogic introuvable : /],
    ['cmd::getHistory', 702, /^Cmd introuvable : /],
    ['scenario::byId', 703, /^Scénario introuvable : /],
  ] as const
  for (const [method, code, message] of missing) {
    for (const id of ['999', undefined, {}, -1]) {
      t.match((await call(method, { id })).error, { code, message }, method)
    }
  }
  const { result: key } = await call('user::getHash', { login: 'visitor', password: 'visitor1' })
  const [relay, thermometer] = object.eqLogics
  // Who may not see a device is told that there is none.
  t.match((await call('eqLogic::byId', { id: relay.id, apikey: key })).error, { code: 602 })
  t.match((await call('eqLogic::byId', { id: thermometer.id, apikey: key })).result, {
    id: thermometer.id,
  })
  const { result: seen } = await call('object::fullById', { id: object.id, apikey: key })
  t.equal(seen.eqLogics.length, 2)
})

t.test('a summary of an object is a value, or all that go into it', async (t) => {
  const { call, object } = await furnished(t)
  const summary = async (params: Record<string, unknown>) =>
    (await call('summary::byId', { id: object.id, ...params })).result
  t.equal(await summary({ key: 'temperature' }), 21)
  t.same(await summary({ key: 'temperature', raw: true }), [21.5, 20.5])
  t.same(await summary({ key: 'outlet', raw: 1 }), [1])
  t.equal(await summary({ key: 'humidity' }), null)
  t.equal(await summary({}), null)
})

t.test('the box is one plugin, has no updates, and keeps its secrets', async (t) => {
  const { call, object } = await furnished(t)
  const { result: plugins } = await call('plugin::listPlugin', { activateOnly: 1 })
  t.same(
    plugins.map(({ id }: { id: string }) => id),
    [object.eqLogics[0].eqType_name],
  )
  const [{ category }] = plugins
  const byCategory = await call('plugin::listPlugin', { orderByCaterogy: 1 })
  t.same(byCategory.result, { [category]: plugins })
  const { result: updates } = await call('update::all')
  t.ok(updates.length > 0)
  for (const { localVersion, remoteVersion, status } of updates) {
    t.equal(status, 'ok')
    t.equal(localVersion, remoteVersion)
  }
  const config = async (params: Record<string, unknown>) =>
    (await call('config::byKey', params)).result
  t.equal(await config({ key: 'name' }), 'Clown.Hub')
  t.equal(await config({ key: 'api' }), '')
  t.equal(await config({ key: 'name', plugin: 'mobile' }), '')
  t.same(await config({ key: 'constructor', default: [5] }), [5])
  t.match(await config({ key: 'object:summary' }), {
    temperature: { key: 'temperature', calcul: 'avg', unit: '°C', count: '' },
    outlet: { key: 'outlet', calcul: 'sum', count: 'binary' },
  })
  t.equal((await call('jeedom::isOk')).result, true)
  t.equal((await call('message::removeAll')).result, 'ok')
  t.equal((await call('user::useTwoFactorAuthentification', { login: 'clown' })).result, 0)
})

t.test('a device is called as people call it, and is in the object of its room', async (t) => {
  const { hub, call, object, listen } = await furnished(t)
  const events = await listen()
  const ask = (label: Record<string, string>) =>
    fetch(`http://127.0.0.1:${hub.httpPort}/api/label`, {
      method: 'POST',
      headers: { authorization: basicOf('clown') },
      body: JSON.stringify({ device: 'nodes/bridge/0/thermometer/i2c0-48', ...label }),
    })
  t.equal((await ask({ title: 'Bath', room: 'Upstairs' })).status, 200)
  t.match(await events.next(({ name }) => name === 'eqLogic::update'), { option: { enable: '1' } })
  const objects = (await call('object::full')).result
  t.match(
    objects.map(({ name }: { name: string }) => name),
    ['nodes/bridge/0', 'Upstairs'],
  )
  const [left, room] = objects
  t.equal(left.id, object.id, 'what is in no room is where it was')
  t.equal(left.eqLogics.length, 2)
  const [bath] = room.eqLogics
  t.match(bath, { name: 'Bath', object_id: room.id })
  t.match((await call('eqLogic::byObjectId', { object_id: room.id })).result, [{ id: bath.id }])
  t.equal((await call('summary::byId', { id: room.id, key: 'temperature' })).result, 21.5)
  t.equal((await call('summary::byId', { id: object.id, key: 'temperature' })).result, 20.5)
})
