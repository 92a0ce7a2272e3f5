import t from 'tap'
import { troubleOf } from '../../../src/dialects/deconz/rest.ts'
import { makeLate } from '../../overload.ts'
import { ask } from '../asked-json.ts'
import { startedHouse } from '../house.ts'
import { deconzHouse } from './deconz-house.ts'

t.test('without a key that somebody has, nothing but the short config is told: 403', async (t) => {
  const { port } = await deconzHouse(t)
  const asked = [
    ['GET', '/api/0123456789', '/'],
    ['GET', '/api/0123456789/lights', '/lights'],
    ['GET', '/api/0123456789/lights/1', '/lights/1'],
    ['PUT', '/api/0123456789/lights/1/state', '/lights/1/state'],
    ['PUT', '/api/0123456789/config', '/config'],
    ['PUT', '/api/config', '/'],
    ['GET', '/api/0123456789/nonsense', '/nonsense'],
    ['GET', '/api/%E0%A4%A/lights', '/lights'],
  ] as const
  for (const [method, path, address] of asked) {
    const { status, body, headers } = await ask(port, [method, path])
    t.equal(status, 403, path)
    t.same(body, [{ error: { type: 1, address, description: 'unauthorized user' } }])
    t.equal(headers.get('content-type'), 'application/json; charset=utf-8')
  }
})

t.test('what is not there: 404 of type 3', async (t) => {
  const { port, key, get, put } = await deconzHouse(t)
  for (const path of ['/lights/9', '/sensors/9', '/groups/1', '/nonsense', '/lights/1/state/on']) {
    const { status, body } = await get(path)
    t.equal(status, 404, path)
    const description = `resource, ${path}, not available`
    t.same(body, [{ error: { type: 3, address: path, description } }])
  }
  t.match(await get('/lights/constructor'), { status: 404, body: [{ error: { type: 3 } }] })
  t.match(await put('/lights/9/state', { on: true }), {
    status: 404,
    body: [{ error: { type: 3, address: '/lights/9' } }],
  })
  for (const path of ['/', '/nonsense', '/api', `//api//${key}/x`]) {
    const { status, body } = await ask(port, ['GET', path])
    t.equal(status, 404, path)
    t.match(body, [{ error: { type: 3 } }])
  }
})

t.test('a light is no sensor', async (t) => {
  const { get, add } = await deconzHouse(t)
  const id = await add('relay/i2c0-3b', { state: false })
  t.equal((await get(`/sensors/${id}`)).status, 404)
})

t.test('what cannot be done there: 404 of type 4', async (t) => {
  const { port, key } = await deconzHouse(t)
  const asked = [
    ['POST', '/lights'],
    ['DELETE', '/lights/1'],
    ['PUT', '/groups'],
    ['GET', '/lights/1/state'],
  ] as const
  for (const [method, path] of asked) {
    const { status, body } = await ask(port, [method, `/api/${key}${path}`])
    t.equal(status, 404, path)
    const description = `method, ${method}, not available for resource, ${path}`
    t.same(body, [{ error: { type: 4, address: path, description } }])
  }
})

t.test('bad JSON: 400 of type 2; nothing asked for: 400 of type 5', async (t) => {
  const { put, add } = await deconzHouse(t)
  const light = await add('relay/i2c0-3b', { state: false })
  const paths = [`/lights/${light}`, `/lights/${light}/state`, '/groups/0/action', '/config']
  for (const path of paths) {
    for (const body of ['{', '[]', 'null', '5']) {
      t.match(await put(path, body), {
        status: 400,
        body: [{ error: { type: 2, address: path, description: 'body contains invalid JSON' } }],
      })
    }
    t.match(await put(path, {}), { status: 400, body: [{ error: { type: 5 } }] }, path)
  }
})

t.test('pages of other origins may ask first', async (t) => {
  const { port, key } = await deconzHouse(t)
  const { status, headers } = await ask(port, ['OPTIONS', `/api/${key}/lights`])
  t.equal(status, 200)
  t.equal(headers.get('access-control-allow-origin'), '*')
  t.match(headers.get('access-control-allow-methods'), 'PUT')
})

t.test('with too much to do the hub is busy: 503 of type 901', async (t) => {
  const limits = { process: { lagMs: 10 } }
  const { hub, port } = await startedHouse(t, 'deconz', { limits })
  await makeLate(t, hub)
  for (const path of ['/api/config', '/api/0123456789/lights']) {
    const { status, body } = await ask(port, ['GET', path])
    t.equal(status, 503, path)
    t.match(body, [{ error: { type: 901, description: 'Internal error, 951' } }])
  }
})

t.test('while the hub is starting there is no network: 503 of type 950', async (t) => {
  const answer = troubleOf({ state: () => 'starting' }, '/lights')
  t.equal(answer?.status, 503)
  t.same(JSON.parse(answer?.body ?? ''), [
    { error: { type: 950, address: '/lights', description: 'Not connected' } },
  ])
  t.equal(troubleOf({ state: () => 'ready' }, '/lights'), undefined)
})
