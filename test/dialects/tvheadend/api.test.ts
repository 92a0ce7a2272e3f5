import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import t from 'tap'
import { WebSocket } from 'ws'
import { requireProgram } from '../../programs.ts'
import { talkTo } from '../../started-hub.ts'
import {
  called,
  connected,
  isRelayOn,
  type List,
  mqttAs,
  relay,
  report,
  started,
  users,
} from './tvheadend-client.ts'

const run = promisify(execFile)
const authorization = `Basic ${Buffer.from('clown:bigclown').toString('base64')}`

t.test('operators see who is there, every second; each as what it is', async (t) => {
  const entry = { guest: { user: 'clown' }, base: 'nodes/bridge' }
  const { hub, port, url } = await started(t, entry)
  await talkTo(t, hub)
  const node = await mqttAs(t, hub, 'node-7')
  const { of } = await connected(t, port)
  const talk = await of('subscriptions', ({ title }) => title === 'nodes/bridge/0')
  t.match(talk, {
    state: 'Running',
    errors: 0,
    username: 'clown',
    hostname: '127.0.0.1',
    updateEntry: 1,
  })
  t.ok(Number(talk['total_in']) > 0 && Number(talk['total_out']) > 0)
  const mqtt = await of('subscriptions', ({ title }) => title === 'node-7')
  t.equal(mqtt['client'], 'mqtt')
  await of('diskspaceUpdate', ({ totaldiskspace }) => Number(totaldiskspace) > 0)
  const listed = await called<List>(`${url}/api/status/subscriptions`)
  t.equal(listed.totalCount, listed.entries.length)
  t.ok(listed.entries.some((entry) => entry['title'] === 'node-7' && !('updateEntry' in entry)))
  const { entries } = await called<List>(`${url}/api/status/connections`)
  const own = entries.find((entry) => entry['type'] === 'mqtt')
  t.match(own, { server: '127.0.0.1', server_port: hub.mqttPort, peer: '127.0.0.1', user: 'clown' })
  const self = await of('subscriptions', ({ in: rate, client }) => {
    return client === 'tvheadend' && rate === 0
  })
  t.equal(self['title'], 'nodes/bridge')

  const closed = new Promise<void>((resolve) => node.once('close', resolve))
  const cancelled = await fetch(`${url}/api/connections/cancel?id=${own?.['id']}`, {
    method: 'POST',
  })
  t.same(await cancelled.json(), {})
  await closed
  await of('connections', ({ reload }) => reload === 1)
})

t.test('operators see nodes as inputs, whose signal fades', async (t) => {
  const { hub, port, url } = await started(t)
  const { of } = await connected(t, port)
  await report(hub, relay, { state: true })
  await report(hub, 'nodes/bridge/0/relay/i2c0-3f', { state: true })
  await of('input_status', ({ reload }) => reload === 1)
  const input = await of('input_status', ({ subs }) => subs === 2)
  t.match(input, { input: 'nodes/bridge/0', signal_scale: 1, update: 1, uuid: /^[0-9a-f]{32}$/ })
  t.ok(Number(input['signal']) > 60_000)
  const { entries } = await called<List>(`${url}/api/status/inputs`)
  t.match(entries, [{ input: 'nodes/bridge/0', uuid: input['uuid'] }])
})

t.test('the log is for operators, without the fields of its lines', async (t) => {
  const { port } = await started(t)
  const { of } = await connected(t, port)
  const wrong = { authorization: `Basic ${Buffer.from('clown:guess').toString('base64')}` }
  t.equal((await fetch(`http://127.0.0.1:${port}/api/serverinfo`, { headers: wrong })).status, 403)
  const { logtxt } = await of('logmessage')
  t.match(
    logtxt,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} sign-in-refused: a wrong user, password or token was given$/,
  )
})

t.test('a viewer sees what it may read, and nothing of others', async (t) => {
  const { hub, port, url } = await started(t, { guest: { user: 'viewer' } })
  const viewer = await connected(t, port)
  t.match((await viewer.of('accessUpdate'))['admin'], 0)
  await report(hub, relay, { state: true })
  await viewer.of('message', isRelayOn)
  await viewer.of('connections')
  await viewer.of('diskspaceUpdate')
  const classes = new Set(viewer.told.items.map((one) => one.notificationClass))
  t.notOk(classes.has('logmessage'))
  t.notOk(viewer.told.items.some((one) => 'updateEntry' in one || 'update' in one))
  for (const call of [
    'status/connections',
    'status/subscriptions',
    'status/inputs',
    'connections/cancel',
    'mpegts/network/grid',
    'service/list',
  ]) {
    t.equal((await fetch(`${url}/api/${call}`)).status, 403, call)
  }
  t.same(await called(`${url}/api/channel/grid`), { entries: [], total: 0 })
})

t.test('what somebody may not read is told to others only', async (t) => {
  const rules = [{ allow: ['read' as const], topic: 'nodes/bridge/0/relay/i2c0-3b' }]
  const some = { password: 'x', rules }
  const { hub, port } = await started(t, { guest: { user: 'some' } }, { users: { ...users, some } })
  await report(hub, 'nodes/bridge/1/relay/a', { state: true })
  const { of, told } = await connected(t, port)
  await report(hub, 'nodes/bridge/1/relay/a', { state: false })
  await report(hub, relay, { state: true })
  await of('message', isRelayOn)
  t.equal(told.items.filter((one) => one.notificationClass === 'message').length, 1)
})

t.test('Digest as curl does it: right, wrong, and for whom it is of use', async (t) => {
  const curl = requireProgram(t, 'curl')
  if (curl === undefined) return
  const { url } = await started(t, {})
  const ask = async (...args: string[]) => {
    const { stdout } = await run(curl, ['-s', '-o', '/dev/null', '-w', '%{http_code}', ...args])
    return stdout
  }
  const place = `${url}/api/serverinfo?a=1&b=%20x`
  t.equal(await ask('--digest', '-u', 'clown:bigclown', place), '200')
  t.equal(await ask('--digest', '-u', 'clown:bigclown', '-d', 'a=1', place), '200')
  t.equal(await ask('--digest', '-u', 'clown:wrong', place), '403')
  t.equal(await ask('--digest', '-u', 'viewer:viewer', place), '403', 'it has no secret')
  t.equal(await ask('--basic', '-u', 'viewer:viewer', place), '200')
  t.equal(await ask('--basic', '-u', 'viewer:wrong', place), '403')
  const asked = await fetch(place)
  t.equal(asked.status, 401)
  t.match(asked.headers.get('www-authenticate'), /^Digest realm="tvheadend", qop="auth"/)
})

t.test('without anybody who has a secret, Basic is what is asked for', async (t) => {
  const plain = { clown: { password: 'bigclown', role: 'admin' } } as const
  const { url, port } = await started(t, {}, { users: plain })
  const asked = await fetch(`${url}/api/serverinfo`)
  t.match(asked.headers.get('www-authenticate'), /^Basic realm="tvheadend"/)
  const { batches } = await connected(t, port, { headers: { authorization } })
  t.match((await batches.next()).messages[0], { username: 'clown' })
  const stranger = new WebSocket(`ws://127.0.0.1:${port}/comet/ws`)
  const [, response] = await once(stranger, 'unexpected-response')
  t.equal(response.statusCode, 401)
})

t.test('what is not there, and what makes no sense, is said by a page', async (t) => {
  const { url, port } = await started(t)
  const status = async (path: string, init?: RequestInit) => {
    const answer = await fetch(url + path, init)
    t.match(answer.headers.get('content-type'), /^text\/html/)
    return answer.status
  }
  const post = { method: 'POST' }
  const names = await called<string[]>(`${url}/api/pathlist`)
  t.ok(['connections/cancel', 'pathlist', 'serverinfo'].every((name) => names.includes(name)))
  t.equal(await status('/'), 404)
  t.equal(await status('/api/dvr/entry/create'), 404)
  t.equal(await status('/api/constructor'), 404)
  t.equal(await status('/comet/ws'), 415)
  t.equal(await status('/api/connections/cancel?id=1'), 403, 'any page could get that')
  t.equal(await status('/api/connections/cancel', post), 400)
  t.equal(await status('/api/connections/cancel?id=x', post), 400)
  t.equal(await status('/api/connections/cancel?id=999', post), 404)
  const elsewhere = new WebSocket(`ws://127.0.0.1:${port}/other`)
  const [, response] = await once(elsewhere, 'unexpected-response')
  t.equal(response.statusCode, 404)
  const own = await connected(t, port)
  const closed = once(own.websocket, 'close')
  t.same(await (await fetch(`${url}/api/connections/cancel?id=all`, post)).json(), {})
  await closed
})

t.test('of television there is nothing, which clients are told as empty lists', async (t) => {
  const { url } = await started(t)
  const names = await called<string[]>(`${url}/api/pathlist`)
  const grids = names.filter((name) => /\/grid(_\w+)?$/.test(name))
  t.ok(grids.includes('dvr/entry/grid_upcoming') && grids.includes('mpegts/service/grid'))
  for (const name of grids) {
    const count = name.startsWith('epg/') ? 'totalCount' : 'total'
    t.same(await called(`${url}/api/${name}?start=0&limit=50`), { entries: [], [count]: 0 }, name)
  }
  for (const name of names.filter((name) => name.endsWith('/list'))) {
    t.same(await called(`${url}/api/${name}`), { entries: [] }, name)
  }
  t.same(await called(`${url}/api/config/capabilities`), [])
})
