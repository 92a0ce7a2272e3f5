import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { ranLine } from './run-line.ts'

t.test('what is done to users, a configuration and a store is told as JSON', async (t) => {
  const folder = testFolder(t)
  const file = `--file ${join(folder, 'users.yaml')}`
  const [data, backup] = [join(folder, 'data'), join(folder, 'b')]
  const config = join(folder, 'clown-hub.yaml')
  const { close } = await startedHub(t, { data: { folder: data } })
  await close()
  const rule = { topic: 'a/#' }
  const secret = join(folder, 'secret.txt')
  writeFileSync(secret, 'bigclown', { mode: 0o600 })
  const attic = `upstream add clown-talk ws://attic.local/talk --user a --password-file ${secret}`
  const lines: [line: string, answer: object, code?: number][] = [
    [`init --dir ${folder}`, { files: [config, String], user: 'admin', password: String }],
    [`service print --config ${config}`, { unit: /^\[Unit\]/ }],
    [`service install --config ${config} --folder ${folder}`, { file: /clown-hub\.service$/ }],
    [`${attic} --config ${config}`, { name: 'attic', config, dialect: 'clown-talk' }],
    [`upstream remove attic --config ${config}`, { name: 'attic', config }],
    ['completion fish', { shell: 'fish', script: /^function/ }],
    [
      `user add ann --role operator --allow read:a/# ${file}`,
      { user: 'ann', role: 'operator', rules: [rule], password: String },
    ],
    [`user allow ann write:b ${file}`, { user: 'ann', added: [{ topic: 'b' }] }],
    [`user deny ann write:c ${file}`, { user: 'ann', added: [{ deny: ['write'], topic: 'c' }] }],
    [`user token ann --label phone ${file}`, { user: 'ann', label: 'phone', token: String }],
    [`user password ann --stdin ${file}`, { user: 'ann', password: undefined }],
    [`user totp ann ${file}`, { user: 'ann', code: true, uri: /^otpauth:/, secret: String }],
    [
      `user list ${file}`,
      {
        users: [{}, { name: 'ann', tokens: ['phone'], hasPassword: true, hasCode: true }],
        roles: {},
      },
    ],
    [`user totp ann --remove ${file}`, { user: 'ann', code: false }],
    [`acl test ann read a/b ${file}`, { allowed: true, reason: String }],
    [`acl test ann write c ${file}`, { allowed: false, reason: String }, 2],
    [`user remove ann ${file}`, { user: 'ann', removed: true }],
    [`check-config ${config}`, { file: config, warnings: [] }],
    [`backup --data ${data} ${backup}`, { file: backup, values: Number, source: data }],
    [`restore --data ${data}2 ${backup}`, { folder: `${data}2`, values: Number, keys: {} }],
    [`repair --data ${data}`, { folder: data, values: Number, bytes: Number, asideIn: String }],
    [`wipe --data ${data}2 --yes`, { folder: `${data}2`, removed: 1 }],
    [`backup --all ${backup} --config ${config}`, { file: backup, files: 3, source: data }],
    [`restore --all ${folder}/new ${backup}`, { folder: `${folder}/new`, paths: ['data'] }],
  ]
  for (const [line, answer, expected = 0] of lines) {
    const { code, output, errors } = await ranLine(`${line} --json`, { input: 'a long password' })
    t.same([code, errors, output.length], [expected, [], 1], line)
    t.match(JSON.parse(String(output[0])), answer, line)
  }
})

t.test('what is said to a hub is told as JSON, and what it refuses', async (t) => {
  const eve = { password: 'looks on', rules: [{ allow: ['read' as const], topic: 'a/#' }] }
  const users = { clown: { password: 'bigclown', role: 'admin' as const }, eve }
  const { httpPort } = await startedHub(t, { users })
  const url = `--url http://clown:bigclown@127.0.0.1:${httpPort}`
  const asEve = `--url http://eve:looks%20on@127.0.0.1:${httpPort}`
  const answers: [line: string, answer: object, code: number, errors: readonly RegExp[]][] = [
    [`pub a/b 1 ${url}`, { topic: 'a/b', published: 1 }, 0, []],
    [`pub a/b -l ${url}`, { topic: 'a/b', published: 2 }, 0, []],
    [`pub a/b -l ${asEve}`, { published: 0, refused: String }, 4, [/^refused: a\/b: /]],
  ]
  for (const [line, answer, code, errors] of answers) {
    const ran = await ranLine(`${line} --json`, { input: '{"state":true}\n2\n' })
    t.match(JSON.parse(String(ran.output[0])), answer, line)
    t.match(ran, { code, errors, output: { length: 1 } }, line)
  }
})

t.test('every command takes --json', async (t) => {
  const { output } = await ranLine('help')
  const names = output.flatMap((text) => /^ {2}([a-z-]+(?: [a-z]+)?) {2}/.exec(text)?.[1] ?? [])
  t.ok(names.length > 50)
  for (const name of names) {
    const told = await ranLine(`help ${name}`)
    t.match(told.output.join('\n'), '--json', name)
  }
})
