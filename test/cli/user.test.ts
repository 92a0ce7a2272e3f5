import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { verify } from '@node-rs/argon2'
import t from 'tap'
import { digestSecretOf } from '../../src/access/digest.ts'
import { readUsersFile } from '../../src/access/users-file.ts'
import { mosquittoHashes, usersFile } from '../access/users.ts'
import { ranLine } from './run-line.ts'

const oneAdmin = 'users:\n  admin: { role: admin }\n'

function userIn(file: string, name: string) {
  return readUsersFile(file).find((user) => user.name === name)
}

/** What stands after `word` in the lines. */
function shown(word: string, lines: readonly string[]): string {
  return lines.find((line) => line.startsWith(`${word}: `))?.slice(word.length + 2) ?? ''
}

t.test('a user is added with a generated password, shown once', async (t) => {
  const file = usersFile(t, oneAdmin)
  const { code, output } = await ranLine(`user add bob --role viewer --file ${file}`)
  t.equal(code, 0)
  t.equal(output[0], `bob is in ${file} now, viewer`)
  const password = shown('password', output)
  t.match(password, /^([a-z2-7]{5}-){3}[a-z2-7]{5}$/)
  const bob = userIn(file, 'bob')
  t.match(bob, { role: 'viewer', tokens: [] })
  t.ok(await verify(String(bob?.passwordHash), password))
  t.match((await ranLine(`user add eve --file ${file}`)).output, [/nothing is allowed until you/])
})

t.test('a user gets a role of the file, and the list shows what it allows', async (t) => {
  const roles = 'roles:\n  cleaner: { rules: [ { allow: [read], topic: rooms/# } ] }\n'
  const file = usersFile(t, `${roles}users:\n  ann: { role: viewer }\n`)
  const { output } = await ranLine(`user add eva --role cleaner --file ${file}`)
  t.equal(output[0], `eva is in ${file} now, cleaner`)
  t.match(userIn(file, 'eva'), { role: 'cleaner', roleRules: [{ allow: ['read'] }] })
  const refused = await ranLine(`user add max --role clener --file ${file}`)
  t.match(refused, {
    code: 1,
    errors: [
      /expected --role to be one of viewer, .*, cleaner, got "clener": did you mean "cleaner"/,
    ],
  })
  t.same((await ranLine(`user list --file ${file}`)).output, [
    'ann: viewer',
    'eva: cleaner, password',
    'role cleaner',
    '  read on rooms/#',
  ])
})

t.test('a password on standard input is taken, and not shown', async (t) => {
  const file = usersFile(t, oneAdmin)
  const given = { input: 'tr0ub4dor&3\n' }
  const added = await ranLine(`user add bob --role operator --stdin --file ${file}`, given)
  t.same(added.output, [`bob is in ${file} now, operator`])
  t.ok(await verify(String(userIn(file, 'bob')?.passwordHash), 'tr0ub4dor&3'))
  const changed = await ranLine(`user password bob --stdin --file ${file}`, { input: 'another 1' })
  t.same(changed.output, ['bob has another password now'])
  t.ok(await verify(String(userIn(file, 'bob')?.passwordHash), 'another 1'))
  t.equal(userIn(file, 'bob')?.role, 'operator')
  for (const input of ['', 'short', 'š'.repeat(129)]) {
    const refused = await ranLine(`user password bob --stdin --file ${file}`, { input })
    t.equal(refused.code, 1)
    t.match(refused.errors, [
      /expected a password of 8 characters to 256 bytes on standard input, got \d+ characters/,
    ])
  }
})

t.test('a node has a base, and the anonymous no password', async (t) => {
  const file = usersFile(t, oneAdmin)
  await ranLine(`user add bridge-0 --role node --base nodes/bridge/0 --file ${file}`)
  t.match(userIn(file, 'bridge-0'), { role: 'node', base: 'nodes/bridge/0' })
  t.same((await ranLine(`user add anonymous --role viewer --file ${file}`)).output, [
    `anonymous is in ${file} now, viewer`,
  ])
  const { created, ...anonymous } = userIn(file, 'anonymous') ?? {}
  t.match(created, /^\d{4}-\d\d-\d\dT.*Z$/)
  t.same(anonymous, { name: 'anonymous', role: 'viewer', rules: [], tokens: [] })
})

t.test('tokens are added to what a user has, each shown once', async (t) => {
  const file = usersFile(t, oneAdmin)
  const first = await ranLine(`user token admin --label kitchen --file ${file}`)
  const second = await ranLine(`user token admin --file ${file}`)
  const tokens = userIn(file, 'admin')?.tokens ?? []
  t.equal(tokens[0]?.name, 'kitchen')
  t.equal(tokens[1]?.name, tokens[1]?.created)
  for (const [index, { code, output }] of [first, second].entries()) {
    t.equal(code, 0)
    const token = shown('token', output)
    t.equal(tokens[index]?.sha256, createHash('sha256').update(token).digest('hex'))
  }
})

t.test('another password is generated and shown once', async (t) => {
  const file = usersFile(t, oneAdmin)
  const { code, output } = await ranLine(`user password admin --file ${file}`)
  t.equal(code, 0)
  t.ok(await verify(String(userIn(file, 'admin')?.passwordHash), shown('password', output)))
})

t.test('who wants to sign in by Digest gets a secret for that with each password', async (t) => {
  const file = usersFile(t, oneAdmin)
  const added = await ranLine(`user add bob --role viewer --digest --file ${file}`)
  const secret = () => userIn(file, 'bob')?.digestSecret
  t.equal(secret(), digestSecretOf('bob', shown('password', added.output)))
  const changed = await ranLine(`user password bob --file ${file}`)
  t.equal(secret(), digestSecretOf('bob', shown('password', changed.output)))
  t.match((await ranLine(`user list --file ${file}`)).output, ['admin: admin', /password, digest$/])
  await ranLine(`user password bob --no-digest --file ${file}`)
  t.equal(secret(), undefined)
  const given = { input: 'tr0ub4dor&3' }
  await ranLine(`user password bob --digest --stdin --file ${file}`, given)
  t.equal(secret(), digestSecretOf('bob', 'tr0ub4dor&3'))
  await ranLine(`user add anonymous --digest --role viewer --file ${file}`)
  t.equal(userIn(file, 'anonymous')?.digestSecret, undefined)
})

t.test('a kind of program comes with its rules, and further ones are added', async (t) => {
  const file = usersFile(t, oneAdmin)
  const added = await ranLine(
    `user add plug --kind tasmota --topic house/plug/ --allow read,write:x/# --deny read:{user}/# --file ${file}`,
  )
  t.equal(added.code, 0)
  t.same(added.output.slice(0, -2), [
    `plug is in ${file} now, with the rules of tasmota:`,
    '  write+retain on tasmota/discovery/#',
    '  read on cmnd/tasmotas/#',
    '  read+write on cmnd/house/plug/#',
    '  write+retain on stat/house/plug/#',
    '  write+retain on tele/house/plug/#',
    '  read+write+retain on house/plug/#',
    '  read+write on x/#',
    '  no read on {user}/#',
  ])
  const more = `user allow plug retain:x/# command:y/+/set --file ${file}`
  t.same((await ranLine(more)).output, ['plug: retain on x/#', 'plug: command on y/+/set'])
  t.same((await ranLine(more)).code, 0, 'the same again changes nothing')
  t.same((await ranLine(`user deny plug command:x/# --file ${file}`)).code, 0)
  t.same(userIn(file, 'plug')?.rules.slice(-3), [
    { allow: ['read', 'write', 'retain'], deny: ['command'], topic: 'x/#' },
    { deny: ['read'], topic: '{user}/#' },
    { allow: ['command'], topic: 'y/+/set' },
  ])
  t.match(readFileSync(file, 'utf8'), /\n {6}- allow: \[ read, write, retain \]\n/, 'on one line')
  await ranLine(`user allow admin read:z --file ${file}`)
  t.same(userIn(file, 'admin')?.rules, [{ allow: ['read'], topic: 'z' }])
  const one = await ranLine(`user add one --role viewer --allow command:a/set --file ${file}`)
  t.same(one.output.slice(0, 2), [
    `one is in ${file} now, viewer, with these rules:`,
    '  command on a/set',
  ])
})

t.test('rules that cannot be are answered with what was expected', async (t) => {
  const file = usersFile(t, oneAdmin)
  const wrong: Record<string, RegExp> = {
    'add a --kind tasmotta': /expected --kind to be one of tasmota, .*, node-red, got "tasmotta"$/,
    'add a --topic x': /expected --kind beside --topic; usage: clown-hub user add NAME/,
    'add a --kind esphome --topic +/x': /expected --topic to be what topics begin with.*"\+\/x"$/,
    'add a --allow reed:x':
      /expected --allow to be like read:home\/#, with read, write, command or/,
    'add a --deny read': /expected --deny to be like read:home\/#.*, got "read"$/,
    'allow admin read:a#': /expected a rule to be like read:home\/#.*, got "read:a#"$/,
    'allow admin': /expected a rule such as read:home\/#; usage: clown-hub user allow NAME/,
    'deny nobody read:a': /unknown user "nobody" in .*: known here: "admin"$/,
  }
  for (const [words, expected] of Object.entries(wrong)) {
    const { code, errors } = await ranLine(`user ${words} --file ${file}`)
    t.equal(code, 1, words)
    t.match(errors, [expected])
  }
  t.equal(readFileSync(file, 'utf8'), oneAdmin)
})

t.test('users are listed without their secrets, and removed', async (t) => {
  const file = usersFile(
    t,
    `users:
  bob: {}
  old: { role: viewer, password: ${mosquittoHashes.pw1} }
  wall: { role: viewer, rules: [{ allow: [command, write], topic: 'a/+/set' }, { deny: [read], topic: b/# }] }
`,
  )
  await ranLine(`user password bob --file ${file}`)
  await ranLine(`user token bob --label kitchen --file ${file}`)
  await ranLine(`user add n --role node --base nodes/1 --file ${file}`)
  t.same((await ranLine(`user list --file ${file}`)).output, [
    'bob: no role, password, token kitchen',
    'old: viewer, password (hashed by Mosquitto)',
    'wall: viewer',
    '  command+write on a/+/set',
    '  no read on b/#',
    'n: node, base nodes/1, password',
  ])
  t.same(await ranLine(`user remove bob --file ${file}`), {
    code: 0,
    output: [`bob is not in ${file} any more`],
    errors: [],
  })
  t.equal(userIn(file, 'bob'), undefined)
})

t.test('what cannot be done is said in one line, and changes nothing', async (t) => {
  const file = usersFile(t, oneAdmin)
  const wrong: Record<string, RegExp> = {
    'user add': /^clown-hub: expected the name of one user; usage: clown-hub user add NAME /,
    'user remove a b': /^clown-hub: expected the name of one user; usage: /,
    'user password': /^clown-hub: expected the name of one user; usage: /,
    'user token': /^clown-hub: expected the name of one user; usage: /,
    'user list a': /^clown-hub: Unexpected argument 'a'/,
    [`user add admin --file ${file}`]: /expected a new name, "admin" is in .*users\.yaml$/,
    [`user add bob --role root --file ${file}`]:
      /expected --role to be one of viewer, operator, admin, node, got "root"$/,
    [`user add bob --role node --file ${file}`]: /expected users\.bob to have "base", since its/,
    [`user add a:b --role viewer --file ${file}`]: /expected the key "a:b" of users to be 1 to 64/,
    [`user remove amdin --file ${file}`]: /unknown user "amdin" in .*: did you mean "admin"\?$/,
    [`user token bob --file ${file}`]: /unknown user "bob" in .*: known here: "admin"$/,
    [`user password bob --file ${file}`]: /unknown user "bob"/,
    'user list --file /absent':
      /expected the path of the users file to name a file, got "\/absent"/,
    'user list': /expected the path of the users file to name a file, got "users\.yaml": ENOENT/,
  }
  for (const [line, expected] of Object.entries(wrong)) {
    const { code, output, errors } = await ranLine(line)
    t.equal(code, 1, line)
    t.match(errors, [expected])
    t.same(output, [])
  }
  t.match(readUsersFile(file), [{ name: 'admin' }])
  await ranLine(`user remove admin --file ${file}`)
  t.match((await ranLine(`user remove admin --file ${file}`)).errors, [/: nobody is there yet$/])
})

t.test('a user gets the secret of an authenticator app, and loses it again', async (t) => {
  const file = usersFile(t, oneAdmin)
  t.match(await ranLine(`user totp admin --file ${file}`), {
    code: 1,
    errors: [/expected admin to have a password, beside which .*: clown-hub user password admin$/],
  })
  await ranLine(`user password admin --digest --file ${file}`)
  const { output } = await ranLine(`user totp admin --file ${file}`)
  const totp = shown('secret', output)
  t.equal(shown('uri', output), `otpauth://totp/Clown.Hub:admin?secret=${totp}&issuer=Clown.Hub`)
  t.match(userIn(file, 'admin'), { totp })
  t.equal(userIn(file, 'admin')?.digestSecret, undefined, 'no way around the code')
  t.same((await ranLine(`user list --file ${file}`)).output, ['admin: admin, password, code'])
  await ranLine(`user password admin --file ${file}`)
  t.match(userIn(file, 'admin'), { totp }, 'a new password leaves it')
  const removed = await ranLine(`user totp admin --remove --file ${file}`)
  t.same(removed.output, ['admin signs in without a code now'])
  t.equal(userIn(file, 'admin')?.totp, undefined)
  t.equal((await ranLine(`user totp eve --file ${file}`)).code, 1)
})

t.test('taking the code away leaves the rest', async (t) => {
  const file = usersFile(t, 'users:\n  ann: { digest: 0123456789abcdef0123456789abcdef }\n')
  await ranLine(`user totp ann --remove --file ${file}`)
  t.match(userIn(file, 'ann'), { digestSecret: '0123456789abcdef0123456789abcdef' })
})
