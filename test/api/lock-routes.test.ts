import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { User } from '../../src/access/user.ts'
import { createAsUser } from '../../src/api/as-user.ts'
import { commandLogRoutes } from '../../src/api/command-routes.ts'
import { lockRoutes } from '../../src/api/lock-routes.ts'
import { checkConfig } from '../../src/config.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { createLocking } from '../../src/nodes/changes.ts'
import { createAuditLog, keepAuditLines } from '../../src/nodes/commands/audit-log.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import { userNamed } from '../access/changing-directory.ts'
import { tellMany } from '../nodes/commands/told-commands.ts'
import { guarded } from '../nodes/relay-guard/guarded.ts'
import { startedHttpServer } from '../started-http-server.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'
const topicLimits = { bytes: 64, levels: 8 }
const jsonLimits = checkConfig({}).limits.json
const ann = userNamed('ann', { role: 'operator' })
const vera = userNamed('vera', { role: 'viewer' })
const nora = userNamed('nora', {
  rules: [{ allow: ['read', 'command'], topic: 'nodes/bridge/1/#' }],
})

/** The routes on a server, and what they answer to `user`; undefined is nobody. */
async function served(t: Test, store: Store = openMemoryStore()) {
  const { guard } = await guarded(t, [], { store })
  const { lockOuts } = guard
  const sampledLog = createSampledLog(pino({ level: 'silent' }), createCounters())
  const auditLog = createAuditLog({ lines: keepAuditLines(), sampledLog })
  let current: User | undefined
  const asUser = createAsUser(
    async () => (current === undefined ? { refused: 'nobody' } : { user: current }),
    { sampledLog },
  )
  const routes = new Map([
    ...lockRoutes({
      asUser,
      lockOuts,
      changes: createLocking({ lockOuts, topicLimits }),
      jsonLimits,
    }),
    ...commandLogRoutes({ asUser, auditLog, topicLimits }),
  ])
  const server = await startedHttpServer(t, { routeOf: (path) => routes.get(path) })
  const ask = async (user: User | undefined, path: string, body?: unknown) => {
    current = user
    const request = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
    const response = await fetch(`http://127.0.0.1:${server.port}/api/${path}`, request)
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    const text = await response.text()
    return { status: response.status, body: isJson ? JSON.parse(text) : undefined }
  }
  return { ask, guard, auditLog }
}

t.test('an operator locks a device with a reason, and another one unlocks it', async (t) => {
  const { ask } = await served(t)
  const lock = { device: relay, by: 'ann', reason: 'the belt is off' }
  const { status, body } = await ask(ann, 'lock', { device: relay, reason: 'the belt is off' })
  t.equal(status, 200)
  t.match(body, lock)
  t.match(await ask(ann, 'locks'), { status: 200, body: { locks: [lock] } })
  const bob = userNamed('bob', { role: 'admin' })
  t.match(await ask(bob, 'lock', { device: relay, reason: 'mine' }), {
    status: 409,
    body: { code: 'locked', message: /locked by "ann" since/ },
  })
  t.match(await ask(bob, 'unlock', { device: relay }), { status: 200, body: { unlocked: lock } })
  t.match(await ask(bob, 'unlock', { device: relay }), { status: 200, body: { unlocked: null } })
  t.same((await ask(ann, 'locks')).body, { locks: [] })
})

t.test('a lock that the disk does not take is answered with 503, and holds', async (t) => {
  const write = () => Promise.reject(new Error('no space'))
  const { ask } = await served(t, { ...openMemoryStore(), write })
  const error = { status: 503, body: { code: 'cannot-write-store' } }
  t.match(await ask(ann, 'lock', { device: relay, reason: 'x' }), error)
  t.equal((await ask(ann, 'locks')).body.locks.length, 1)
  t.match(await ask(ann, 'unlock', { device: relay }), error)
})

t.test('nobody else locks or reads the log of commands', async (t) => {
  const { ask } = await served(t)
  for (const [user, role] of [
    [vera, 'viewer'],
    [nora, 'none'],
  ] as const) {
    const error = {
      status: 403,
      body: {
        code: 'forbidden',
        message: `expected a user of role operator or admin, got role ${role}`,
      },
    }
    t.same(await ask(user, 'lock', { device: relay, reason: 'x' }), error)
    t.same(await ask(user, 'unlock', { device: relay }), error)
    t.same(await ask(user, 'commands'), error)
  }
  for (const path of ['locks', 'commands']) t.equal((await ask(undefined, path)).status, 401)
})

t.test('locks are seen by those who may read the device', async (t) => {
  const { ask } = await served(t)
  await ask(ann, 'lock', { device: relay, reason: 'x' })
  await ask(ann, 'lock', { device: 'nodes/bridge/1/relay/-', reason: 'y' })
  t.equal((await ask(vera, 'locks')).body.locks.length, 2)
  t.match((await ask(nora, 'locks')).body, { locks: [{ reason: 'y' }] })
})

t.test('a body that is not right is refused in one sentence', async (t) => {
  const { ask, guard } = await served(t)
  const reason = 'x'
  const wrong: [body: unknown, code: string, message: RegExp][] = [
    [[], 'bad-payload', /^expected the body to be object/],
    [{ device: relay }, 'bad-payload', /^expected the body to have "reason"/],
    [{ device: relay, reason: '' }, 'bad-payload', /^expected \/reason to have at least 1/],
    [{ device: relay, reason: 'a\nb' }, 'bad-payload', /^expected a reason of 1 to 200 char/],
    [{ device: relay, reason, by: 'me' }, 'bad-payload', /^unknown key "\/by"/],
    [{ device: '$SYS/a', reason }, 'bad-topic', /no \$ at its start/],
    [{ device: 'a'.repeat(65), reason }, 'topic-too-big', /at most 64 bytes, got 69/],
    [{ device: 'a/config', reason }, 'bad-topic', /^expected a device that you may command/],
    [{ device: 'relay/a/set', reason }, 'bad-topic', /command, as its topic without \/set/],
  ]
  for (const [body, code, message] of wrong) {
    t.match(await ask(ann, 'lock', body), { status: 400, body: { code, message } }, code)
  }
  t.match(await ask(ann, 'unlock', {}), { status: 400, body: { code: 'bad-payload' } })
  t.same(guard.lockOuts.list(), [])
})

t.test('operators read the log of commands by device, time and limit', async (t) => {
  const { ask, auditLog } = await served(t)
  tellMany(auditLog, 150)
  const idsOf = async (query: string) => {
    const { status, body } = await ask(ann, `commands${query}`)
    t.equal(status, 200, query)
    return body.commands.map(({ id }: { id: string }) => id)
  }
  t.equal((await idsOf('')).length, 100)
  t.equal((await idsOf('?limit=1000')).length, 150)
  t.same(await idsOf(`?device=${encodeURIComponent(relay)}&limit=2`), ['149', '148'])
  t.same(await idsOf('?device=led/-'), [])
  t.same(await idsOf('?since=148'), ['149', '148'])
  t.same(await idsOf('?since=1970-01-01T00:00:00.149Z'), ['149'])
})

t.test('a query that is not right is refused in one sentence', async (t) => {
  const { ask } = await served(t)
  const wrong: [query: string, code: string, message: string][] = [
    ['limit=0', 'bad-query', 'expected limit to be 1 to 1000, got "0"'],
    ['limit=1001', 'bad-query', 'expected limit to be 1 to 1000, got "1001"'],
    ['limit=ten', 'bad-query', 'expected limit to be 1 to 1000, got "ten"'],
    [
      'since=yesterday',
      'bad-query',
      'expected since to be a time such as 90s, 30m, 1h, 7d, 2026-11-21T10:00:00Z or milliseconds since 1970, got "yesterday"',
    ],
    [
      'since=2026-13-45',
      'bad-query',
      'expected since to be a time such as 90s, 30m, 1h, 7d, 2026-11-21T10:00:00Z or milliseconds since 1970, got "2026-13-45", a day that is not there',
    ],
    [
      'since=2026-02-31',
      'bad-query',
      'expected since to be a time such as 90s, 30m, 1h, 7d, 2026-11-21T10:00:00Z or milliseconds since 1970, got "2026-02-31", a day that is not there',
    ],
    ['user=ann', 'bad-query', 'expected device, since or limit, got "user"'],
    ['device=a/%2B', 'bad-topic', 'expected a topic with no wildcard +, got "a/+"'],
  ]
  for (const [query, code, message] of wrong) {
    t.same(await ask(ann, `commands?${query}`), { status: 400, body: { code, message } })
  }
})

t.test('a defect is not told as an error', async (t) => {
  const asUser = createAsUser(async () => ({ user: ann }), { sampledLog: { warn: () => {} } })
  const auditLog = { read: () => Promise.reject(new Error('disk')) }
  const routes = commandLogRoutes({ asUser, auditLog, topicLimits })
  const server = await startedHttpServer(t, { routeOf: (path) => routes.get(path) })
  const response = await fetch(`http://127.0.0.1:${server.port}/api/commands`)
  t.equal(response.status, 500)
})
