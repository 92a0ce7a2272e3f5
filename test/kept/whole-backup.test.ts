import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import { ranLine, runLine } from '../cli/run-line.ts'
import { createInbox } from '../inbox.ts'
import { startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

/** A hub that runs as `clown-hub run` has it, with the ports it listens on. */
async function runIn(t: Test, folder: string, environment: Record<string, string>) {
  const running = runLine(`run --config ${folder}/clown-hub.yaml`, { environment })
  const listens = await running.output.next((line) => line.startsWith('Clown.Hub listens'))
  const [, http = '', mqtt = ''] = /HTTP port (\d+), MQTT port (\d+)/.exec(listens) ?? []
  const end = async () => {
    running.stop()
    await running.code
  }
  t.teardown(end)
  return { http, mqtt, end }
}

t.test('restored on an empty machine, a board that was away goes on where it was', async (t) => {
  const root = testFolder(t, { elsewhere: {} })
  writeFileSync(join(root, 'elsewhere/smtp-password'), 'x', { mode: 0o600 })
  writeFileSync(join(root, 'passphrase'), 'a long one\n', { mode: 0o600 })
  const [first, second, file] = [join(root, 'first'), join(root, 'second'), join(root, 'b.backup')]
  const passphrase = `--passphrase-file ${root}/passphrase`
  mkdirSync(first)
  await ranLine(`init --tls --host hub.test --dir ${first}`)
  await ranLine(`user add board --role admin --stdin --file ${first}/users.yaml`, {
    input: 'pw of it',
  })
  const any = {
    CLOWN_HTTP_PORT: '0',
    CLOWN_MQTT_PORT: '0',
    CLOWN_TLS_HTTP_PORT: '0',
    CLOWN_TLS_MQTT_PORT: '0',
    CLOWN_LOG_LEVEL: 'silent',
  }
  const extra = `\ntimeZone: UTC\nnotify: { targets: { mail: { smtp: { host: mail.test, from: a@b.test, to: [c@d.test], user: u, passwordFile: ${root}/elsewhere/smtp-password } } }, rules: [] }\n`
  writeFileSync(
    join(first, 'clown-hub.yaml'),
    readFileSync(join(first, 'clown-hub.yaml'), 'utf8') + extra,
  )
  const hub = await runIn(t, first, any)
  const board = { username: 'board', password: 'pw of it', clientId: 'board', clean: false }
  const connect = async (port: string) => {
    const messages = createInbox<string>()
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { ...board, reconnectPeriod: 0 })
    client.on('message', (topic, payload) => messages.put(`${topic} ${payload}`))
    return { client, messages }
  }
  const { client } = await connect(hub.mqtt)
  await client.subscribeAsync('a/#', { qos: 1 })
  await client.publishAsync('kept', 'x', { qos: 1, retain: true })
  await client.endAsync(true)
  const other = await connectAsync(`mqtt://127.0.0.1:${hub.mqtt}`, { ...board, clientId: 'other' })
  await other.publishAsync('a/missed', 'y', { qos: 1 })
  await other.endAsync()

  const url = `--url http://board:pw%20of%20it@127.0.0.1:${hub.http}`
  const saved = await ranLine(
    `backup --all ${file} --config ${first}/clown-hub.yaml ${passphrase} ${url}`,
  )
  t.match(saved, {
    code: 0,
    errors: [],
    output: [/b\.backup has \d files: .*clown-hub\.yaml, what it names, and the hub at/],
  })
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.notMatch(readFileSync(file, 'latin1').slice(100), /usersFile|passwordHash|missed/)
  await hub.end()

  const restored = await ranLine(`restore --all ${second} ${file} ${passphrase}`)
  t.match(restored, {
    code: 0,
    errors: [],
    output: [/second has \d files/, /^what was not in the folder.*: cp -a .*elsewhere\/\. \/$/],
  })
  for (const name of ['clown-hub.yaml', 'users.yaml', 'tls.key', 'tls.crt']) {
    t.same(readFileSync(join(second, name)), readFileSync(join(first, name)), name)
    t.equal(statSync(join(second, name)).mode, statSync(join(first, name)).mode, name)
  }
  t.equal(readFileSync(join(second, 'elsewhere', root, 'elsewhere/smtp-password'), 'utf8'), 'x')
  const again = await runIn(t, second, any)
  const back = await connect(again.mqtt)
  t.equal(await back.messages.next(), 'a/missed y', 'its session is there, and what it missed')
  await back.client.subscribeAsync('kept')
  t.equal(await back.messages.next(), 'kept x')
  await back.client.endAsync()
})

t.test(
  'a wrong passphrase, a damaged file and a folder in use are one sentence each',
  async (t) => {
    const root = testFolder(t, { full: { x: '' }, odd: 'something else' })
    const write = (name: string, text: string | Buffer) => {
      writeFileSync(join(root, name), text, { mode: 0o600 })
      return join(root, name)
    }
    const [right, wrong] = [write('right', 'right'), write('wrong', 'wrong')]
    write('users.yaml', 'users: {}\n')
    const config = write(
      'clown-hub.yaml',
      'users: { clown: { password: bigclown, role: admin } }\n',
    )
    const hub = await startedHub(t, { data: { folder: join(root, 'data') } })
    await hub.close()
    const file = join(root, 'b')
    t.match(await ranLine(`backup --all ${file} --config ${config}`, { input: 'right\n' }), {
      code: 0,
    })
    const bytes = readFileSync(file)
    const damaged = Buffer.from(bytes)
    damaged.writeUInt8(1 ^ damaged.readUInt8(500), 500)
    const newer = Buffer.from(String(bytes).replace('Archive":1', 'Archive":2'))
    const opened = 'expected the passphrase of the backup, and all of it'
    const to = join(root, 'to')
    const lines: [string, string][] = [
      [`restore --all ${to} ${file} --passphrase-file ${wrong}`, opened],
      [`restore --all ${to} ${write('damaged', damaged)} --passphrase-file ${right}`, opened],
      [
        `restore --all ${to} ${write('cut', bytes.subarray(0, -100))} --passphrase-file ${right}`,
        opened,
      ],
      [
        `restore --all ${to} ${write('newer', newer)} --passphrase-file ${right}`,
        'one that a newer Clown.Hub wrote',
      ],
      [`restore --all ${to} ${root}/odd --passphrase-file ${right}`, 'got something else'],
      [`restore --all ${to} ${root}/none --passphrase-file ${right}`, 'expected to read'],
      [
        `restore --all ${root}/full ${file} --passphrase-file ${right}`,
        'to be empty or not there", got 1 files'.replace('"', ''),
      ],
      [
        `restore --all ${root}/odd/x ${file} --passphrase-file ${right}`,
        'expected to write the folder',
      ],
      [`restore --all ${to}`, 'usage: clown-hub restore'],
      [`restore --all ${to} ${file}`, 'expected a passphrase on standard input, got none'],
    ]
    for (const [line, sentence] of lines) {
      const { code, errors } = await ranLine(line)
      t.equal(code, 1, line)
      t.ok(errors.join().includes(sentence), errors.join())
    }
    t.notOk(readdirSync(root).includes('to') || readdirSync(root).includes('to.restoring'))
    for (const line of [`backup --all ${file} --config ${config}`, `restore --all ${to} ${file}`]) {
      t.equal((await ranLine(line, { input: '\u0003' })).code, 130, 'asked, and not told')
      const { code, stop, errors } = runLine(`${line} --passphrase-file ${right}`)
      stop()
      t.equal(await code, 130)
      t.match(errors.items, [/^interrupted: /])
    }
    const late = runLine(`restore --all ${to} ${file} --passphrase-file ${right}`)
    await late.progress.next((text) => text === '1 files')
    late.stop()
    t.equal(await late.code, 130)
    t.notOk(readdirSync(root).some((name) => name.startsWith('to')))
    t.same(readFileSync(file), bytes)
    t.match(await ranLine(`restore --all ${to} ${file}`, { input: 'right' }), { code: 0 })
  },
)

t.test(
  'each night a hub saves all of itself, makes up for what it missed, and keeps some',
  async (t) => {
    const root = testFolder(t)
    const [folder, passphraseFile] = [join(root, 'backups'), join(root, 'passphrase')]
    const backup = { folder, passphraseFile, keep: 2 }
    await t.rejects(startedHub(t, { backup }), { code: 'unreadable-file' })
    writeFileSync(passphraseFile, 'x', { mode: 0o600 })
    const securityFile = join(root, 'security.ndjson')
    const config = { backup, data: { folder: join(root, 'data') }, log: { securityFile } }
    const started = async () => {
      const hub = await startedHub(t, config)
      return { hub, saved: () => hub.log.next(({ msg }) => msg === 'all of the hub is saved') }
    }
    mkdirSync(folder)
    const old = ['clown-hub-2026-01-01T0300.backup', 'clown-hub-2026-01-02T0300.backup']
    for (const name of ['mine', ...old]) {
      writeFileSync(join(folder, name), '')
      utimesSync(join(folder, name), 1, 1)
    }
    const first = await started()
    const { file } = await first.saved()
    t.same(readdirSync(folder).length, 3, 'two of its own, and one that is not')
    t.notOk(readdirSync(folder).includes(String(old[0])))
    await first.hub.close()
    const restored = join(root, 'restored')
    t.match(
      await ranLine(`restore --all ${restored} ${file} --passphrase-file ${passphraseFile}`),
      { code: 0 },
    )
    const second = await started()
    await second.hub.close()
    t.notOk(
      second.hub.log.items.some(({ msg }) => msg === 'all of the hub is saved'),
      'not twice',
    )

    const nowhere = { ...backup, folder: join(passphraseFile, 'x') }
    const failing = await startedHub(t, { backup: nowhere })
    t.match(await failing.log.next(({ kind }) => kind === 'backups-failed'), { reason: /ENOTDIR/ })
    const ofMemory = { backup: { ...backup, folder: join(root, 'm') }, log: config.log }
    const inMemory = await startedHub(t, ofMemory)
    t.match(await inMemory.log.next(({ msg }) => msg === 'all of the hub is saved'), { files: 1 })
    const cut = await startedHub(t, {
      backup: { ...backup, folder: join(root, 'c') },
      data: config.data,
    })
    await cut.close()
    t.same(readdirSync(join(root, 'c')), [], 'one that ends meanwhile leaves nothing')
  },
)
