import t from 'tap'
import { usersFile, writePrivate } from '../access/users.ts'
import { ranLine } from './run-line.ts'

const users = `roles:
  cleaner: { rules: [ { allow: [command], topic: rooms/# }, { deny: [command], topic: rooms/attic/# } ] }
users:
  wanda: { role: cleaner }
  op: { role: operator }
  panel:
    role: viewer
    rules:
      - { allow: [command], topic: 'of/{user}/{client}/set' }
  some: { rules: [ { allow: [read], topic: nodes/# } ] }
  guest: { role: operator, rules: [ { deny: [read, command], topic: nodes/attic/# } ] }
`

t.test('it says whether something is allowed, and which rule decides', async (t) => {
  const file = usersFile(t, users)
  const cases: Record<string, [code: number, line: string]> = {
    'wanda command rooms/hall/set': [0, 'allowed: role cleaner allows command on rooms/#'],
    'wanda command rooms/attic/set': [2, 'denied: role cleaner denies command on rooms/attic/#'],
    'op command a/set': [0, 'allowed: role operator allows command on #'],
    'op write a/set': [0, 'allowed: role operator allows command on #'],
    'op write a': [0, 'allowed: role operator allows write on #'],
    'op retain a': [0, 'allowed: role operator allows retain on #'],
    'panel retain a': [2, 'denied: no rule allows retain on a'],
    'op read $SYS/x': [2, 'denied: no rule allows read on $SYS/x'],
    'panel write a': [2, 'denied: no rule allows write on a'],
    'panel command of/panel/tab/set --client tab': [
      0,
      'allowed: the rule for of/{user}/{client}/set allows command on of/panel/tab/set',
    ],
    'panel command of/panel/tab/set': [2, 'denied: no rule allows command on of/panel/tab/set'],
    'some read nodes/+/x': [0, 'allowed: the rule for nodes/# allows read on nodes/#'],
    'some read #': [
      0,
      'allowed: the rule for nodes/# allows read on nodes/#, which is not all of #',
    ],
    'some read house/#': [2, 'denied: no rule allows read on house/#'],
    'guest command nodes/attic/relay/0/set': [
      2,
      'denied: the rule for nodes/attic/# denies command on nodes/attic/#',
    ],
    'guest write nodes/attic/x': [0, 'allowed: role operator allows write on #'],
    'guest read nodes/attic/+': [
      2,
      'denied: the rule for nodes/attic/# denies read on nodes/attic/#',
    ],
    'guest read #': [
      0,
      'allowed: role operator allows read on #, but the rule for nodes/attic/# denies read on nodes/attic/#',
    ],
  }
  for (const [words, [code, line]] of Object.entries(cases)) {
    const ran = await ranLine(`acl test ${words} --file ${file}`)
    t.same(ran, { code, output: [line], errors: [] }, words)
  }
})

t.test('it looks at the users of a configuration, its variables and its file', async (t) => {
  const usersPath = usersFile(t, users)
  const config = usersPath.replace('users.yaml', 'hub.yaml')
  writePrivate(config, `usersFile: ${usersPath}\nusers: { in: { password: x, role: viewer } }\n`)
  const environment = { CLOWN_USERS_VAR_PASSWORD: 'x', CLOWN_USERS_VAR_ROLE: 'viewer' }
  for (const name of ['op', 'in', 'var']) {
    const { code } = await ranLine(`acl test ${name} read a --config ${config}`, { environment })
    t.equal(code, 0, name)
  }
})

t.test('what is asked wrongly is no answer: exit code 1', async (t) => {
  const file = usersFile(t, users)
  const nobody = file.replace('users.yaml', 'nobody.yaml')
  writePrivate(nobody, 'users: {}')
  const wrong: Record<string, RegExp> = {
    [`--file ${file}`]: /expected a user; usage: clown-hub acl test USER ACTION TOPIC/,
    [`op --file ${file}`]: /expected an action; usage/,
    [`op read --file ${file}`]: /expected a topic; usage/,
    [`op read a b --file ${file}`]: /expected one topic; usage/,
    [`po read a --file ${file}`]: /unknown user "po": did you mean "op"\?/,
    [`eve read a --file ${file}`]:
      /unknown user "eve": known here: "wanda", "op", "panel", "some", "guest"$/,
    [`po read a --file ${nobody}`]: /unknown user "po": nobody is there yet$/,
    [`op see a --file ${file}`]: /expected an action \(read, write, command, retain\), got "see"/,
    [`op command a --file ${file}`]: /expected a topic that ends in \/set for command, got "a"/,
    [`op write a/+ --file ${file}`]: /expected a topic with no wildcard/,
    [`op read a#/b --file ${file}`]: /expected a topic with wildcards as whole levels/,
    'op read a': /expected clown-hub\.yaml in this folder/,
  }
  for (const [words, expected] of Object.entries(wrong)) {
    const { code, output, errors } = await ranLine(`acl test ${words}`)
    t.equal(code, 1, words)
    t.match(errors, [expected])
    t.same(output, [])
  }
})
