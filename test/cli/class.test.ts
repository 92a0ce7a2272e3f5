import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import t from 'tap'
import { readUsersFile } from '../../src/access/users-file.ts'
import { writePrivate } from '../access/users.ts'
import { mqttTo, startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { answeringHub, listening } from './answering-hub.ts'
import { ranLine, runLine } from './run-line.ts'

const list = '\uFEFFName;User\r\nAnn "Nová";\r\n"Bob";robert\r\n\r\n'

t.test('a class has its users, bases, boards and simulated nodes, and is taken back', async (t) => {
  const folder = testFolder(t)
  const [file, sheet] = [join(folder, 'users.yaml'), join(folder, 'sheet.html')]
  writePrivate(file, 'users: {}\n')
  const teaching = `user add teacher --role admin --stdin --file ${file}`
  await ranLine(teaching, { input: 'a long password' })
  writeFileSync(join(folder, 'list.csv'), list)
  const add = `class add ${join(folder, 'list.csv')} --file ${file} --sheet ${sheet}`
  const added = await ranLine(`${add} --hub http://school.local:8080 --json`)
  t.same([added.code, added.errors], [0, []])
  const { students } = JSON.parse(String(added.output[0]))
  t.match(students, [
    { name: 'Ann "Nová"', user: 'ann-nova', base: 'nodes/ann-nova', password: String },
    { name: 'Bob', user: 'robert', board: { base: 'nodes/robert/0', token: /^ch_/ } },
  ])
  t.match(await ranLine(add), {
    code: 0,
    output: [/^0 students are in/, 'there already, and left as they were: ann-nova, robert'],
  })

  writeFileSync(join(folder, 'late.csv'), 'Cyd\n')
  const late = `class add ${join(folder, 'late.csv')} --file ${file} --sheet -`
  t.match(await ranLine(late), { output: ['<!doctype html>'], errors: [/^1 students are in/] })

  await t.test('each on a sheet that only its owner may read', async (t) => {
    const page = readFileSync(sheet, 'utf8')
    const [{ password, board }] = students
    for (const text of [password, board.token, '<svg', 'Ann &#34;Nová&#34;', 'school.local']) {
      t.ok(page.includes(text), text)
    }
    t.equal(page.split('<article>').length, 3)
    t.equal(statSync(sheet).mode & 0o777, 0o600)
    t.equal(statSync(join(folder, 'class.json')).mode & 0o777, 0o600)
  })

  const hub = await startedHub(t, { users: {}, usersFile: file })
  const [{ user, password, base, board }] = students
  const url = `mqtt://127.0.0.1:${hub.mqttPort}`
  const teacher = `--url http://teacher:a%20long%20password@127.0.0.1:${hub.httpPort}`
  const student = { httpPort: hub.httpPort, mqttPort: hub.mqttPort }
  const { client } = await mqttTo(t, student, { username: user, password, protocolVersion: 5 })
  const nodes = runLine(`class simulate --broker ${url} --file ${file}`)
  t.match(await nodes.output.next(), /^3 simulated nodes are there/)
  const asStudent = `--url http://${user}:${password}@127.0.0.1:${hub.httpPort}`

  await t.test('where everybody has what is theirs, and nothing else', async (t) => {
    const set = await ranLine(`set relay/i2c0-3b on --base ${base}/1 ${asStudent}`)
    t.equal(set.code, 0, set.errors.join())
    await t.rejects(client.publishAsync('nodes/robert/0/relay/a/set', '{}', { qos: 1 }))
    const told = { username: board.user, password: board.token }
    const real = await connectAsync(url, told)
    await real.publishAsync(`${base}/0/thermometer/0`, '{"temperature":[21.5,"℃"]}', { qos: 1 })
    const seen = await ranLine(`get thermometer/0 --base ${base}/0 ${asStudent}`)
    t.match(seen.output, ['{"temperature":[21.5,"℃"]}'])
    await real.endAsync()
  })

  await t.test('who is frozen looks on, and goes on later', async (t) => {
    const changed = () => hub.log.next(({ event }) => event === 'users-changed')
    const freeze = `class freeze ${user} --file ${file}`
    const seen = changed()
    t.same((await ranLine(freeze)).output, ['ann-nova may only look on now'])
    await seen
    const refused = await ranLine(`pub ${base}/1/note x ${asStudent}`)
    t.match(refused, { code: 4, errors: [/denies write/] })
    const again = changed()
    t.same((await ranLine(`${freeze} --off`)).output, ['ann-nova may go on'])
    await again
    t.equal((await ranLine(`pub ${base}/1/note x ${asStudent}`)).code, 0)
    const [, ann] = readUsersFile(file)
    t.same(ann?.rules, [{ allow: ['read', 'write', 'command', 'retain'], topic: `${base}/#` }])
    t.match((await ranLine(`class freeze nobody --file ${file}`)).errors, [/unknown user "nobody"/])
    t.match((await ranLine(`class freeze --file ${file}`)).errors, [/expected the name of a stude/])
  })

  await t.test('what was left is taken back, and the accounts stay', async (t) => {
    nodes.stop()
    t.equal(await nodes.code, 0)
    const stranger = await ranLine(`class reset nobody ${teacher}`)
    t.match(stranger.errors, [/expected a student of the hub, got "nobody"/])
    const reset = await ranLine(`class reset ${user} --json ${teacher}`)
    t.match(JSON.parse(String(reset.output[0])), { students: [user], commands: 1, sessions: 1 })
    t.equal((await ranLine(`get thermometer/0 --base ${base}/0 ${asStudent}`)).code, 1)
    t.match((await ranLine(`class reset ${teacher}`)).output, [/^taken back from 3 students: /])
    t.match((await ranLine(`class reset ${asStudent}`)).errors, [/the hub refuses: /])
    const authorization = `Basic ${Buffer.from('teacher:a long password').toString('base64')}`
    const nobody = await fetch(`http://127.0.0.1:${hub.httpPort}/api/forget`, {
      method: 'POST',
      body: '{"reports":"nobody"}',
      headers: { authorization, 'content-type': 'application/json' },
    })
    t.match([nobody.status, await nobody.json()], [404, { code: 'unknown-user' }])
    const stopped = runLine(`class reset ${teacher}`)
    stopped.stop()
    t.equal(await stopped.code, 130)
  })
})

t.test('a list that makes no class is refused in one sentence', async (t) => {
  const folder = testFolder(t)
  const file = join(folder, 'users.yaml')
  writePrivate(file, 'users: {}\n')
  const add = `class add ${join(folder, 'list.csv')} --file ${file}`
  for (const [text, reason] of [
    ['name\n', /got nobody$/],
    ['', /got nobody$/],
    ['Ann\nann\n', /got "ann" for a second time$/],
    ['!?\n', /of which each makes another user, got "!\?"$/],
  ] as const) {
    writeFileSync(join(folder, 'list.csv'), text)
    t.match(await ranLine(add), { code: 1, errors: [reason] })
  }
  writePrivate(join(folder, 'class.json'), '[1]')
  t.match((await ranLine(`class simulate --file ${file}`)).errors, [/expected a list of simulated/])
})

t.test('a hub that refuses in between, or is not waited for, is told', async (t) => {
  const users = [{ user: 'a' }, { user: 'a-board', base: 'nodes/a/0' }]
  const { url } = await answeringHub(t, { status: 200, body: { users, reason: 'not now' } })
  t.match((await ranLine(`class reset --url ${url}`)).errors, [/the hub refuses: not now$/])
  let stop = () => {}
  const server = createServer((request, response) => {
    if (request.method === 'POST') stop()
    else response.end(JSON.stringify({ users }))
  })
  const port = await listening(t, server)
  const running = runLine(`class reset --url http://a:b@127.0.0.1:${port}`)
  stop = running.stop
  t.equal(await running.code, 130)
})
