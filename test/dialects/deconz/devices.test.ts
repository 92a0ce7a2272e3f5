import t from 'tap'
import { ask } from '../asked-json.ts'
import { deconzHouse } from './deconz-house.ts'

t.test('devices stand under their addresses, with what their lights and sensors say', async (t) => {
  const { get, add } = await deconzHouse(t)
  t.same((await get('/devices')).body, [])
  const relay = await add('relay/i2c0-3b', { state: true })
  await add('thermometer/-', { temperature: [21.5, '℃'] })
  const { body: light } = await get(`/lights/${relay}`)
  const { body: addresses } = await get('/devices')
  t.equal(addresses.length, 2)
  const [address] = addresses
  t.equal(light.uniqueid, `${address}-01`)
  const { body: device } = await get(`/devices/${address}`)
  t.match(device, {
    uniqueid: address,
    name: 'Relay i2c0-3b',
    manufacturername: 'Clown.Hub',
    modelid: 'relay',
    productid: 'relay',
    lastseen: light.lastseen,
    subdevices: [{ type: light.type, uniqueid: light.uniqueid }],
  })
  const { on, reachable } = device.subdevices[0].state
  t.match(on, { value: true, lastupdated: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/ })
  t.equal(reachable.value, true)
  const { body: sensor } = await get(`/devices/${addresses[1].toUpperCase()}`)
  const { state, config } = sensor.subdevices[0]
  t.equal(state.temperature.value, 2150)
  t.notOk('lastupdated' in state)
  t.equal(config.on.value, true)
})

t.test('what a device has never said has no time', async (t) => {
  const { get, node, events } = await deconzHouse(t)
  const list = JSON.stringify({ sensors: ['thermometer/a'], actuators: [] })
  await node.client.publishAsync('nodes/bridge/0/-/-/config/ok', list, { qos: 1 })
  await events.next(({ e }) => e === 'added')
  const [address] = (await get('/devices')).body
  const { lastseen, subdevices } = (await get(`/devices/${address}`)).body
  t.equal(lastseen, null)
  t.same(subdevices[0].state.temperature, { value: null, lastupdated: null })
})

t.test('a device description file says what there is of a device', async (t) => {
  const { get, add } = await deconzHouse(t)
  await add('thermometer/-', { temperature: [21.5, '℃'] })
  await add('relay/-', { state: true })
  const [thermometer, relay] = (await get('/devices')).body
  t.same((await get(`/devices/${thermometer}/ddf`)).body, {
    schema: 'devcap1.schema.json',
    manufacturername: 'Clown.Hub',
    modelid: 'thermometer',
    product: 'thermometer',
    sleeper: false,
    status: 'Gold',
    subdevices: [
      {
        type: 'ZHATemperature',
        restapi: '/sensors',
        uuid: ['$address.ext', '0x01', '0x0402'],
        items: [
          { name: 'config/on' },
          { name: 'config/reachable' },
          { name: 'state/lastupdated' },
          { name: 'state/temperature' },
        ],
      },
    ],
  })
  const { body: full } = await get(`/devices/${relay}/ddffull`)
  t.match(full.subdevices, [{ restapi: '/lights', uuid: ['$address.ext', '0x01'] }])
  t.match(full.subdevices[0].items, [
    { name: 'config/on', type: 'bool' },
    { name: 'config/reachable', type: 'bool' },
    { name: 'state/alert', type: 'string' },
  ])
})

t.test('clients learn what buttons are called, and what can happen to them', async (t) => {
  const { get, put, add } = await deconzHouse(t)
  const button = await add('push-button/-', { 'event-count': 1 })
  const thermometer = await add('thermometer/-', { temperature: [21.5, '℃'] })
  await put(`/sensors/${button}`, { name: 'Door bell' })
  const { uniqueid } = (await get(`/sensors/${button}`)).body
  t.same((await get(`/devices/${uniqueid}/state/buttonevent/introspect`)).body, {
    type: 'int32',
    buttons: { 1: { name: 'Door bell' } },
    values: { 1002: { action: 'SHORT_RELEASE', button: 1 } },
  })
  const measuring = (await get(`/sensors/${thermometer}`)).body.uniqueid
  const introspect = async (item: string) => get(`/devices/${measuring}/${item}/introspect`)
  t.same((await introspect('state/temperature')).body, { type: 'int32' })
  t.same((await introspect('config/on')).body, { type: 'bool' })
  t.equal((await introspect('state/buttonevent')).status, 404)
  const [address] = (await get('/devices')).body
  t.same((await get(`/devices/${address}/introspect`)).body, { introspect: false })
})

t.test('devices that are not there, or not to be seen, are not found', async (t) => {
  const { get, add, keyOf, port } = await deconzHouse(t)
  await add('relay/i2c0-3b', { state: true })
  const [address] = (await get('/devices')).body
  const unseen = `/api/${await keyOf('visitor')}/devices`
  t.same((await ask(port, ['GET', unseen])).body, [])
  for (const path of ['', '/ddf', '/introspect', '-01/state/on/introspect']) {
    t.equal((await ask(port, ['GET', `${unseen}/${address}${path}`])).status, 404, path)
    t.equal((await get(`/devices/00:11:22:33:44:55:66:77${path}`)).status, 404, path)
    t.equal((await get(`/devices/${address}${path}`)).status, 200, path)
  }
})
