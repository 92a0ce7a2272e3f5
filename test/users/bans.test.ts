import { once } from 'node:events'
import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { ranLine } from '../cli/run-line.ts'
import { publish, requireProgram } from '../programs.ts'
import { mqttTo, startedHub, talkOver } from '../started-hub.ts'
import { basic } from '../started-sign-in.ts'

const users = {
  clown: { password: 'bigclown', role: 'admin' },
  eve: { password: 'eve-password', role: 'operator' },
  root: { password: 'root-password', role: 'admin' },
} as const

const eve = { username: 'eve', password: 'eve-password' }
const reason = 'switches the heater'

/** A hub, and how an admin commands it from this machine. */
async function bannable(t: Test) {
  const hub = await startedHub(t, {
    users,
    // Whoever names an address is there.
    http: { port: 0, trustProxy: ['127.0.0.1'] },
  })
  const url = `http://127.0.0.1:${hub.httpPort}`
  const line = (words: string) =>
    ranLine(`${words} --url ${url.replace('//', '//clown:bigclown@')}`)
  const get = async (path: string, headers: Record<string, string>) => {
    const response = await fetch(`${url}${path}`, { headers })
    const text = await response.text()
    return { status: response.status, code: text.startsWith('{') ? JSON.parse(text).code : text }
  }
  const post = async (path: string, body: object, headers = basic('clown', 'bigclown')) => {
    const init = { method: 'POST', headers, body: JSON.stringify(body) }
    const response = await fetch(`${url}${path}`, init)
    return { status: response.status, body: await response.json() }
  }
  return { hub, url, line, get, post }
}

t.test('a banned user is out at once, on every way, and in again when the ban ends', async (t) => {
  if (requireProgram(t, 'mosquitto_pub') === undefined) return
  const { hub, url, get, post } = await bannable(t)
  const ways = [
    connectAsync(`mqtt://127.0.0.1:${hub.mqttPort}`, {
      ...eve,
      protocolVersion: 5,
      reconnectPeriod: 0,
    }),
    mqttTo(t, hub, eve),
  ] as const
  const [five, four] = await Promise.all(ways)
  t.teardown(() => five.endAsync(true))
  const disconnected = new Promise((resolve) =>
    five.once('disconnect', ({ reasonCode, properties }) =>
      resolve([reasonCode, properties?.reasonString]),
    ),
  )
  const socketUrl = `ws://eve:eve-password@127.0.0.1:${hub.httpPort}/talk`
  const { websocket } = await talkOver(t, new WebSocket(socketUrl))
  const ended = once(websocket, 'close')

  t.match(await post('/api/ban', { what: 'user', who: 'eve', reason }), {
    status: 200,
    body: { what: 'user', who: 'eve', by: 'clown', reason },
  })
  t.same(await disconnected, [0x98, 'an admin has banned it'])
  await four.closed
  const [code, why] = await ended
  t.equal(`${code} ${why}`, '4403 banned')

  t.match(await get('/api/nodes', basic('eve', 'eve-password')), { status: 403, code: 'banned' })
  const login = await fetch(`${url}/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ user: 'eve', password: 'eve-password' }),
  })
  t.equal(login.status, 403)
  const [, refused] = await once(new WebSocket(socketUrl), 'unexpected-response')
  t.equal(refused.statusCode, 403)
  const byMessage = new WebSocket(`${url.replace('http', 'ws')}/talk?sign-in=message`)
  byMessage.on('open', () =>
    byMessage.send('["$hub/auth", {"user": "eve", "password": "eve-password"}]'),
  )
  t.equal((await once(byMessage, 'close'))[0], 4403)
  const message = { port: hub.mqttPort, topic: 'a', payload: 'x', user: 'eve' }
  const { output } = await publish({ ...message, password: 'eve-password', extra: ['-V', '5'] })
  t.match(output, /Banned/i)
  t.not((await publish({ ...message, password: 'eve-password' })).code, 0)

  t.match(await post('/api/unban', { what: 'user', who: 'eve' }), {
    body: { unbanned: { reason } },
  })
  t.match(await post('/api/unban', { what: 'user', who: 'eve' }), { body: { unbanned: null } })
  t.equal((await publish({ ...message, password: 'eve-password' })).code, 0)
})

t.test(
  'an address and a network are kept out of every path, and this machine is not',
  async (t) => {
    const { get, post, hub } = await bannable(t)
    const from = (address: string) => ({
      ...basic('eve', 'eve-password'),
      'X-Forwarded-For': address,
    })
    await post('/api/ban', { what: 'address', who: '192.0.2.0/24', reason, seconds: 3600 })
    t.match(await get('/api/nodes', from('192.0.2.7')), { status: 403, code: 'banned' })
    t.match(await get('/nothing', from('192.0.2.7')), { status: 403, code: 'banned' })
    t.equal((await get('/api/nodes', from('192.0.3.7'))).status, 200)
    const everybody = { what: 'address', who: '0.0.0.0/0', reason }
    t.match(await post('/api/ban', everybody), { status: 200 })
    t.equal((await get('/api/nodes', basic('eve', 'eve-password'))).status, 200)
    await mqttTo(t, hub, eve)
    t.ok((hub.counters()['banned-refused'] ?? 0) > 0)
  },
)

t.test('a client id is kept out, whoever uses it, unless that is an admin here', async (t) => {
  const { post, hub } = await bannable(t)
  const bot = await mqttTo(t, hub, { ...eve, clientId: 'bot' })
  const other = await mqttTo(t, hub, { ...eve, clientId: 'other' })
  await post('/api/ban', { what: 'client', who: 'bot', reason })
  await bot.closed
  t.ok(other.client.connected)
  await t.rejects(mqttTo(t, hub, { ...eve, clientId: 'bot' }), { code: 5 })
  await mqttTo(t, hub, { clientId: 'bot' })
})

t.test('admins on this machine are never banned, and only admins ban', async (t) => {
  const { get, post } = await bannable(t)
  t.match(await post('/api/ban', { what: 'user', who: 'root', reason }), { status: 200 })
  t.equal((await get('/api/bans', basic('eve', 'eve-password'))).status, 403)
  const asEve = await post(
    '/api/ban',
    { what: 'user', who: 'clown', reason },
    basic('eve', 'eve-password'),
  )
  t.match(asEve, { status: 403, body: { code: 'forbidden' } })
  t.match(await post('/api/ban', { what: 'user', who: 'clown', reason }), {
    status: 400,
    body: { code: 'bad-payload' },
  })
  t.match(await post('/api/ban', { what: 'planet', who: 'x', reason }), { status: 400 })
})

t.test('an admin bans by the command line', async (t) => {
  const { line } = await bannable(t)
  t.same((await line('ban list')).output, ['nobody is banned'])
  const added = await line('ban add address 192.0.2.0/24 --reason guesses --for 2h')
  t.match(added.output, [
    /^banned address 192\.0\.2\.0\/24, until \S+Z, by clown since \S+Z: guesses$/,
  ])
  await line('ban add user eve --reason heater')
  t.match((await line('ban list')).output, [/^address 192/, /^user eve, for good, by clown since /])
  t.match((await line('ban remove user eve')).output, [
    /^let in again; banned was user eve, for good/,
  ])
  t.same((await line('ban remove user eve')).output, ['user eve was not banned'])
  const refused = await line('ban add user clown --reason mistake')
  t.match(refused, { code: 4, output: [/^refused: expected a ban of somebody else/] })
  for (const words of [
    'ban add user eve',
    'ban add planet x --reason y',
    'ban add user --reason y',
    'ban remove user eve max',
    'ban add user eve --reason y --for ever',
    'ban add user eve --reason y --for 0s',
  ]) {
    t.equal((await line(words)).code, 1, words)
  }
})
