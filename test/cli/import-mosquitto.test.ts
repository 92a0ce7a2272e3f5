import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import { readUsersFile } from '../../src/access/users-file.ts'
import { portOf } from '../../src/core/listen.ts'
import { mosquittoHashes } from '../access/users.ts'
import { createInbox } from '../inbox.ts'
import { publish, requireProgram, startMosquitto, subscribe } from '../programs.ts'
import { startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { ranLine, runLine } from './run-line.ts'

/** A folder of Mosquitto with two users, and where an import of it goes. */
function folders(t: Test) {
  const folder = testFolder(t)
  const dir = join(folder, 'mosquitto')
  mkdirSync(dir)
  writeFileSync(join(dir, 'mosquitto.conf'), 'listener 1883 127.0.0.1\npassword_file /x/passwd\n')
  writeFileSync(join(dir, 'passwd'), `bob:${mosquittoHashes.pw1}\neve:${mosquittoHashes.pw2}\n`)
  return { dir, to: join(folder, 'hub') }
}

t.test('a configuration and users are written that the hub understands', async (t) => {
  const { dir, to } = folders(t)
  const { code, output, errors } = await ranLine(`import mosquitto ${dir} --to ${to}`)
  t.same([code, errors], [0, []])
  t.same(output, [
    `${to}/clown-hub.yaml and ${to}/users.yaml are written: 2 users, 2 of them with the password they have`,
    `Next: clown-hub doctor ${to}/clown-hub.yaml, and then clown-hub run --config ${to}/clown-hub.yaml`,
  ])
  t.same(readUsersFile(`${to}/users.yaml`), [
    { name: 'bob', role: 'operator', rules: [], tokens: [], passwordHash: mosquittoHashes.pw1 },
    { name: 'eve', role: 'operator', rules: [], tokens: [], passwordHash: mosquittoHashes.pw2 },
  ])
  for (const name of ['clown-hub.yaml', 'users.yaml']) {
    t.equal(statSync(join(to, name)).mode & 0o777, 0o600, name)
  }
  t.equal((await ranLine(`check-config ${to}/clown-hub.yaml`)).code, 0)
})

t.test('what is there is not written over, unless that is wanted', async (t) => {
  const { dir, to } = folders(t)
  mkdirSync(to)
  writeFileSync(join(to, 'users.yaml'), 'mine', { mode: 0o600 })
  const { code, errors } = await ranLine(`import mosquitto ${dir} --to ${to}`)
  t.equal(code, 1)
  t.match(errors, [/expected no .*users\.yaml, and will not write over it: .* --to, or --force$/])
  t.equal(readFileSync(join(to, 'users.yaml'), 'utf8'), 'mine')
  t.notOk(existsSync(join(to, 'clown-hub.yaml')), 'neither file is written')
  t.equal((await ranLine(`import mosquitto ${dir} --to ${to} --force`)).code, 0)
  t.equal(readUsersFile(`${to}/users.yaml`).length, 2)
})

t.test('users are imported as far as they can be, and the rest is told', async (t) => {
  const { dir, to } = folders(t)
  const conf = 'listener 1\nallow_anonymous true\npassword_file passwd\nacl_file acl\n'
  writeFileSync(join(dir, 'mosquitto.conf'), conf)
  const passwords = [
    '# a comment',
    `bob:${mosquittoHashes.pw1}`,
    `bob:${mosquittoHashes.pw2}`,
    'plain:text',
    'none',
    '',
    `anonymous:${mosquittoHashes.pw1}`,
    `${'x'.repeat(300)}:${mosquittoHashes.pw1}`,
  ]
  writeFileSync(join(dir, 'passwd'), passwords.join('\n'))
  writeFileSync(join(dir, 'acl'), 'topic read a\nuser cn\ntopic b\npattern read $SYS/%u\n')
  const { code, output } = await ranLine(`import mosquitto ${dir} --to ${to}`)
  t.equal(code, 0)
  t.match(output, [
    /^What has no counterpart here/,
    /^ {2}acl:4: left out: what is told below \$ there/,
    /^ {2}passwd:3: a user is left out, since the name is there twice/,
    /^ {2}passwd:4: plain has no password hash and cannot sign in before clown-hub user password plain/,
    /^ {2}passwd:5: none has no password hash/,
    /^ {2}passwd:7: a user is left out, since the name anonymous stands for those who give none/,
    /^ {2}passwd:8: a user is left out, since the name is not one/,
    /^ {2}acl_file: cn has no password hash/,
    /5 users, 1 of them with the password they have/,
    /^Next: /,
  ])
  t.match(readUsersFile(`${to}/users.yaml`), [
    { name: 'bob', rules: { length: 0 }, passwordHash: mosquittoHashes.pw1 },
    { name: 'plain', passwordHash: undefined },
    { name: 'none', passwordHash: undefined },
    { name: 'cn', rules: [{ topic: 'b' }] },
    { name: 'anonymous', rules: [{ allow: ['read'], topic: 'a' }] },
  ])
})

t.test(
  'a Mosquitto that lets in whoever comes, and one that lets in nobody, are told',
  async (t) => {
    const { dir, to } = folders(t)
    writeFileSync(join(dir, 'mosquitto.conf'), 'listener 1 127.0.0.1\nallow_anonymous true\n')
    const open = await ranLine(`import mosquitto ${dir} --to ${to}`)
    t.match(open, {
      code: 0,
      output: [/no counterpart/, /no password_file: who gives a name there/],
    })
    t.match(readUsersFile(`${to}/users.yaml`), [{ name: 'anonymous', role: 'operator' }])
    writeFileSync(join(dir, 'mosquitto.conf'), 'listener 1\n')
    const closed = await ranLine(`import mosquitto ${dir} --to ${to} --force`)
    t.match(closed.output, [/no counterpart/, /no password_file: nobody may sign in before/])
    t.match(closed, { code: 1, errors: [/expected users or usersFile, since .* can be reached/] })
  },
)

t.test('a command line that says too little or too much is refused', async (t) => {
  for (const line of ['import mosquitto', 'import mosquitto a b', 'import mosquitto a --form x']) {
    const { code, errors } = await ranLine(line)
    t.match([code, errors], [1, [/usage: clown-hub import mosquitto \[DIR\]/]], line)
  }
  t.match(await ranLine('import'), { code: 1, errors: [/it is one of import mosquitto\./] })
  t.match(await ranLine('import mosquitto /nowhere'), {
    code: 1,
    errors: [/expected mosquitto\.conf to name a file, got "\/nowhere"/],
  })
})

/** Retains a value for each topic. */
async function retain(port: number, values: Record<string, string>): Promise<void> {
  for (const [topic, payload] of Object.entries(values)) {
    await publish({ port, topic, payload, qos: 2, retain: true })
  }
}

const withoutLimits = { environment: { CLOWN_LIMITS_RETAINED_VALUE_BYTES: '100' } }

t.test('retained values are copied and counted, without commands', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const { dir, to } = folders(t)
  const { port } = await startMosquitto(t)
  const values = { 'a/b': '1', 'a/c': 'ü'.repeat(30), 'one two': ' x ' }
  const long = 'x'.repeat(1025)
  await retain(port, { ...values, 'relay/0/set': 'on', big: 'x'.repeat(101), [long]: 'x' })
  const line = `import mosquitto ${dir} --from mqtt://127.0.0.1:${port} --to ${to}`
  const { code, output, errors } = await ranLine(`${line} --json`, withoutLimits)
  t.equal(code, 0)
  t.match(
    output.map((text) => JSON.parse(text)),
    [
      {
        config: `${to}/clown-hub.yaml`,
        users: 2,
        retained: { kept: 3, command: 1, 'bad-topic': 1, 'too-much': 1, isWhole: true },
      },
    ],
  )
  t.match(errors.slice(-4), [
    `3 retained values are in ${to}/data`,
    '  1 were left out: they are commands, which are never retained',
    '  1 were left out: they are on topics that break the rules of the hub',
    '  1 were left out: they are past limits.retained',
  ])

  const further = `import mosquitto --from mqtt://127.0.0.1:${port} --to ${to}`
  const interrupted = runLine(`${further} --force`, withoutLimits)
  interrupted.stop()
  t.equal(await interrupted.code, 130)
  t.match(interrupted.errors.items, [
    /^interrupted: a part of the retained values is in .*; --force/,
  ])
  const refused = await ranLine(further, withoutLimits)
  t.match(refused, {
    code: 1,
    errors: [/expected no retained values in .*\/hub\/data, got 3: --force/],
  })
  await retain(port, { 'a/b': 'changed' })
  t.match(await ranLine(`${further} --force`, withoutLimits), { code: 0 })

  const users = { anonymous: { role: 'viewer' } } as const
  const hub = await startedHub(t, { users, data: { folder: `${to}/data` } })
  const told = await subscribe(t, { port: hub.mqttPort, filter: '#', format: '%r %q %t %p' })
  await told.next((text) => text.includes('one two'))
  await told.next((text) => text.includes('a/c'))
  t.same([...told.items].sort(), ['1 1 a/b changed', `1 1 a/c ${values['a/c']}`, '1 1 one two  x '])
  t.match(
    await ranLine(further),
    { code: 1, errors: [/another/] },
    'a hub that runs has the folder',
  )
})

t.test('values that a broker left out are missed', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const { dir, to } = folders(t)
  const { port } = await startMosquitto(t, { config: ['max_queued_messages 1', 'sys_interval 1'] })
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`)
  const count = 400
  const payload = Buffer.alloc(100_000, 'x')
  for (let at = 0; at < count; at++) {
    await client.publishAsync(`t/${at}`, payload, { qos: 1, retain: true })
  }
  const counts = createInbox<number>()
  client.on('message', (_topic, said) => counts.put(Number(said)))
  await client.subscribeAsync('$SYS/broker/retained messages/count')
  await counts.next((said) => said >= count)
  await client.endAsync()
  const line = `import mosquitto ${dir} --from mqtt://127.0.0.1:${port} --to ${to}`
  const { code, output } = await ranLine(line, {
    environment: {
      CLOWN_LIMITS_RETAINED_VALUE_BYTES: '200000',
      CLOWN_LIMITS_RETAINED_TOTAL_BYTES: '100000000',
    },
  })
  t.match(output[2], /^expected 400 retained values, got \d+: .*"max_queued_messages 0" there/)
  t.equal(code, 1)
})

t.test('a broker that shows no $SYS does not say how many there are', async (t) => {
  const { dir, to } = folders(t)
  const users = { clown: { password: 'bigclown', role: 'operator' as const } }
  const hub = await startedHub(t, { users })
  const client = await connectAsync(`mqtt://clown:bigclown@127.0.0.1:${hub.mqttPort}`)
  const topics = Array.from({ length: 1000 }, (_, at) => `t/${at}`)
  await Promise.all(
    topics.map((topic) => client.publishAsync(topic, '1', { qos: 1, retain: true })),
  )
  // A house goes on meanwhile.
  const house = setInterval(() => client.publish('t/0', '2'), 100)
  mkdirSync(to)
  writeFileSync(join(to, 'clown-hub.yaml'), 'log: { level: info }')
  const file = join(dir, 'password')
  writeFileSync(file, 'bigclown\n', { mode: 0o600 })
  const from = `--from mqtt://clown@127.0.0.1:${hub.mqttPort} --password-file ${file}`
  const { code, output } = await ranLine(`import mosquitto ${from} --to ${to}`)
  clearInterval(house)
  await client.endAsync()
  t.equal(code, 0)
  t.match(output, [
    `1000 retained values are in ${to}/data`,
    /^the broker does not say how many it retains, and may have left out some: /,
    /^Next: /,
  ])
})

t.test('a broker that cannot be reached keeps everything from being written', async (t) => {
  const { dir, to } = folders(t)
  const line = `import mosquitto ${dir} --from mqtt://127.0.0.1:1 --to ${to}`
  t.match(await ranLine(line), { code: 1, errors: [/expected an MQTT broker at .*:1, got nobody/] })
  t.notOk(existsSync(to))
})

t.test('a connection that ends meanwhile is an error', async (t) => {
  const { dir, to } = folders(t)
  const server = createServer((socket) => {
    // CONNACK, and the end when something is subscribed to.
    socket.once('data', () => {
      socket.write(Buffer.from([0x20, 2, 0, 0]))
      socket.once('data', () => socket.destroy())
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const line = `import mosquitto ${dir} --from mqtt://127.0.0.1:${portOf(server)} --to ${to}`
  t.match(await ranLine(line), { code: 1, errors: [/expected an MQTT broker at .*, got /] })
})

t.test('values have no place where nothing is kept', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const { dir, to } = folders(t)
  const { port } = await startMosquitto(t)
  writeFileSync(join(dir, 'mosquitto.conf'), 'persistence false\npassword_file passwd\n')
  const line = `import mosquitto ${dir} --from mqtt://127.0.0.1:${port} --to ${to}`
  t.match(await ranLine(line), { code: 1, errors: [/got data\.folder "": name one/] })
})
