import { once } from 'node:events'
import { chmodSync, copyFileSync } from 'node:fs'
import { createServer } from 'node:net'
import t from 'tap'
import { writePrivate } from '../access/users.ts'
import { testCertificate } from '../certificates.ts'
import { startProgram, startUnrecorded } from '../journeys/started-lab.ts'
import { testFolder } from '../test-folder.ts'

/** What a person at a terminal takes for at once, and what a busy machine still keeps. */
const soonMs = { mostly: 2000, always: 5000 }

t.test('F29: what keeps it from starting is said in one line, with exit code 1', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => taken.close())
  await once(taken, 'listening')
  const address = taken.address()
  const port = typeof address === 'object' ? String(address?.port) : ''
  const files = testFolder(t, {
    'bad.yaml': 'http: { prot: 1 }\nusers: { a: { password: b } }\n',
    'no-secret.yaml': 'users: { a: { passwordFile: /nowhere/secret } }\n',
    'odd-secret.yaml': 'users: { a: { passwordFile: / } }\n',
    'broken.yaml': 'users: [\n',
    'exposed.yaml': 'users: { a: { password: b } }\n',
    'nobody.yaml': 'mqtt: { host: 0.0.0.0 }\n',
    'odd-users.yaml': 'usersFile: odd\n',
    'users.yaml': 'users: { a: { role: viewer } }\n',
  })
  writePrivate(`${files}/empty`, '')
  writePrivate(`${files}/odd`, 'users: [\n')
  writePrivate(`${files}/plain.yaml`, 'users: { a: { password: b } }\n')
  writePrivate(`${files}/empty-secret.yaml`, `users: { a: { passwordFile: ${files}/empty } }\n`)
  const { certFile, keyFile } = await testCertificate(t)
  const exposedKey = `${files}/exposed.key`
  copyFileSync(keyFile, exposedKey)
  chmodSync(exposedKey, 0o640)
  const withKey = (keyFile: string) => ({
    CLOWN_HTTP_PORT: '0',
    CLOWN_MQTT_PORT: '0',
    CLOWN_DATA_FOLDER: '',
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
    [['check-config', `${files}/nobody.yaml`], {}, /nobody\.yaml.*"clown-hub run" lets you make a/],
    [
      ['run', '--config', `${files}/nobody.yaml`],
      { CLOWN_USERS_FILE: `${files}/users.yaml` },
      /mode 0644: chmod 600 .*users\.yaml$/,
    ],
    [['run', '--config', `${files}/odd-users.yaml`], {}, /odd" line 2/],
    [
      ['run', '--config', `${files}/plain.yaml`],
      withKey('/nowhere/key'),
      /tls\.keyFile.*no such f/,
    ],
    [
      ['run', '--config', `${files}/plain.yaml`],
      withKey(exposedKey),
      /mode 0640: chmod 600 .*exposed\.key$/,
    ],
    [['run', '--config', files], {}, /configuration.*EISDIR/],
    [['check-config', files], {}, /EISDIR/],
  ]
  for (const [at, [args, settings, expected]] of wrong.entries()) {
    const startedAtMs = performance.now()
    // What prints an error is covered by the first.
    const start = at === 0 ? startProgram : startUnrecorded
    const { ended, errors, output } = start(t, args, settings)
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
