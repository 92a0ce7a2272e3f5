import { chmodSync, readFileSync, statSync } from 'node:fs'
import t from 'tap'
import { changeUser, readRoles, readUsersFile, replaceHashes } from '../../src/access/users-file.ts'
import { mosquittoHashes, someHash, usersFile } from './users.ts'

const token = { name: 'kitchen', sha256: 'a'.repeat(64), created: '2026-11-21T00:00:00Z' }

const commented = `# Who may sign in.
users:
  # The owner.
  admin:
    role: admin # all rights
    password: ${someHash}
  bridge-0:
    role: node
    base: nodes/bridge/0
    tokens:
      - name: kitchen
        sha256: ${token.sha256}
        created: ${token.created}
  anonymous:
    rules: [ { allow: [ read ], topic: 'nodes/#' } ]
`

t.test('users are read with their rights and hashes', async (t) => {
  t.same(readUsersFile(usersFile(t, commented)), [
    { name: 'admin', role: 'admin', rules: [], tokens: [], passwordHash: someHash },
    { name: 'bridge-0', role: 'node', base: 'nodes/bridge/0', rules: [], tokens: [token] },
    { name: 'anonymous', rules: [{ allow: ['read'], topic: 'nodes/#' }], tokens: [] },
  ])
})

t.test('a role of the file brings its rules to each who has it', async (t) => {
  const rules = [{ allow: ['read', 'command'], topic: 'rooms/#' }]
  const roles = { cleaner: { rules }, constructor: { rules: [] } }
  const users = { eva: { role: 'cleaner' }, max: { role: 'constructor' }, op: { role: 'operator' } }
  const path = usersFile(t, JSON.stringify({ roles, users }))
  t.same(readUsersFile(path), [
    { name: 'eva', role: 'cleaner', roleRules: rules, rules: [], tokens: [] },
    { name: 'max', role: 'constructor', roleRules: [], rules: [], tokens: [] },
    { name: 'op', role: 'operator', rules: [], tokens: [] },
  ])
  t.same(
    [...readRoles(path)],
    [
      ['cleaner', rules],
      ['constructor', []],
    ],
  )
})

t.test('a name is data, whatever it is', async (t) => {
  const path = usersFile(t, 'users: { __proto__: {}, constructor: { role: viewer }, 42: {} }')
  const names = readUsersFile(path).map(({ name }) => name)
  t.same(names.sort(), ['42', '__proto__', 'constructor'])
  changeUser(path, '__proto__', (before) => ({ ...before, role: 'viewer' }))
  changeUser(path, '42', () => undefined)
  changeUser(path, 'toString', (before) => {
    t.equal(before, undefined)
    return {}
  })
  t.same(
    readUsersFile(path).map(({ name, role }) => [name, role]),
    [
      ['__proto__', 'viewer'],
      ['constructor', 'viewer'],
      ['toString', undefined],
    ],
  )
})

t.test('a file that cannot be used is refused with its name and the way to mend it', async (t) => {
  const refused: [string, RegExp][] = [
    ['', /users\.yaml": expected the users file to be object, got null$/],
    ['{}', /expected the users file to have "users", for example \{"users":\{"wall-panel"/],
    ['users: []', /expected users to be object, got an array of 0$/],
    ['users: {}\nuser: {}', /unknown key "user": did you mean "users"\?$/],
    ['users: { bob: { rulez: [] } }', /unknown key "users\.bob\.rulez": did you mean "rules"\?$/],
    ['users: { bob: }', /expected users\.bob to be object, got null$/],
    [
      'users: { bob: { role: root } }',
      /expected users\.bob\.role to be one of viewer, operator, admin, node, got "root"$/,
    ],
    [
      'roles: { cleaner: { rules: [] } }\nusers: { bob: { role: cleanr } }',
      /to be one of viewer, operator, admin, node, cleaner, got "cleanr": did you mean "cleaner"\?$/,
    ],
    ['users: { bob: { role: toString } }', /node, got "toString"$/],
    [
      'roles: { admin: { rules: [] } }\nusers: {}',
      /expected roles\.admin to have another name: viewer, operator, admin and node|node are roles of/,
    ],
    ['roles: { a b: { rules: [] } }\nusers: {}', /1 to 64 letters, digits, dots, dashes and under/],
    ['roles: { a: {} }\nusers: {}', /expected roles\.a to have "rules"/],
    [
      'roles: { a: { rules: [{ allow: [all], topic: a }] } }\nusers: {}',
      /roles\.a\.rules\.0\.allow\.0 to be "read", "write", /,
    ],
    [
      'users: { bob: { role: node } }',
      /expected users\.bob to have "base", since its role is node/,
    ],
    ['users: { bob: { base: a } }', /expected users\.bob to have no "base", since its role is not/],
    [
      'users: { bob: { role: node, base: a/+ } }',
      /expected users\.bob\.base to be a topic without/,
    ],
    ['users: { bob: { rules: [{ allow: [all], topic: a }] } }', /allow\.0 to be "read", "write", /],
    ['users: { bob: { rules: [{ allow: [read], topic: a/#/b }] } }', /topic to be a filter, in wh/],
    ['users: { bob: { rules: [{ allow: [read], topic: a/x+ }] } }', /got "a\/x\+"$/],
    [
      'users: { bob: { rules: [{ allow: [read] }] } }',
      /rules\.0 to have at least 2 of "allow", "deny" and "topic", for example \{"allow"/,
    ],
    ['users: { bob: { rules: [{ topic: a }] } }', /rules\.0 to have at least 2 of "allow", "deny"/],
    [
      'users: { bob: { rules: [{ allow: [read], deny: [write] }] } }',
      /rules\.0 to have "topic", for example /,
    ],
    [`users: { anonymous: { password: ${someHash.replaceAll(',', ';')} } }`, /an argon2id hash/],
    [`users: { anonymous: { password: "${someHash}" } }`, /to have no password and no tokens/],
    ['users: {\n', /users\.yaml" line 2: /],
  ]
  for (const [text, message] of refused) {
    t.throws(() => readUsersFile(usersFile(t, text)), { code: 'bad-config', message }, text)
  }
  t.throws(() => readUsersFile('/absent/users.yaml'), {
    code: 'unreadable-file',
    message: /^expected the path of the users file to name a file, got "\/absent\/users\.yaml": /,
  })
})

t.test('what was written in place of a hash is never shown', async (t) => {
  for (const key of ['password: hunter2', 'tokens: [{ name: a, created: b, sha256: hunter2 }]']) {
    try {
      t.fail(JSON.stringify(readUsersFile(usersFile(t, `users: { bob: { ${key} } }`))))
    } catch (error) {
      t.match(error, { code: 'bad-config' })
      t.notMatch(String(error), 'hunter2')
    }
  }
})

t.test('a file that others can read is refused with the command that mends it', async (t) => {
  const path = usersFile(t, commented)
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(path, mode)
    t.throws(() => readUsersFile(path), {
      code: 'exposed-secret',
      message: new RegExp(`got mode 0${mode.toString(8)}: chmod 600 ${path}$`),
    })
  }
})

t.test('a change leaves all else as it is, comments too', async (t) => {
  const path = usersFile(t, commented)
  const otherHash = someHash.replace(/A$/, 'B')
  changeUser(path, 'admin', (before) => ({ ...before, password: otherHash }))
  t.equal(readFileSync(path, 'utf8'), commented.replace(someHash, otherHash))
  changeUser(path, 'bob', () => ({ role: 'viewer', tokens: [token] }))
  changeUser(path, 'anonymous', () => undefined)
  changeUser(path, 'bridge-0', ({ tokens, ...before } = {}) => before)
  t.equal(
    readFileSync(path, 'utf8'),
    `# Who may sign in.
users:
  # The owner.
  admin:
    role: admin # all rights
    password: ${otherHash}
  bridge-0:
    role: node
    base: nodes/bridge/0
  bob:
    role: viewer
    tokens:
      - name: kitchen
        sha256: ${token.sha256}
        created: ${token.created}
`,
  )
  t.equal(statSync(path).mode & 0o777, 0o600)
})

t.test('the last user can go, and the first one come', async (t) => {
  const path = usersFile(t, 'users:\n  bob: {}\n')
  changeUser(path, 'bob', () => undefined)
  t.same(readUsersFile(path), [])
  changeUser(path, 'eve', () => ({ role: 'viewer' }))
  t.equal(readFileSync(path, 'utf8'), 'users:\n  eve:\n    role: viewer\n')
})

t.test('a change that is refused leaves the file as it was', async (t) => {
  const path = usersFile(t, commented)
  t.throws(() => changeUser(path, 'bob', () => ({ role: 'node' })), {
    code: 'bad-config',
    message: /expected users\.bob to have "base"/,
  })
  t.throws(() => changeUser(path, 'a:b', () => ({})), {
    message: /expected the key "a:b" of users/,
  })
  const change = () => {
    throw new Error('no')
  }
  t.throws(() => changeUser(path, 'bob', change), { message: 'no' })
  t.equal(readFileSync(path, 'utf8'), commented)
})

t.test('what somebody else has written meanwhile is not undone', async (t) => {
  const path = usersFile(t, 'users: { bob: {}, eve: {} }')
  let calls = 0
  changeUser(path, 'bob', () => {
    if (++calls === 1) changeUser(path, 'eve', () => undefined)
    return { role: 'viewer' }
  })
  t.equal(calls, 2, 'it is done again on what is there now')
  t.same(
    readUsersFile(path).map(({ name, role }) => [name, role]),
    [['bob', 'viewer']],
  )
})

t.test('hashes are replaced where they are, and nothing else is', async (t) => {
  const { pw1, pw2, pw3 } = mosquittoHashes
  const other = someHash.replace('AAAA', 'BBBB')
  const text = (one: string, json: string, old: string) => `# ${pw1}
users:
  bob: { password: ${one} }
  eve:
    password: '${pw2}' # ${pw1}
  json: {"password": "${json}", "role": "viewer"}
  old: { password: "${old}" }
  new: { password: "${someHash}" }
`
  const path = usersFile(t, text(pw1, pw3, other))
  const { ino } = statSync(path)
  replaceHashes(path, new Map([[`${pw1}=`, someHash]]))
  t.equal(statSync(path).ino, ino, 'a file is not written when nothing is to be replaced')
  replaceHashes(
    path,
    new Map([
      [pw1, someHash],
      [pw3, someHash],
      [other, someHash],
    ]),
  )
  t.equal(readFileSync(path, 'utf8'), text(`"${someHash}"`, someHash, someHash))
  const after = readUsersFile(path).map(({ passwordHash }) => passwordHash)
  t.same(after, [someHash, pw2, someHash, someHash, someHash])
})
