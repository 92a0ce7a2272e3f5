import { readdirSync, readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t, { type Test } from 'tap'
import { hashPassword } from '../../src/access/passwords.ts'
import { usersFile } from '../access/users.ts'
import { mqttTo, startedHub } from '../started-hub.ts'
import { basic } from '../started-sign-in.ts'

interface Document {
  readonly openapi: string
  readonly paths: Record<string, Record<string, { responses: Record<string, Response_> }>>
  readonly components: unknown
}

interface Response_ {
  readonly content?: Record<string, { readonly schema?: object }>
}

/** The paths of the API that stand in the source. */
function servedPaths(): string[] {
  const folder = new URL('../../src/api/', import.meta.url)
  const files = [
    ...readdirSync(folder).map((name) => new URL(name, folder)),
    new URL('../hub.ts', folder),
  ]
  const texts = files.filter(({ href }) => !href.endsWith('openapi-route.ts'))
  const found = texts.flatMap((file) => [
    ...readFileSync(file, 'utf8').matchAll(/'(\/api\/[a-z./-]+)'/g),
  ])
  return found.map(([, path = '']) => path.replace(/\/$/, ''))
}

const relay = 'nodes/bridge/0/relay/a'

interface Asked {
  readonly path: string
  readonly method?: 'GET' | 'POST'
  readonly body?: unknown
  readonly user?: string
  readonly status: number
  /** As the document has it, where that is not the path. */
  readonly of?: string
}

const nobody = [
  '/api/nodes',
  '/api/conflicts',
  '/api/commands',
  '/api/locks',
  '/api/history',
  '/api/stream',
  '/api/bans',
  '/api/alarms',
  '/api/security-log',
  '/api/trace',
  '/api/shares',
  '/api/bus',
  '/api/bridges',
  '/api/upstreams',
  '/api/users',
  '/api/connections',
  '/api/about',
  '/api/limits',
  '/api/dialects',
  '/api/retained',
]
const posted = [
  '/api/command',
  '/api/label',
  '/api/replace',
  '/api/forget',
  '/api/lock',
  '/api/unlock',
  '/api/password',
  '/api/backup',
  '/api/ban',
  '/api/acknowledge',
  '/api/unban',
  '/api/share',
  '/api/unshare',
  '/api/add-user',
  '/api/change-user',
  '/api/remove-user',
  '/api/add-token',
  '/api/remove-token',
  '/api/disconnect',
  '/api/publish',
  '/api/check',
]
const dialect = '/api/dialects/{dialect}/{operation}'
const ban = { what: 'user', who: 'guest', reason: 'a' }
const message = { topic: 'house/mode', payload: 'away', qos: 1, retain: true }
const share = { title: 'a', filters: ['nodes/#'], hours: 1 }
const command = (device: string, payload: unknown, more = {}) => ({ device, payload, ...more })

/** Changes of users, and of who is there. */
const changes: readonly [name: string, body: object][] = [
  ['add-user', { user: 'new', kind: 'tasmota' }],
  ['change-user', { user: 'new', role: 'viewer', newPassword: true }],
  ['add-token', { user: 'new', name: 'a' }],
  ['remove-token', { user: 'new', name: 'a' }],
  ['remove-user', { user: 'new' }],
  ['disconnect', { user: 'new' }],
]
/** Those that cannot be done to a user of the configuration. */
const ofTheFile = ['change-user', 'add-token', 'remove-token', 'remove-user']

/** Asked one after the other; together they bring about all that is documented. */
const asked: readonly Asked[] = [
  ...nobody.map((path) => ({ path, user: 'nobody', status: 401 })),
  { path: '/api/nodes/nodes/bridge/0', of: '/api/nodes/{base}', user: 'nobody', status: 401 },
  ...posted.map((path) => ({
    path,
    method: 'POST' as const,
    body: {},
    user: 'nobody',
    status: 401,
  })),
  { path: '/api/openapi.json', status: 200 },
  { path: '/api/nodes', status: 200 },
  { path: '/api/nodes/nodes/bridge/0', of: '/api/nodes/{base}', status: 200 },
  { path: '/api/nodes/none', of: '/api/nodes/{base}', status: 404 },
  { path: '/api/conflicts', status: 200 },
  { path: '/api/conflicts', user: 'viewer', status: 403 },
  { path: '/api/command', method: 'POST', body: command(relay, { state: true }), status: 200 },
  { path: '/api/command', method: 'POST', body: command(relay, { state: 1 }), status: 400 },
  {
    path: '/api/command',
    method: 'POST',
    body: command(relay, { state: true }),
    user: 'viewer',
    status: 403,
  },
  {
    path: '/api/command',
    method: 'POST',
    body: command('nodes/bridge/0/relay/b', { state: true }),
    status: 404,
  },
  {
    path: '/api/command',
    method: 'POST',
    body: command('nodes/away/0/relay/a', { state: true }),
    status: 503,
  },
  {
    path: '/api/command',
    method: 'POST',
    body: command('nodes/deaf/0/relay/a', { state: true }),
    status: 504,
  },
  {
    path: '/api/command',
    method: 'POST',
    body: command('nodes/deaf/0/relay/b', { state: false }),
    status: 202,
  },
  { path: '/api/commands', status: 200 },
  { path: '/api/commands?limit=0', of: '/api/commands', status: 400 },
  { path: '/api/commands', user: 'viewer', status: 403 },
  { path: '/api/label', method: 'POST', body: { device: relay, title: 'a' }, status: 200 },
  { path: '/api/label', method: 'POST', body: { device: relay, title: 1 }, status: 400 },
  { path: '/api/label', method: 'POST', body: { device: relay }, user: 'viewer', status: 403 },
  { path: '/api/label', method: 'POST', body: { device: 'none' }, status: 404 },
  { path: '/api/lock', method: 'POST', body: { device: relay, reason: 'a' }, status: 200 },
  { path: '/api/lock', method: 'POST', body: { device: relay, reason: 'a' }, status: 409 },
  { path: '/api/lock', method: 'POST', body: {}, status: 400 },
  {
    path: '/api/lock',
    method: 'POST',
    body: { device: relay, reason: 'a' },
    user: 'viewer',
    status: 403,
  },
  { path: '/api/command', method: 'POST', body: command(relay, { state: true }), status: 409 },
  { path: '/api/locks', status: 200 },
  { path: '/api/unlock', method: 'POST', body: { device: relay }, status: 200 },
  { path: '/api/unlock', method: 'POST', body: {}, status: 400 },
  { path: '/api/unlock', method: 'POST', body: { device: relay }, user: 'viewer', status: 403 },
  { path: '/api/history?topic=nodes/%23', of: '/api/history', status: 200 },
  { path: '/api/history', status: 400 },
  { path: '/api/stream', status: 200 },
  { path: '/api/stream?filter=a%23', of: '/api/stream', status: 400 },
  {
    path: '/api/replace',
    method: 'POST',
    body: { old: 'nodes/deaf/0/relay/a', new: 'nodes/deaf/0/relay/b' },
    status: 200,
  },
  { path: '/api/replace', method: 'POST', body: { old: 'a/set', new: relay }, status: 400 },
  { path: '/api/replace', method: 'POST', body: { old: relay, new: 'none/a' }, status: 404 },
  { path: '/api/replace', method: 'POST', body: {}, user: 'operator', status: 403 },
  { path: '/api/forget', method: 'POST', body: { device: relay }, status: 200 },
  { path: '/api/forget', method: 'POST', body: { device: 'a/set' }, status: 400 },
  { path: '/api/forget', method: 'POST', body: { device: 'none/a' }, status: 404 },
  { path: '/api/forget', method: 'POST', body: { user: 'stranger' }, status: 404 },
  { path: '/api/forget', method: 'POST', body: { user: 'operator' }, status: 409 },
  { path: '/api/forget', method: 'POST', body: {}, user: 'operator', status: 403 },
  { path: '/api/ban', method: 'POST', body: ban, status: 200 },
  { path: '/api/ban', method: 'POST', body: {}, status: 400 },
  { path: '/api/ban', method: 'POST', body: ban, user: 'viewer', status: 403 },
  { path: '/api/alarms', status: 200 },
  { path: '/api/alarms', user: 'viewer', status: 403 },
  { path: '/api/acknowledge', method: 'POST', body: { rule: 'a', device: 'b' }, status: 400 },
  { path: '/api/acknowledge', method: 'POST', body: {}, user: 'viewer', status: 403 },
  { path: '/api/bans', status: 200 },
  { path: '/api/share', method: 'POST', body: share, status: 200 },
  { path: '/api/share', method: 'POST', body: {}, status: 400 },
  { path: '/api/share', method: 'POST', body: share, user: 'viewer', status: 403 },
  { path: '/api/shares', status: 200 },
  { path: '/api/shares', user: 'viewer', status: 403 },
  { path: '/api/unshare', method: 'POST', body: { id: 'none' }, status: 200 },
  { path: '/api/unshare', method: 'POST', body: {}, status: 400 },
  { path: '/api/unshare', method: 'POST', body: {}, user: 'viewer', status: 403 },
  { path: '/api/bans', user: 'viewer', status: 403 },
  { path: '/api/unban', method: 'POST', body: { what: 'user', who: 'guest' }, status: 200 },
  { path: '/api/unban', method: 'POST', body: {}, status: 400 },
  { path: '/api/unban', method: 'POST', body: {}, user: 'viewer', status: 403 },
  { path: '/api/publish', method: 'POST', body: message, status: 200 },
  { path: '/api/publish', method: 'POST', body: { topic: 'a' }, status: 400 },
  { path: '/api/check', method: 'POST', body: message, user: 'viewer', status: 200 },
  { path: '/api/check', method: 'POST', body: { topic: 'a' }, status: 400 },
  { path: '/api/publish', method: 'POST', body: message, user: 'viewer', status: 403 },
  { path: '/api/retained', status: 200 },
  { path: '/api/retained?limit=0', of: '/api/retained', status: 400 },
  { path: '/api/bus', status: 200 },
  { path: '/api/bridges', status: 200 },
  { path: '/api/upstreams', status: 200 },
  { path: '/api/security-log', status: 200 },
  { path: '/api/trace', status: 200 },
  { path: '/api/trace?kind=none', of: '/api/trace', status: 400 },
  { path: '/api/security-log?limit=0', of: '/api/security-log', status: 400 },
  { path: '/api/security-log', user: 'viewer', status: 403 },
  ...['/api/users', '/api/connections', '/api/about', '/api/limits', '/api/dialects'].flatMap(
    (path) => [
      { path, status: 200 },
      { path, user: 'viewer', status: 403 },
    ],
  ),
  ...changes.flatMap(([name, body]) => {
    const request = { path: `/api/${name}`, method: 'POST' as const }
    return [
      { ...request, body: {}, user: 'operator', status: 403 },
      { ...request, body: {}, status: 400 },
      { ...request, body, status: 200 },
      ...(ofTheFile.includes(name)
        ? [{ ...request, body: { ...body, user: 'away' }, status: 409 }]
        : []),
    ]
  }),
  { path: '/api/password', method: 'POST', body: {}, status: 400 },
  {
    path: '/api/password',
    method: 'POST',
    body: { old: 'wrong', new: 'another password' },
    user: 'viewer',
    status: 403,
  },
  {
    path: '/api/password',
    method: 'POST',
    body: { old: 'bigclown', new: 'another password' },
    user: 'viewer',
    status: 204,
  },
  { path: '/api/backup', method: 'POST', user: 'operator', status: 403 },
  { path: '/api/backup', method: 'POST', status: 409 },
]

t.test('the document has each path of the API, and says of each what it does', async (t) => {
  const { httpPort } = await startedHub(t)
  const url = `http://127.0.0.1:${httpPort}/api/openapi.json`
  const document: Document = Object(await (await fetch(url)).json())
  t.equal(document.openapi, '3.1.0')
  const documented = Object.keys(document.paths)
  for (const path of servedPaths()) {
    t.ok(
      documented.some((each) => each === path || each.startsWith(`${path}/{`)),
      path,
    )
  }
  const statuses = documented.flatMap((path) =>
    Object.entries(document.paths[path] ?? {}).flatMap(([method, { responses }]) =>
      Object.keys(responses).map((status) => `${method.toUpperCase()} ${path} ${status}`),
    ),
  )
  const tried = asked.map(
    ({ method = 'GET', path, of = path, status }) => `${method} ${of} ${status}`,
  )
  // Those of dialects, of a data folder, of an alarm and of several hubs are asked by the tests of theirs.
  const ofHubs = ['GET /api/hubs 200', 'GET /api/hubs 401']
  const others = [
    ...ofHubs,
    'POST /api/backup 200',
    'POST /api/acknowledge 200',
    'POST /api/add-user 409',
  ]
  const elsewhere = (line: string) => line.includes(dialect) || others.includes(line)
  t.same(statuses.filter((line) => !elsewhere(line)).sort(), [...new Set(tried)].sort())
})

/** A hub with nodes that obey, are away and are deaf, and users of all roles. */
async function hubOfAll(t: Test) {
  const viewer = { role: 'viewer', password: await hashPassword('bigclown') }
  const file = usersFile(t, JSON.stringify({ users: { viewer } }))
  const hub = await startedHub(t, {
    usersFile: file,
    users: {
      clown: { password: 'bigclown', role: 'admin' },
      operator: { password: 'bigclown', role: 'operator' },
      away: { password: 'bigclown', role: 'node', base: 'nodes/away/0' },
    },
    commands: { timeoutSeconds: 0.3 },
  })
  const { client } = await mqttTo(t, hub, { filter: `${relay}/set` })
  client.on('message', (_topic, payload) => client.publish(relay, payload))
  for (const [topic, payload] of [
    [relay, '{"state":false}'],
    ['nodes/bridge/0/-/-/config/ok', '{"sensors":[],"actuators":["relay/a"],"notifications":[]}'],
    ['nodes/deaf/0/relay/a', '{"state":false}'],
    ['nodes/deaf/0/relay/b', '{"state":false}'],
  ] as const) {
    await client.publishAsync(topic, payload, { qos: 1 })
  }
  return hub
}

t.test('what is documented is what the hub answers', async (t) => {
  const { httpPort } = await hubOfAll(t)
  const home = `http://127.0.0.1:${httpPort}`
  const document: Document = Object(await (await fetch(`${home}/api/openapi.json`)).json())
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema(document, 'hub')
  for (const { path, method = 'GET', body, user = 'clown', status, of = path } of asked) {
    const line = `${method} ${path} ${status}`
    const headers = { ...basic(user, 'bigclown'), 'Content-Type': 'application/json' }
    const leaving = new AbortController()
    const request = { method, headers, signal: leaving.signal }
    const sent = body === undefined ? request : { ...request, body: JSON.stringify(body) }
    const response = await fetch(home + path, sent)
    t.equal(response.status, status, line)
    const answer = document.paths[of]?.[method.toLowerCase()]?.responses[status]
    const [type] = Object.keys(answer?.content ?? {})
    if (type !== undefined) t.match(response.headers.get('content-type'), type, line)
    if (type === 'application/json') {
      const levels = [
        'paths',
        of,
        method.toLowerCase(),
        'responses',
        status,
        'content',
        type,
        'schema',
      ]
      const pointer = levels
        .map((level) => String(level).replaceAll('~', '~0').replaceAll('/', '~1'))
        .map(encodeURIComponent)
      const validate = ajv.compile({ $ref: `hub#/${pointer.join('/')}` })
      t.ok(validate(await response.json()), `${line}: ${ajv.errorsText(validate.errors)}`)
    }
    leaving.abort()
  }
})
