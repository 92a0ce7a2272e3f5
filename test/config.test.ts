import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { applyEnvironment, type ConfigInput, checkConfig, readConfig } from '../src/config.ts'
import { HubError } from '../src/core/errors.ts'
import { testFolder } from './test-folder.ts'

const users = { clown: { password: 'bigclown' } }

t.test('defaults fill in what is not written', async (t) => {
  t.match(checkConfig({ users }), {
    http: { host: '127.0.0.1', port: 8080, hosts: [] },
    mqtt: { host: '127.0.0.1', port: 1883 },
    limits: { topic: { bytes: 1024, levels: 201 }, mqtt: { qos2Window: 20 } },
    users: { clown: { password: 'bigclown' } },
    log: { level: 'info' },
  })
  const { http, mqtt } = checkConfig({ users, http: { port: 0 }, mqtt: undefined })
  t.same([http.host, http.port, mqtt.port], ['127.0.0.1', 0, 1883])
})

t.test(
  'a key of the release before is accepted, with a warning that says the new one',
  async (t) => {
    const read = (limits: object, environment = {}) => {
      const folder = testFolder(t, { 'hub.yaml': JSON.stringify({ limits }) })
      const told: string[] = []
      const config = readConfig(join(folder, 'hub.yaml'), environment, (line) => told.push(line))
      return [config.limits.memory.mib, ...told]
    }
    const renamed = 'is called limits.memory.mib now, and is an error in the next release'
    const shed = `limits.process.memoryShedMiB ${renamed}`
    t.same(read({ process: { memoryShedMiB: 700 } }), [700, shed])
    t.same(read({ memory: { mib: 600 }, process: { memoryShedMiB: 700 } }), [600, shed])
    t.same(read({ memory: { mib: 600 }, process: { memoryRefuseMiB: 9 } }), [
      600,
      'limits.process.memoryRefuseMiB has no effect any more, and is an error in the next release: it is three quarters of limits.memory.mib',
    ])
    t.same(read({ memory: { mib: 600 }, topic: { levelBytes: 64 } }), [
      600,
      'limits.topic.levelBytes has no effect any more, and is an error in the next release: limits.topic.bytes is for the whole topic',
    ])
    const { length } = read({ websocket: { fragments: 64, bufferedChunks: 2048 } })
    t.equal(length, 3, 'a sentence for each')
    const variables = { CLOWN_LIMITS_PROCESS_MEMORY_SHED_MI_B: '800' }
    const told =
      'CLOWN_LIMITS_PROCESS_MEMORY_SHED_MI_B is called CLOWN_LIMITS_MEMORY_MIB now, and is an error in the next release'
    t.same(read({ process: { memoryShedMiB: 700 } }, variables), [800, shed, told])
    t.same(read({}, { ...variables, CLOWN_LIMITS_MEMORY_MIB: '900' }), [900, told])
    const old: object = { users, limits: { process: { memoryShedMiB: 500 } } }
    t.equal(checkConfig(old).limits.memory.mib, 500)
  },
)

t.test('the result is frozen to its depth, and the input stays as it was', async (t) => {
  const hosts = ['hub.example.org']
  const input: ConfigInput = { users, http: { hosts } }
  const before = structuredClone(input)
  const config = checkConfig(input)
  t.same(input, before)
  t.notOk(Object.isFrozen(hosts))
  for (const part of [config, config.http, config.http.hosts, config.users['clown']]) {
    t.ok(Object.isFrozen(part))
  }
})

t.test('a password comes from a file, without one line break at its end', async (t) => {
  const files = { unix: 'secret\n', dos: 'secret\r\n', two: 'secret\n\n', none: '' }
  const folder = testFolder(t, files)
  for (const file of Object.keys(files)) chmodSync(join(folder, file), 0o600)
  const passwordFrom = (file: string) =>
    checkConfig({ users: { clown: { passwordFile: join(folder, file) } } }).users['clown']
  t.same(passwordFrom('unix'), { password: 'secret' })
  t.same(passwordFrom('dos'), { password: 'secret' })
  t.same(passwordFrom('two'), { password: 'secret\n' })
  t.throws(() => passwordFrom('none'), {
    code: 'bad-config',
    message:
      'expected users.clown.password to have at least 1 characters, got a string that is not shown',
  })
  t.throws(() => passwordFrom('absent'), {
    code: 'unreadable-file',
    message:
      /^expected users\.clown\.passwordFile to name a file, got ".*absent": ENOENT: no such file or directory$/,
  })
})

t.test('a configuration that breaks the schema is refused with the way to mend it', async (t) => {
  const refused: [unknown, string][] = [
    [null, 'expected the configuration to be object, got null'],
    [undefined, 'expected the configuration to be object, got null'],
    [[], 'expected the configuration to be object, got an array of 0'],
    [{ users, http: { prot: 1 } }, 'unknown key "http.prot": did you mean "port"?'],
    [{ users, htp: {} }, 'unknown key "htp": did you mean "http"?'],
    [
      { users, http: { tls: true } },
      'unknown key "http.tls": known here: "host", "port", "hosts", "origins", "trustProxy", "userHeader", "pathPrefix" and "ingress"',
    ],
    [{ users, http: { port: '80' } }, 'expected http.port to be integer, got "80"'],
    [{ users, http: { port: 65536 } }, 'expected http.port to be <= 65535, got 65536'],
    [
      { users, http: { hosts: ['a:80'] } },
      'expected http.hosts.0 to be a host name without a port, got "a:80"',
    ],
    [
      { users, log: { level: 'loud' } },
      'expected log.level to be "trace", "debug", "info", "warn", "error", "fatal" or "silent", got "loud"',
    ],
    [
      { users: { clown: { password: 'a', passwordFile: 'b' } } },
      'expected users.clown to have "password" or "passwordFile", got both',
    ],
    [
      { users: { clown: { password: undefined } } },
      'expected users.clown to have "password" or "passwordFile", got neither',
    ],
    [
      { users, dialects: [{ dialect: 'deconz' }] },
      'expected dialects.0 to have either a port or a path, got neither',
    ],
    [
      { users, dialects: [{ dialect: 'deconz', port: 1, path: '/x' }] },
      'expected dialects.0 to have either a port or a path, got both',
    ],
    [
      { users: { a: { password: 'x' } }, timeZone: 'Europe/Praha' },
      'expected timeZone to be a zone such as "Europe/Prague", got "Europe/Praha"',
    ],
    [
      { users: { 'a:b': { password: 'x' } } },
      'expected the key "a:b" of users to be 1 to 64 bytes in UTF-8, without colons, control characters, and format characters, which nobody sees',
    ],
    [
      { users: { 'a\n': { password: 'x' } } },
      'expected the key "a\\n" of users to be 1 to 64 bytes in UTF-8, without colons, control characters, and format characters, which nobody sees',
    ],
    [
      { users: { ['x'.repeat(65)]: { password: 'x' } } },
      `expected the key "${'x'.repeat(40)}…" of users to have at most 64 characters`,
    ],
  ]
  for (const [input, message] of refused) {
    t.throws(() => checkConfig(input), { code: 'bad-config', message }, message)
  }
})

t.test('a password is never part of a message', async (t) => {
  const inputs = [
    { users: 'hunter2' },
    { users: { clown: 'hunter2' } },
    { users: { clown: { password: ['hunter2'] } } },
    { users: { clown: { password: 'hunter2'.repeat(40) } } },
    { users: { clown: { pasword: 'hunter2' } } },
  ]
  for (const input of inputs) {
    try {
      t.fail(JSON.stringify(checkConfig(input)))
    } catch (error) {
      t.match(error, { code: 'bad-config' })
      t.notMatch(String(error), 'hunter2')
    }
  }
})

t.test('a password that YAML stumbles over is not part of a message either', async (t) => {
  for (const start of ['!', '!x!', '!<', '|', '"\\', '*', '&a *', '%', '{', '"']) {
    const file = join(
      testFolder(t, { 'hub.yaml': `users: {}\npassword: ${start}hunter2!` }),
      'hub.yaml',
    )
    try {
      t.fail(JSON.stringify(readConfig(file, {})))
    } catch (error) {
      t.match(error, { code: 'bad-config' })
      t.notMatch(String(error), 'unter2', start)
    }
  }
})

t.test('keys named as parts of every object are data, and pollute nothing', async (t) => {
  const text = '{"__proto__":{"password":"p"},"constructor":{"password":"c"}}'
  const { users: named } = checkConfig({ users: JSON.parse(text) })
  t.same(Object.keys(named), ['__proto__', 'constructor'])
  t.same(Object.values(named), [{ password: 'p' }, { password: 'c' }])
  t.equal(checkConfig({ users }).users['constructor'], undefined)
  const file = testFolder(t, { yaml: 'users: {a: {password: b}}\n__proto__: {http: {port: 1}}' })
  t.throws(() => readConfig(join(file, 'yaml'), {}), { message: /unknown key "__proto__"/ })
  const overridden = applyEnvironment({}, { CLOWN_USERS___PROTO___PASSWORD: 'x' })
  t.same(Object.keys(checkConfig(overridden).users), ['__proto__'])
  t.equal(Object.getOwnPropertyDescriptor(Object.prototype, 'password'), undefined)
})

t.test('what JSON cannot say is refused', async (t) => {
  const circle: { users?: unknown } = {}
  circle.users = circle
  t.throws(() => checkConfig(circle), {
    code: 'bad-config',
    message: /^expected what JSON can say: .*$/,
  })
  t.throws(() => checkConfig({ users: 1n }), { code: 'bad-config' })
})

t.test('any JSON becomes a configuration or a HubError in one line', async (t) => {
  const key = fc.constantFrom('http', 'mqtt', 'users', 'log', 'port', 'password', '__proto__', 'x')
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<unknown>(null, 0, 8080, '', 'info', [], {}),
      fc.dictionary(key, tie('tree')),
    ),
  }))
  const inputs = fc.oneof(
    fc.jsonValue(),
    tree,
    fc.record({ users: fc.constant(users), http: tree }),
  )
  const isSettled = (input: unknown) => {
    try {
      return Object.isFrozen(checkConfig(input).users)
    } catch (error) {
      return error instanceof HubError && !error.message.includes('\n')
    }
  }
  t.doesNotThrow(() => fc.assert(fc.property(inputs, isSettled)))
})

t.test('a file of YAML or JSON is read, then the environment, then checked', async (t) => {
  const folder = testFolder(t, {
    'hub.yaml':
      '# the hub\nhttp:\n  port: 1\nusers:\n  clown: { password: bigclown }\n  42: { password: "x" }\n',
    'hub.json': '{"users": {"clown": {"password": "bigclown"}}}',
    'empty.yaml': '',
  })
  for (const file of ['hub.yaml', 'hub.json']) chmodSync(join(folder, file), 0o600)
  const config = readConfig(join(folder, 'hub.yaml'), { CLOWN_HTTP_HOST: '0.0.0.0' })
  t.match(config, { http: { host: '0.0.0.0', port: 1 }, mqtt: { port: 1883 } })
  t.same(Object.keys(config.users).sort(), ['42', 'clown'])
  t.match(readConfig(join(folder, 'hub.json'), {}), { users })
  const environment = { CLOWN_USERS_CLOWN_PASSWORD: 'bigclown' }
  t.match(readConfig(join(folder, 'empty.yaml'), environment), { users })
})

t.test('relative paths start at the folder of the file, those of variables do not', async (t) => {
  const folder = testFolder(t, {
    'users.yaml': 'users: {}',
    'other.yaml': 'users: {}',
    password: 'bigclown',
    'hub.yaml': `
usersFile: users.yaml
users: { clown: { passwordFile: ./password }, eve: { passwordFile: ${JSON.stringify('/dev/null')} } }
data: { folder: data/../store }
tls: { certFile: tls.crt, keyFile: keys/tls.key }
`,
    'empty.yaml': 'data: { folder: "" }',
    'odd.yaml': 'usersFile: [1]\ntls: 2',
  })
  for (const name of ['users.yaml', 'password']) chmodSync(join(folder, name), 0o600)
  const config = readConfig(join(folder, 'hub.yaml'), { CLOWN_USERS_EVE_PASSWORD: 'x' })
  t.match(config, {
    usersFile: join(folder, 'users.yaml'),
    data: { folder: join(folder, 'store') },
    tls: { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'keys/tls.key') },
    users: { clown: { password: 'bigclown' } },
  })
  const environment = {
    CLOWN_USERS_EVE_PASSWORD: 'x',
    CLOWN_DATA_FOLDER: 'data',
    CLOWN_TLS_CERT_FILE: 'tls.crt',
  }
  t.match(readConfig(join(folder, 'hub.yaml'), environment), {
    data: { folder: 'data' },
    tls: { certFile: 'tls.crt', keyFile: join(folder, 'keys/tls.key') },
  })
  t.equal(readConfig(join(folder, 'empty.yaml'), {}).data.folder, '', 'empty is no path')
  t.throws(() => readConfig(join(folder, 'odd.yaml'), {}), /expected tls to be object, got 2/)
})

t.test('a file that cannot be used is refused in one line with its name', async (t) => {
  const refused: [string, RegExp][] = [
    ['users: {}\nhttp: [\n', /\.yaml" line 3: /],
    ['a: 1\na: 2\n', /\.yaml" line 2: Map keys must be unique$/],
    ['users:\n\t- a', /\.yaml" line 2: Tabs are not allowed/],
    ['a: !secret x', /\.yaml" line 1: Unresolved tag$/],
    ['a: 1\n---\nb: 2', /\.yaml" line 2: .*multiple documents/],
    ['? [a]\n: 1', /\.yaml" line 1: With stringKeys, all keys must be strings$/],
    ['a: &x 1\nb: *x', /\.yaml": expected no aliases: put a text that starts with \* in quotes$/],
    ['http: {host: "0.0.0.0"}', /\.yaml": expected users or usersFile, since 0\.0\.0\.0 can /],
    ['users: {a: {password: b}}\nhttp: {prot: 1}', /\.yaml": unknown key "http\.prot": did you/],
  ]
  for (const [text, message] of refused) {
    const file = join(testFolder(t, { 'hub.yaml': text }), 'hub.yaml')
    t.throws(() => readConfig(file, {}), { code: 'bad-config', message }, text)
    t.throws(() => readConfig(file, {}), { message: /^.*$/ }, 'one line')
  }
  t.throws(() => readConfig('/absent/hub.yaml', {}), {
    code: 'unreadable-file',
    message:
      'expected the path of the configuration to name a file, got "/absent/hub.yaml": ENOENT: no such file or directory',
  })
})

t.test('what belongs to a broker of our own has no place beside another one', async (t) => {
  const bus = { url: 'mqtt://127.0.0.1' }
  for (const [more, message] of [
    [{ mqtt: { port: 1 } }, /expected no mqtt beside bus: the broker mqtt:\/\/127\.0\.0\.1 has/],
    [{ limits: { sessions: { count: 1 } } }, /expected no limits\.sessions beside bus/],
    [{ bus: { ...bus, filters: ['a/#', 'b', 'a/+'] } }, /in common, got "a\/#" and "a\/\+"/],
    [{ bus: { ...bus, filters: ['a#'] } }, /expected bus\.filters\.0 to be a filter, got "a#"/],
    [{ bus: { ...bus, passwordFile: '/none' } }, /expected bus\.passwordFile to name a file/],
    [{ bus: { url: 'mqtt://me:secret@host' } }, /bus\.url/],
  ] as const) {
    t.throws(() => checkConfig({ bus, ...more }), { message })
  }
  const complete = checkConfig({ bus: { ...bus, filters: ['a/#', 'b/#'] } })
  t.match(complete.bus, { filters: ['a/#', 'b/#'] })
  t.same(checkConfig(complete), complete, 'its own defaults are nobody’s word')
})

t.test(
  'other systems have topics of their own, and passwords in files that are there',
  async (t) => {
    const attic = { dialect: 'clown-talk', url: 'ws://attic.local:8080/talk' }
    const check = (more: object) => () => checkConfig({ users, ...more })
    t.throws(check({ profiles: { prefix: 'upstreams/a' } }), {
      message: 'expected profiles.prefix to be no topic of other systems, got "upstreams/a"',
    })
    t.throws(check({ upstreams: { attic: { ...attic, passwordFile: '/nowhere/password' } } }), {
      code: 'unreadable-file',
    })
    t.throws(check({ upstreams: { attic: { ...attic, url: 'ws://clown:bigclown@attic/talk' } } }), {
      code: 'bad-config',
    })
    t.throws(check({ upstreams: { z: { dialect: 'deconz', url: 'ws://z' } } }), {
      message: 'expected upstreams.z.url of a deconz to begin with http://, got "ws://z"',
    })
    t.throws(check({ upstreams: { z: { dialect: 'deconz', url: 'http://z' } } }), {
      message: 'expected upstreams.z.keyFile with the key of a deconz, got none',
    })
    t.same(checkConfig({ users, upstreams: { attic } }).upstreams, { attic })
  },
)
