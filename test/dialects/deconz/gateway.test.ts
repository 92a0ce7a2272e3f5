import t from 'tap'
import { createKeyMakers } from '../../../src/dialects/deconz/gateway.ts'
import { steppedClock } from '../../clock.ts'
import { asked } from '../asked.ts'
import { ask } from '../asked-json.ts'
import { basicOf, startedHouse } from '../house.ts'
import { deconzHouse } from './deconz-house.ts'

const locked = [{ error: { type: 101, address: '/', description: 'link button not pressed' } }]

t.test('nobody makes a key while it is locked, nor with a wrong password', async (t) => {
  const { port } = await startedHouse(t, 'deconz')
  const body = { devicetype: 'app#host' }
  for (const headers of [{}, { Authorization: `Basic ${btoa('clown:wrong')}` }]) {
    const answer = await ask(port, ['POST', '/api'], { body, headers })
    t.equal(answer.status, 403)
    t.same(answer.body, locked)
  }
})

t.test('who knows a password makes a key, which carries the rights of its user', async (t) => {
  const { port } = await startedHouse(t, 'deconz')
  const headers = { Authorization: basicOf('clown') }
  const body = { devicetype: 'app#host' }
  const { status, body: made } = await ask(port, ['POST', '/api'], { body, headers })
  t.equal(status, 200)
  t.match(made, [{ success: { username: /^[0-9A-F]{10}$/ } }])
  const again = await ask(port, ['POST', '/api'], { body, headers })
  t.same(again.body, made, 'the same program gets the same key')
  const other = await ask(port, ['POST', '/api/'], { body: { devicetype: 'other' }, headers })
  t.notSame(other.body, made)
  t.equal((await ask(port, ['GET', `/api/${made[0].success.username}/lights`])).status, 200)
})

t.test('a program may choose its key', async (t) => {
  const { port, key, get } = await deconzHouse(t)
  const headers = { Authorization: basicOf('clown') }
  const username = 'chosen-by-app-itself'
  const chosen = { devicetype: 'app#host', username }
  const { body } = await ask(port, ['POST', '/api'], { body: chosen, headers })
  t.same(body, [{ success: { username } }])
  t.equal((await ask(port, ['GET', `/api/${username}/lights`])).status, 200)
  const short = { devicetype: 'short', username: username.slice(1) }
  const { body: longer } = await ask(port, ['POST', '/api'], { body: short, headers })
  t.match(longer, [{ success: { username: /^[0-9A-F]{10}$/ } }], 'what is short is replaced')
  const taken = { devicetype: 'another', username: key }
  const visitor = { Authorization: basicOf('visitor') }
  await ask(port, ['POST', '/api'], { body: taken, headers: visitor })
  t.equal((await get('/config')).body.whitelist[key].name, 'clown#test', 'whose it is, it stays')
})

t.test('what is wrong with a request for a key: 400', async (t) => {
  const { port } = await startedHouse(t, 'deconz')
  const headers = { Authorization: basicOf('clown') }
  const wrong = [
    ['{', 2, 'body contains invalid JSON'],
    [{}, 2, 'body contains invalid JSON'],
    [[], 2, 'body contains invalid JSON'],
    [{ username: '0123456789' }, 5, 'missing parameters in body'],
    [{ devicetype: 5 }, 7, 'invalid value, 5, for parameter, devicetype'],
    [{ devicetype: 'a', username: 'short' }, 7, 'invalid value, short, for parameter, username'],
    [{ devicetype: 'a', username: 'a/b/c/d/e/f' }, 7, /username$/],
    [{ devicetype: 'a', username: 1234567890 }, 7, /username$/],
    [{ devicetype: 'a', username: 'a'.repeat(101) }, 7, /username$/],
  ] as const
  for (const [body, type, description] of wrong) {
    const answer = await ask(port, ['POST', '/api'], { body, headers })
    t.equal(answer.status, 400)
    t.match(answer.body, [{ error: { type, address: '/', description } }], JSON.stringify(body))
  }
})

t.test('an operator unlocks by a key: the first to ask gets one', async (t) => {
  const { port, put, get, keyOf } = await deconzHouse(t)
  t.same((await put('/config', { unlock: 60 })).body, [{ success: { '/config/unlock': 60 } }])
  t.equal((await get('/config')).body.linkbutton, true)
  const body = { devicetype: 'app#host' }
  const page = { Origin: 'https://stranger.example' }
  t.same((await ask(port, ['POST', '/api'], { body, headers: page })).body, locked)
  const { body: first } = await ask(port, ['POST', '/api'], { body })
  t.equal((await get('/config')).body.linkbutton, false, 'one key for each unlock')
  t.same((await ask(port, ['POST', '/api'], { body })).body, first, 'who asks again has it')
  t.same((await ask(port, ['POST', '/api'], { body, headers: page })).body, locked)
  const other = { devicetype: 'other#host' }
  t.same((await ask(port, ['POST', '/api'], { body: other })).body, locked)
  await put('/config', { unlock: 0 })
  t.same((await ask(port, ['POST', '/api'], { body })).body, locked)
  t.match((await put('/config', { unlock: 601 })).body, [{ error: { type: 7 } }])
  t.match((await put('/config', { unlock: 'x', name: 'Home' })).body, [
    { error: { type: 7 } },
    { error: { type: 6, address: '/config', description: 'parameter, name, not available' } },
  ])
  const viewer = await keyOf('viewer')
  const refused = await ask(port, ['PUT', `/api/${viewer}/config`], { body: { unlock: 60 } })
  t.match(refused.body, [{ error: { type: 8 } }])
})

t.test('whose key it is may end it, and an operator any', async (t) => {
  const { port, key, get, keyOf } = await deconzHouse(t)
  const viewer = await keyOf('viewer')
  const visitor = await keyOf('visitor')
  const end = (by: string, which: string) =>
    ask(port, ['DELETE', `/api/${by}/config/whitelist/${which}`])
  t.equal((await end(viewer, visitor)).status, 404)
  t.equal((await end(viewer, 'nobody-has-it')).status, 404)
  t.same((await end(viewer, viewer)).body, [{ success: `/config/whitelist/${viewer} deleted.` }])
  t.equal((await ask(port, ['GET', `/api/${viewer}/lights`])).status, 403)
  t.equal((await end(key, visitor)).status, 200)
  t.equal((await get('/lights')).status, 200)
})

t.test('a key is made again only for a while, and only for the same user', async (t) => {
  const clock = steppedClock()
  const added: string[] = []
  const keyMakers = createKeyMakers({
    clock,
    findUser: (name) => (name === '' ? undefined : { name, rules: [], tokens: [] }),
    keys: {
      add: async (key) => {
        added.push(key)
      },
      find: (key) =>
        added.includes(key)
          ? { digest: key, user: 'a', label: 'app', createdAtMs: 0, usedAtMs: 0, from: [] }
          : undefined,
      use: () => undefined,
      lastUserAt: () => undefined,
      all: () => [],
      remove: async () => false,
      endAllOf: () => 0,
    },
  })
  const request = asked({ method: 'POST', path: '/api' })
  const make = async () =>
    JSON.parse((await keyMakers.makeKey(request, { devicetype: 'app' })).body ?? '')[0]
  t.match(await make(), { error: { type: 101 } })
  keyMakers.unlock('a', 600)
  const first = await make()
  clock.step(29_999)
  t.same(await make(), first)
  keyMakers.unlock('b', 600)
  t.notSame(await make(), first, 'of another user')
  keyMakers.unlock('a', 600)
  const third = await make()
  t.equal(keyMakers.isUnlocked, false, 'one key for each unlock')
  clock.step(30_001)
  t.match(await make(), { error: { type: 101 } })
  keyMakers.unlock('a', 600)
  t.notSame(await make(), third)
  t.equal(added.length, 4)
  keyMakers.unlock('a', 600)
  clock.step(600_000)
  t.match(await make(), { error: { type: 101 } })
  t.equal(keyMakers.isUnlocked, false)
})
