import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkConfig, readConfig } from '../../src/config.ts'
import { testFolder } from '../test-folder.ts'

const users = { clown: { password: 'bigclown' } }

t.test('a file with a password in it is for its owner only', async (t) => {
  const folder = testFolder(t, {
    'inline.yaml': 'users: { clown: { password: bigclown } }',
    'plain.yaml': 'http: { port: 0 }',
    password: 'bigclown',
  })
  const path = (name: string) => join(folder, name)
  const environment = { CLOWN_USERS_CLOWN_PASSWORD: 'bigclown' }
  chmodSync(path('inline.yaml'), 0o644)
  t.throws(() => readConfig(path('inline.yaml'), environment), {
    code: 'exposed-secret',
    message: /got mode 0644: chmod 600 .*inline\.yaml$/,
  })
  t.match(readConfig(path('plain.yaml'), environment), { users })
  chmodSync(path('password'), 0o640)
  t.throws(() => checkConfig({ users: { clown: { passwordFile: path('password') } } }), {
    code: 'exposed-secret',
    message: /got mode 0640/,
  })
})

t.test('users may have rights, and anonymous has nothing else', async (t) => {
  const rules = [{ allow: ['read'], topic: 'nodes/{user}/#' }] as const
  const given = {
    clown: { password: 'bigclown', role: 'operator', rules },
    bridge: { password: 'x', role: 'node', base: 'nodes/bridge/0' },
    anonymous: { rules },
  } as const
  t.same(checkConfig({ users: given }).users, given)
  const refused: [unknown, string][] = [
    [
      { bridge: { password: 'x', role: 'node' } },
      'expected users.bridge to have "base", since its role is node, for example "nodes/bridge/0"',
    ],
    [
      { anonymous: { password: 'x' } },
      'expected users.anonymous to have no password and no tokens: it stands for all who give none',
    ],
    [
      { clown: { password: 'x', role: 'boss' } },
      'expected users.clown.role to be "viewer", "operator", "admin" or "node", got "boss"',
    ],
    [
      { clown: { password: 'x', rules: [{ allow: ['read'], topic: 'x{user}' }] } },
      'expected users.clown.rules.0.topic to be a filter, in which {user} and {client} may stand for whole levels, got "x{user}"',
    ],
  ]
  for (const [users, message] of refused) {
    t.throws(() => checkConfig({ users }), { code: 'bad-config', message }, message)
  }
})

t.test('users may come from a file of their own, which is read for its faults', async (t) => {
  const folder = testFolder(t, {
    'users.yaml': 'users: { bob: { role: viewer } }',
    'none.yaml': 'users: {}',
    'bad.yaml': 'users: { bob: { rol: viewer } }',
  })
  const usersFile = join(folder, 'users.yaml')
  for (const name of ['users.yaml', 'none.yaml', 'bad.yaml']) chmodSync(join(folder, name), 0o600)
  t.same(checkConfig({ usersFile }).usersFile, usersFile)
  t.throws(() => checkConfig({ usersFile: join(folder, 'bad.yaml') }), {
    message: /bad\.yaml": unknown key "users\.bob\.rol": did you mean "role"\?/,
  })
  t.throws(() => checkConfig({ usersFile: join(folder, 'absent') }), { code: 'unreadable-file' })
  t.throws(() => checkConfig({ usersFile, users: { bob: { password: 'x' } } }), {
    code: 'bad-config',
    message: 'expected users.bob in the configuration or in the users file, got both: remove one',
  })

  const open = { http: { host: '0.0.0.0' } }
  t.doesNotThrow(() => checkConfig({ ...open, usersFile }))
  t.throws(() => checkConfig({ ...open, usersFile: join(folder, 'none.yaml') }), {
    code: 'bad-config',
  })
})

t.test('without users a hub listens on loopback only', async (t) => {
  for (const host of ['127.0.0.1', '::1', 'localhost']) {
    t.doesNotThrow(() => checkConfig({ http: { host }, mqtt: { host } }), host)
  }
  for (const host of ['0.0.0.0', '::', 'hub.example.org']) {
    const message = `expected users or usersFile, since ${host} can be reached from other machines: "clown-hub run" lets you make a first user`
    t.throws(() => checkConfig({ http: { host } }), { code: 'bad-config', message })
    t.throws(() => checkConfig({ mqtt: { host } }), { code: 'bad-config', message })
    t.doesNotThrow(() => checkConfig({ mqtt: { host }, users }))
  }
})
