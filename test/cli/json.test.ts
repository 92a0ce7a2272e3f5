import { join } from 'node:path'
import t from 'tap'
import { startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { ranLine } from './run-line.ts'

t.test('what is done to users, a configuration and a store is told as JSON', async (t) => {
  const folder = testFolder(t)
  const file = `--file ${join(folder, 'users.yaml')}`
  const [data, backup] = [join(folder, 'data'), join(folder, 'b')]
  await ranLine(`init --dir ${folder}`)
  const config = join(folder, 'clown-hub.yaml')
  const { close } = await startedHub(t, { data: { folder: data } })
  await close()
  const rule = { topic: 'a/#' }
  const lines: [line: string, answer: object, code?: number][] = [
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
