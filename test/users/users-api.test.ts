import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { hashPassword } from '../../src/access/passwords.ts'
import { usersFile } from '../access/users.ts'
import { type HubPorts, mqttTo, startedHub, talkTo } from '../started-hub.ts'
import { basic } from '../started-sign-in.ts'
import { testFolder } from '../test-folder.ts'

interface Told {
  readonly user: string
  readonly password?: string
  readonly token?: string
  readonly tokens: readonly unknown[]
  readonly rules: readonly { readonly topic: string }[]
}

function askerOf({ httpPort }: HubPorts, user = 'clown', password = 'bigclown') {
  const headers = { ...basic(user, password), 'Content-Type': 'application/json' }
  return async (path: string, body?: unknown) => {
    const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
    const response = await fetch(`http://127.0.0.1:${httpPort}/${path}`, { headers, ...sent })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    return { status: response.status, body: isJson ? JSON.parse(text) : text }
  }
}

t.test('an admin adds, changes and removes users of the file, and tokens', async (t) => {
  const ann = { role: 'cook', digest: '0'.repeat(32), password: await hashPassword('pass-word') }
  const roles = { cook: { rules: [{ allow: ['read'], topic: 'kitchen/#' }] } }
  const file = usersFile(t, JSON.stringify({ users: { ann }, roles }))
  const folder = testFolder(t)
  const hub = await startedHub(t, { usersFile: file, data: { folder } })
  const ask = askerOf(hub)
  t.match((await ask('api/about')).body.data, { folder, freeBytes: Number, totalBytes: Number })

  const { body: before } = await ask('api/users')
  t.match(before, {
    users: [
      { user: 'clown', role: 'admin', isInFile: false, hasPassword: true },
      { user: 'ann', role: 'cook', isInFile: true, hasDigest: true, hasCode: false, tokens: [] },
    ],
    roles: [{ name: 'cook', rules: roles.cook.rules }],
  })
  t.ok(before.kinds.includes('tasmota'))
  t.notMatch(JSON.stringify(before), 'argon2')

  const { body: plug } = await ask('api/add-user', {
    user: 'plug',
    kind: 'tasmota',
    topics: ['house/plug/'],
    rules: [{ allow: ['read'], topic: 'weather/#' }],
  })
  t.ok(plug.rules.some(({ topic }: { topic: string }) => topic === 'house/plug/#'))
  t.ok(plug.rules.some(({ topic }: { topic: string }) => topic === 'weather/#'))
  t.equal((await askerOf(hub, 'plug', plug.password)('session')).status, 200, 'it counts at once')
  t.notMatch(readFileSync(file, 'utf8'), plug.password)
  t.notOk('password' in (await ask('api/add-user', { user: 'bob', password: 'given-one' })).body)
  t.equal((await askerOf(hub, 'bob', 'given-one')('session')).status, 200)
  t.match((await ask('api/add-user', { user: 'anonymous' })).body, { hasPassword: false })

  const { body: token }: { body: Told } = await ask('api/add-token', {
    user: 'plug',
    name: 'one',
  })
  t.equal((await askerOf(hub, 'plug', token.token)('session')).status, 200)
  t.match(await ask('api/add-token', { user: 'plug', name: 'one' }), { status: 400 })
  await ask('api/add-token', { user: 'plug', name: 'two' })
  t.equal((await ask('api/remove-token', { user: 'plug', name: 'one' })).status, 200)
  t.equal((await askerOf(hub, 'plug', token.token)('session')).status, 401)
  t.equal((await ask('api/remove-token', { user: 'plug', name: 'one' })).status, 400)

  const rules = [{ deny: ['read'], topic: 'attic/#' }]
  const changed = await ask('api/change-user', { user: 'bob', role: 'node', base: 'n/1', rules })
  t.match(changed.body, { user: 'bob', role: 'node', base: 'n/1', rules })
  t.match((await ask('api/change-user', { user: 'bob', role: null, base: null })).body, { rules })
  t.equal((await askerOf(hub, 'bob', 'given-one')('session')).status, 200, 'the password stays')
  const renewed = await ask('api/change-user', { user: 'ann', newPassword: true })
  t.equal((await askerOf(hub, 'ann', renewed.body.password)('session')).status, 200)
  t.notMatch(readFileSync(file, 'utf8'), '0'.repeat(32), 'Digest is of the new password, too')
  t.ok((await ask('api/change-user', { user: 'plug', newPassword: true })).body.password)

  t.match((await ask('api/remove-user', { user: 'bob' })).body, { user: 'bob' })
  t.equal((await askerOf(hub, 'bob', 'given-one')('session')).status, 401)
  t.notMatch(readFileSync(file, 'utf8'), 'bob')
})

t.test('what would be no user is refused with a sentence, and changes nothing', async (t) => {
  const admin = { role: 'admin', password: await hashPassword('pass-word') }
  const file = usersFile(t, JSON.stringify({ users: { admin } }))
  const hub = await startedHub(t, { usersFile: file })
  const ask = askerOf(hub, 'admin', 'pass-word')
  const text = readFileSync(file, 'utf8')
  for (const [path, body, message] of [
    ['add-user', { user: 'clown' }, /the name of nobody who is there, got "clown"/],
    ['add-user', { user: 'admin' }, /the name of nobody who is there/],
    ['add-user', { user: 'a', password: 'short' }, /expected a password of 8 characters/],
    ['add-user', { user: 'a', role: 'node' }, /"base", since its role is node/],
    ['add-user', { user: 'a', role: 'admn' }, /did you mean "admin"/],
    ['add-user', { user: 'a', kind: 'toaster' }, /kind to be one of tasmota/],
    ['add-token', { user: 'nobody', name: 'a' }, /the name of a user, got "nobody"/],
    ['change-user', { user: 'admin', role: 'viewer' }, /another user than who asks/],
    ['remove-user', { user: 'admin' }, /another user than who asks/],
    ['remove-user', { user: 'nobody' }, /the name of a user/],
    ['disconnect', { id: 9999 }, /a connection that is open/],
  ] as const) {
    const { status, body: answer } = await ask(`api/${path}`, body)
    t.match({ status, ...answer }, { status: 400, code: 'bad-payload', message }, path)
  }
  const { body } = await ask('api/add-token', { user: 'clown', name: 'a' })
  t.match(body, { code: 'not-in-users-file', message: /"clown" to be in a users file/ })
  t.equal(readFileSync(file, 'utf8'), text)
})

t.test('who is there is told with what goes over the wire, and disconnected', async (t) => {
  const hub = await startedHub(t, {
    users: {
      clown: { password: 'bigclown', role: 'admin' },
      eve: { password: 'bigclown', role: 'viewer' },
    },
    dialects: [{ dialect: 'jeedom', port: 0 }],
  })
  const ask = askerOf(hub)
  t.match(await ask('api/add-user', { user: 'new' }), {
    status: 409,
    body: { code: 'not-in-users-file' },
  })
  t.match((await ask('api/users')).body, { roles: [] })
  t.match(await ask('api/forget', { user: 'nobody' }), { status: 404 })
  const { client } = await mqttTo(t, hub, { filter: 'a' })
  const talk = await talkTo(t, hub)
  const response = await fetch(`http://127.0.0.1:${hub.httpPort}/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ user: 'eve', password: 'bigclown' }),
  })
  const [Cookie = ''] = response.headers.get('set-cookie')?.split(';') ?? []
  const { body } = await ask('api/connections')
  t.match(body.sessions, [{ user: 'eve', isInUse: false }])
  t.equal(body.connections.length, 2)
  for (const { bytesReceived, bytesSent, bytesWaiting } of body.connections) {
    t.ok(bytesReceived > 0 && bytesSent > 0)
    t.equal(bytesWaiting, 0)
  }
  talk.send('x'.repeat(2000), 1)
  await talk.settle()
  const { hits } = (await ask('api/limits')).body
  t.match(
    hits.find(({ counter }: { counter: string }) => counter === 'topic-too-big'),
    {
      count: 1,
      limits: [
        { setting: 'limits.topic.bytes', variable: 'CLOWN_LIMITS_TOPIC_BYTES', value: 1024 },
        {},
      ],
    },
  )
  const closed = once(talk.websocket, 'close')
  const { id } = body.connections.find(({ way }: { way: string }) => way !== 'mqtt')
  t.same((await ask('api/disconnect', { id })).body, { ended: 1 })
  await closed
  const away = new Promise<void>((resolve) => client.once('close', () => resolve()))
  t.same((await ask('api/disconnect', { user: 'clown' })).body, { ended: 1 })
  await away
  await ask('api/disconnect', { user: 'eve' })
  const session = await fetch(`http://127.0.0.1:${hub.httpPort}/session`, { headers: { Cookie } })
  t.equal(session.status, 401)

  const { body: about } = await ask('api/about')
  t.match(about, { node: process.version, data: null })
  t.match((await ask('api/dialects')).body, {
    dialects: [{ dialect: 'jeedom', title: 'Jeedom', port: Number, operations: Array }],
  })
  await client.endAsync(true)
})
