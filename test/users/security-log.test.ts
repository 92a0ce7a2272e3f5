import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { usersFile, writePrivate } from '../access/users.ts'
import { publish, requireProgram } from '../programs.ts'
import { mqttTo, type StartedHub, startedHub, talkTo } from '../started-hub.ts'
import { basic } from '../started-sign-in.ts'
import { testFolder } from '../test-folder.ts'

const clown = basic('clown', 'bigclown')

async function events({ httpPort }: StartedHub, query = '?limit=1000', headers = clown) {
  const response = await fetch(`http://127.0.0.1:${httpPort}/api/security-log${query}`, { headers })
  const body = Object(await response.json())
  const list: Record<string, unknown>[] = body.events ?? []
  return { status: response.status, code: body.code, list, names: list.map(({ event }) => event) }
}

/** Waits until an event has come. */
async function event(t: Test, hub: StartedHub, wanted: Record<string, unknown>) {
  const { list } = await events(hub)
  const found = list.find((one) =>
    Object.entries(wanted).every(([key, value]) => one[key] === value),
  )
  t.ok(found, JSON.stringify(wanted))
  return found
}

t.test('who comes in and who does not is told, on every way, and no secret', async (t) => {
  if (requireProgram(t, 'mosquitto_pub') === undefined) return
  const file = join(testFolder(t), 'security.ndjson')
  const users = {
    clown: { password: 'bigclown', role: 'admin' },
    panel: { password: 'panel-password', role: 'viewer' },
  } as const
  const hub = await startedHub(t, { users, log: { securityFile: file } })
  const address = '127.0.0.1'
  await talkTo(t, hub)
  await mqttTo(t, hub, { username: 'panel', password: 'panel-password' })
  const login = { user: 'panel', password: 'panel-password' }
  const url = `http://127.0.0.1:${hub.httpPort}/login`
  const post = (body: object) =>
    fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })
  await post(login)
  await post({ ...login, password: 'guessed-password' })
  const message = { port: hub.mqttPort, topic: 'a/set', payload: 'secret-payload', ...login }
  await publish(message)
  await publish({ ...message, password: 'old-password' })

  await event(t, hub, { event: 'hub-started' })
  await event(t, hub, { event: 'signed-in', user: 'clown', way: 'clown-talk', address })
  await event(t, hub, { event: 'signed-in', user: 'clown', way: 'http', address })
  await event(t, hub, { event: 'signed-in', user: 'panel', way: 'mqtt', address })
  await event(t, hub, { event: 'signed-in', user: 'panel', way: 'login', address })
  await event(t, hub, { event: 'sign-in-failed', user: 'panel', address })
  await event(t, hub, { event: 'denied', user: 'panel', topic: 'a/set' })
  const text = readFileSync(file, 'utf8')
  for (const secret of [
    'bigclown',
    'panel-password',
    'guessed',
    'old-password',
    'secret-payload',
  ]) {
    t.notMatch(text, secret)
  }
  t.equal(text.trimEnd().split('\n').length, (await events(hub)).list.length)
})

t.test('changes of users, bans and configuration are told, each once', async (t) => {
  const hash = `$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IGhlcmU$${'A'.repeat(43)}`
  const users = (ann: object, more: object = {}) => JSON.stringify({ users: { ann, ...more } })
  const file = usersFile(t, users({ role: 'viewer', password: hash }))
  const securityFile = join(testFolder(t), 'security.ndjson')
  const config = { usersFile: file, log: { securityFile } }
  const hub = await startedHub(t, config)
  const change = async (text: string) => {
    writePrivate(file, text)
    await hub.log.next(({ msg }) => msg === 'the users file has changed')
  }
  await change(users({ role: 'operator', password: hash }, { bob: {} }))
  await change(users({ role: 'operator', password: hash.replace('AAA', 'AAB') }))
  await fetch(`http://127.0.0.1:${hub.httpPort}/api/ban`, {
    method: 'POST',
    headers: clown,
    body: JSON.stringify({ what: 'user', who: 'ann', reason: 'x' }),
  })
  await event(t, hub, { event: 'user-added', user: 'bob' })
  await event(t, hub, { event: 'user-changed', user: 'ann', role: 'operator' })
  await event(t, hub, { event: 'user-removed', user: 'bob' })
  await event(t, hub, { event: 'password-changed', user: 'ann' })
  await event(t, hub, { event: 'ban-added', what: 'user', who: 'ann', by: 'clown' })
  const { names } = await events(hub)
  t.equal(new Set(names).size, names.length)
  await hub.close()

  const same = await startedHub(t, config)
  t.notOk((await events(same)).names.includes('configuration-changed'))
  await event(t, same, { event: 'ban-added' })
  await same.close()
  const other = await startedHub(t, { ...config, accept: ['plain-mqtt'] })
  await event(t, other, { event: 'configuration-changed' })
  await other.close()
  const digest = createHash('sha256').update('bigclown').digest('hex')
  t.notMatch(readFileSync(securityFile, 'utf8'), digest)
})

t.test('admins read it, as much as they ask for', async (t) => {
  const hub = await startedHub(t, {
    users: {
      clown: { password: 'bigclown', role: 'admin' },
      op: { password: 'op-password', role: 'operator' },
    },
  })
  t.match(await events(hub, '', basic('op', 'op-password')), { status: 403, code: 'forbidden' })
  t.equal((await events(hub, '?limit=1')).list.length, 1)
  t.match((await events(hub, '')).list.at(-1), { event: 'hub-started', version: /./ })
  for (const query of ['?limit=0', '?limit=1001', '?limit=x', '?since=1h']) {
    t.match(await events(hub, query), { status: 400, code: 'bad-query' }, query)
  }
})
