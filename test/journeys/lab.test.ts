import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { writePrivate } from '../access/users.ts'
import { testCertificate } from '../certificates.ts'
import { createInbox, type Inbox } from '../inbox.ts'
import { publish, requireProgram } from '../programs.ts'
import { startLab, startProgram } from './started-lab.ts'

const clown = { user: 'clown', password: 'bigclown' }

/** What a person at a terminal takes for at once, and what a busy machine still keeps. */
const soonMs = { mostly: 2000, always: 5000 }

/** Runs a command line as a user types it in a shell, and gives the lines it prints. */
function type(t: Test, command: string): { lines: Inbox<string>; say(line: string): void } {
  // Into a pipe, mosquitto_sub would hold its lines back; stdbuf has it write each at once.
  const child = spawn('sh', ['-c', `exec stdbuf -oL ${command}`], { detached: true })
  t.teardown(() => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid)
  })
  const lines = createInbox<string>()
  createInterface({ input: child.stdout }).on('line', lines.put)
  return { lines, say: (line) => child.stdin.write(`${line}\n`) }
}

t.test('the three printed commands work as printed', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const lab = await startLab(t)
  t.ok(lab.output.items.length <= 10, 'the welcome has at most ten lines')
  const topic = 'nodes/bridge/0/relay/i2c0-3b'

  const watcher = type(t, lab.command('mosquitto_sub'))
  await watcher.lines.next((line) => line === `${topic} {"state":false}`)

  const talker = type(t, lab.command('npx wscat'))
  // wscat does not say into a pipe that it is connected; a sensor that talks often shows it.
  const thermometer = 'nodes/bridge/0/thermometer/i2c0-48'
  const payload = '{"publish-interval":0.1}'
  await publish({ ...clown, port: lab.mqttPort, topic: `${thermometer}/config/set`, payload })
  await talker.lines.next((line) => line.includes('["thermometer/i2c0-48",{"temperature":['))

  type(t, lab.command('mosquitto_pub'))
  await watcher.lines.next((line) => line === `${topic}/set {"state":true}`)
  await watcher.lines.next((line) => line === `${topic} {"state":true}`)
  await talker.lines.next((line) => line.includes('["relay/i2c0-3b",{"state":true}]'))

  talker.say(lab.output.items.at(-1)?.trim() ?? '')
  await watcher.lines.next((line) => line === `${topic} {"state":false}`)
  await talker.lines.next((line) => line.includes('["relay/i2c0-3b",{"state":false}]'))
})

t.test('Ctrl-C ends it cleanly', async (t) => {
  const lab = await startLab(t)
  t.equal(await lab.end('SIGINT'), 0)
  t.match(lab.errors.items, [/"level":40,.*"msg":"lab mode: everybody knows clown/])
  t.equal(lab.errors.items.length, 1)
})

t.test('F29: what keeps it from starting is said in one line, with exit code 1', async (t) => {
  // Two dozen starts of a process.
  t.setTimeout(120_000)
  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => taken.close())
  await once(taken, 'listening')
  const address = taken.address()
  const port = typeof address === 'object' ? String(address?.port) : ''
  const files = t.testdir({
    'bad.yaml': 'http: { prot: 1 }\nusers: { a: { password: b } }\n',
    'no-secret.yaml': 'users: { a: { passwordFile: /nowhere/secret } }\n',
    'odd-secret.yaml': 'users: { a: { passwordFile: / } }\n',
    'broken.yaml': 'users: [\n',
    'exposed.yaml': 'users: { a: { password: b } }\n',
    'nobody.yaml': 'mqtt: { host: 0.0.0.0 }\n',
    'no-users.yaml': 'usersFile: /nowhere/users.yaml\n',
    'odd-users.yaml': 'usersFile: /\n',
    'users.yaml': 'users: {}\n',
    'plain.yaml': '{}\n',
  })
  writePrivate(`${files}/empty`, '')
  writePrivate(`${files}/empty-secret.yaml`, `users: { a: { passwordFile: ${files}/empty } }\n`)
  const { certFile, keyFile } = await testCertificate(t)
  const exposedKey = `${files}/exposed.key`
  copyFileSync(keyFile, exposedKey)
  chmodSync(exposedKey, 0o640)
  const withKey = (keyFile: string) => ({
    CLOWN_HTTP_PORT: '0',
    CLOWN_MQTT_PORT: '0',
    CLOWN_TLS_CERT_FILE: certFile,
    CLOWN_TLS_KEY_FILE: keyFile,
  })
  const tookMs: number[] = []
  const wrong: [args: string[], settings: Record<string, string>, expected: RegExp][] = [
    [
      ['lab'],
      { CLOWN_HTTP_PORT: port, CLOWN_MQTT_PORT: '0' },
      /port \d+: it is in use; end .* CLOWN_HTTP_PORT/,
    ],
    [
      ['lab'],
      { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: port },
      /port \d+: it is in use; end .* CLOWN_MQTT_PORT/,
    ],
    [['lab'], { CLOWN_HTTP_HOST: '0.0.0.0' }, /loopback only, got 0\.0\.0\.0; use "clown-hub run/],
    [['lab'], { CLOWN_HTTP_PROT: '1' }, /CLOWN_HTTP_PROT.*CLOWN_HTTP_PORT/],
    [['run', '--config', `${files}/bad.yaml`], {}, /bad\.yaml.*"http\.prot".*"port"/],
    [['run', '--config', `${files}/none.yaml`], {}, /none\.yaml.*no such file/],
    [['run', '--config', `${files}/no-secret.yaml`], {}, /users\.a\.passwordFile.*no such file/],
    [['run', '--config', `${files}/odd-secret.yaml`], {}, /users\.a\.passwordFile.*EISDIR/],
    [['run', '--config', `${files}/empty-secret.yaml`], {}, /users\.a\.password .*at least 1/],
    [['run', '--config', `${files}/broken.yaml`], {}, /broken\.yaml" line 2/],
    [
      ['lab'],
      { CLOWN_USERS_CLOWN_PASSWORD_FILE: '/nowhere/secret' },
      /CLOWN_USERS_CLOWN_PASSWORD_FILE.*no such file/,
    ],
    [['run', '--config', `${files}/exposed.yaml`], {}, /mode 0644: chmod 600 .*exposed\.yaml$/],
    [['run', '--config', `${files}/nobody.yaml`], {}, /nobody\.yaml.*"clown-hub init" writes a/],
    [
      ['run', '--config', `${files}/nobody.yaml`],
      { CLOWN_USERS_FILE: `${files}/users.yaml` },
      /mode 0644: chmod 600 .*users\.yaml$/,
    ],
    [['run', '--config', `${files}/no-users.yaml`], {}, /users file.*no such file/],
    [['run', '--config', `${files}/odd-users.yaml`], {}, /users file.*EISDIR/],
    [
      ['run', '--config', `${files}/plain.yaml`],
      withKey('/nowhere/key'),
      /tls\.keyFile.*no such f/,
    ],
    [['run', '--config', `${files}/plain.yaml`], withKey('/'), /tls\.keyFile.*EISDIR/],
    [
      ['run', '--config', `${files}/plain.yaml`],
      withKey(exposedKey),
      /mode 0640: chmod 600 .*exposed\.key$/,
    ],
    [['run', '--config', files], {}, /configuration.*EISDIR/],
    [['check-config', files], {}, /EISDIR/],
  ]
  for (const [args, settings, expected] of wrong) {
    const startedAtMs = performance.now()
    const { ended, errors, output } = startProgram(t, args, settings)
    t.equal(await ended, 1, args.join(' '))
    tookMs.push(performance.now() - startedAtMs)
    t.equal(errors.items.length, 1)
    t.match(errors.items[0], expected)
    t.same(output.items, [])
  }
  tookMs.sort((one, other) => one - other)
  t.ok(Number(tookMs[tookMs.length >> 1]) < soonMs.mostly, 'without a wait')
  t.ok(Number(tookMs.at(-1)) < soonMs.always, 'and never with a long one')
})

t.test('a configured hub and a simulated node run as two programs', async (t) => {
  const config = `${t.testdir({})}/hub.yaml`
  writePrivate(
    config,
    'http: { port: 0 }\nmqtt: { port: 0 }\nusers: { lab: { password: "a b", role: admin } }\n',
  )
  const hub = startProgram(t, ['run', '--config', config])
  const line = await hub.output.next()
  const mqttPort = /MQTT port (\d+)/.exec(line)?.[1]
  const url = `mqtt://lab:a%20b@127.0.0.1:${mqttPort}`
  const node = startProgram(t, ['simulate', '--base', 'nodes/bridge/7', '--url', url])
  t.equal(await node.output.next(), `nodes/bridge/7: connected to mqtt://127.0.0.1:${mqttPort}`)
  t.equal(await node.end('SIGTERM'), 0)
  t.equal(await hub.end('SIGTERM'), 0)
  t.ok(hub.errors.items.every((text) => JSON.parse(text).name === 'clown-hub'))
})
