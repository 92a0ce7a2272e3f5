import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { applyEnvironment, checkConfig } from '../src/config.ts'
import { testFolder } from './test-folder.ts'

const users = { clown: { password: 'bigclown' } }

t.test('variables override the places their names lead to', async (t) => {
  const input = Object.freeze({ users, http: Object.freeze({ port: 1, host: '::1' }), log: null })
  const output = applyEnvironment(input, {
    CLOWN_HTTP_PORT: '9090',
    CLOWN_HTTP_HOSTS: 'a.example, b.example,',
    CLOWN_LOG_LEVEL: 'debug',
    CLOWN_USERS_NODE_RED_PASSWORD: '12345',
    CLOWN_MQTT_HOST: undefined,
    // What Kubernetes sets for a service called clown-hub.
    CLOWN_HUB_PORT: 'tcp://10.0.0.1:8080',
    HOME: '/',
  })
  t.same(output, {
    users: { ...users, node_red: { password: '12345' } },
    http: { port: 9090, host: '::1', hosts: ['a.example', 'b.example'] },
    log: { level: 'debug' },
  })
  t.same(checkConfig(output).http.port, 9090)
  t.same(applyEnvironment({ users }, { CLOWN_HTTP_HOSTS: '' }), { users, http: { hosts: [] } })
})

t.test('each variable may also name a file that holds its value', async (t) => {
  const folder = testFolder(t, { port: '9090\n', password: 'secret\n' })
  chmodSync(join(folder, 'password'), 0o600)
  const environment = {
    CLOWN_HTTP_PORT_FILE: join(folder, 'port'),
    CLOWN_USERS_CLOWN_PASSWORD_FILE: join(folder, 'password'),
  }
  t.same(applyEnvironment({}, environment), {
    http: { port: 9090 },
    users: { clown: { password: 'secret' } },
  })
  chmodSync(join(folder, 'password'), 0o644)
  t.throws(() => applyEnvironment({}, environment), { code: 'exposed-secret' })
  t.throws(() => applyEnvironment({}, { CLOWN_HTTP_PORT_FILE: join(folder, 'absent') }), {
    code: 'unreadable-file',
    message: /^expected CLOWN_HTTP_PORT_FILE to name a file, got /,
  })
})

t.test('a password from a variable takes the place of a passwordFile', async (t) => {
  const input = { users: { clown: { passwordFile: '/absent' } } }
  const output = applyEnvironment(input, { CLOWN_USERS_CLOWN_PASSWORD: 'x' })
  t.same(output, { users: { clown: { password: 'x' } } })
})

t.test('a user has rights from variables, and users a file of their own', async (t) => {
  const output = applyEnvironment(
    {},
    {
      CLOWN_USERS_FILE: '/etc/clown-hub/users.yaml',
      CLOWN_USERS_FILE_ROLE: 'viewer',
      CLOWN_USERS_NODE_7_BASE: 'nodes/bridge/7',
    },
  )
  t.same(output, {
    usersFile: '/etc/clown-hub/users.yaml',
    users: { file: { role: 'viewer' }, node_7: { base: 'nodes/bridge/7' } },
  })
  t.throws(() => applyEnvironment({}, { CLOWN_USERS_BOB_RULES: 'read' }), {
    message: /^unknown variable "CLOWN_USERS_BOB_RULES": did you mean CLOWN_USERS_/,
  })
})

t.test('a value of the wrong kind on the way is left for the check to name', async (t) => {
  for (const http of [5, 'x', [1]]) {
    const output = applyEnvironment({ users, http }, { CLOWN_HTTP_PORT: '1' })
    t.same(output, { users, http })
    t.throws(() => checkConfig(output), { message: /^expected http to be object, got / })
  }
})

t.test('a variable that fits nothing, or does not fit, is refused by its name', async (t) => {
  const refused: [Record<string, string>, string][] = [
    [{ CLOWN_HTTP_PROT: '1' }, 'unknown variable "CLOWN_HTTP_PROT": did you mean CLOWN_HTTP_PORT?'],
    [{ CLOWN_HTTP: '1' }, 'unknown variable "CLOWN_HTTP": did you mean CLOWN_HTTP_HOST?'],
    [
      { CLOWN_LOG_LEVL_FILE: '/x' },
      'unknown variable "CLOWN_LOG_LEVL_FILE": did you mean CLOWN_LOG_LEVEL?',
    ],
    [
      { CLOWN_USERS_BOB_PASWORD: 'x' },
      'unknown variable "CLOWN_USERS_BOB_PASWORD": did you mean CLOWN_USERS_<NAME>_PASSWORD?',
    ],
    [{ CLOWN_HTTP_PORT: 'abc' }, 'expected CLOWN_HTTP_PORT to be integer, got "abc"'],
    [{ CLOWN_HTTP_PORT: '' }, 'expected CLOWN_HTTP_PORT to be integer, got ""'],
    [{ CLOWN_HTTP_PORT: '99999' }, 'expected CLOWN_HTTP_PORT to be <= 65535, got 99999'],
    [{ CLOWN_HTTP_PORT: '1e999' }, 'expected CLOWN_HTTP_PORT to be integer, got "1e999"'],
    [
      { CLOWN_HTTP_HOSTS: 'a, b c' },
      'expected CLOWN_HTTP_HOSTS to be a host name without a port, got "b c"',
    ],
    [
      { CLOWN_LIMITS_CONNECTIONS_EXEMPT_LOOPBACK: 'yes' },
      'expected CLOWN_LIMITS_CONNECTIONS_EXEMPT_LOOPBACK to be boolean, got "yes"',
    ],
    [
      { CLOWN_USERS_BOB_PASSWORD: 'x'.repeat(257) },
      'expected CLOWN_USERS_BOB_PASSWORD to have at most 256 characters, got a string that is not shown',
    ],
    [
      { CLOWN_USERS_BOB_PASSWORD: 'x', CLOWN_USERS_bob_PASSWORD: 'y' },
      'expected CLOWN_USERS_BOB_PASSWORD or CLOWN_USERS_bob_PASSWORD, got both: remove one',
    ],
  ]
  for (const [environment, message] of refused) {
    t.throws(() => checkConfig({}, environment), { code: 'bad-config', message }, message)
  }
})
