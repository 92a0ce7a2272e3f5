import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import t, { type Test } from 'tap'
import { readUsersFile } from '../../src/access/users-file.ts'
import { makeCertificate } from '../../src/cli/init.ts'
import { readConfig } from '../../src/config.ts'
import { portOf } from '../../src/core/listen.ts'
import { writePrivate } from '../access/users.ts'
import { testCertificate } from '../certificates.ts'
import { requireProgram, run } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { ranLine, runLine } from './run-line.ts'

/** A folder with `content` as working directory, until teardown. */
function enterFolder(t: Test, content: Parameters<Test['testdir']>[0] = {}): string {
  const folder = testFolder(t, content)
  const before = process.cwd()
  process.chdir(folder)
  t.teardown(() => process.chdir(before))
  return folder
}

t.test('it writes files that others cannot read, and shows the password once', async (t) => {
  const folder = enterFolder(t)
  const { code, output } = await ranLine('init')
  t.equal(code, 0)
  t.match(output, [
    'clown-hub.yaml and users.yaml are written. Start the hub: clown-hub run',
    'user: admin',
    /^password: [a-z2-7-]{23}$/,
    /shown only now/,
  ])
  for (const name of ['clown-hub.yaml', 'users.yaml']) {
    t.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name)
    t.notMatch(readFileSync(join(folder, name), 'utf8'), output[2]?.slice('password: '.length))
  }
  t.match(readUsersFile('users.yaml'), [{ name: 'admin', role: 'admin', rules: [], tokens: [] }])
  t.match(readConfig('clown-hub.yaml', {}), {
    usersFile: 'users.yaml',
    http: { host: '127.0.0.1' },
    mqtt: { host: '127.0.0.1' },
  })
  t.match(await ranLine('doctor'), { code: 0 })
})

t.test('what it wrote is what run takes, and other commands too', async (t) => {
  enterFolder(t)
  await ranLine('init')
  await ranLine('user add bob --role viewer')
  t.match(await ranLine('acl test bob read a'), {
    output: ['allowed: role viewer allows read on #'],
  })
  const environment = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0', CLOWN_LOG_LEVEL: 'silent' }
  const { output, code, stop } = runLine('run', { environment })
  t.match(await output.next(), /^Clown\.Hub listens/)
  t.equal(statSync('data').mode & 0o777, 0o700, 'the data folder is there, and private')
  stop()
  t.equal(await code, 0)
})

t.test('run takes ./data when nothing is said, and none when that is said', async (t) => {
  enterFolder(t)
  writePrivate('hub.yaml', 'users: { a: { password: b } }\nlog: { level: silent }\n')
  for (const settings of [{ CLOWN_DATA_FOLDER: '' }, {}]) {
    const environment = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0', ...settings }
    t.equal(existsSync('data'), false)
    const { output, code, stop } = runLine('run --config hub.yaml', { environment })
    await output.next()
    stop()
    t.equal(await code, 0)
  }
  t.same(readdirSync('data'), ['store'])
})

t.test('data is beside the configuration, wherever the hub is started', async (t) => {
  enterFolder(t, { etc: {}, elsewhere: {} })
  writePrivate('etc/hub.yaml', 'users: { a: { password: b } }\nlog: { level: silent }\n')
  process.chdir('elsewhere')
  const environment = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0' }
  const { output, code, stop } = runLine('run --config ../etc/hub.yaml', { environment })
  await output.next()
  stop()
  t.equal(await code, 0)
  t.same(readdirSync('../etc').sort(), ['data', 'hub.yaml'])
  t.same(readdirSync('.'), [])
})

t.test('in another folder it works from everywhere', async (t) => {
  const folder = enterFolder(t, { etc: {} })
  const { output } = await ranLine('init --dir etc')
  t.equal(
    output[0],
    'etc/clown-hub.yaml and etc/users.yaml are written. Start the hub: clown-hub run --config etc/clown-hub.yaml',
  )
  t.match(readConfig('etc/clown-hub.yaml', {}), {
    usersFile: 'etc/users.yaml',
    data: { folder: 'etc/data' },
  })
  process.chdir('etc')
  t.match(readConfig(join(folder, 'etc/clown-hub.yaml'), {}), {
    usersFile: join(folder, 'etc/users.yaml'),
    data: { folder: join(folder, 'etc/data') },
  })
})

t.test('with --tls it lets other machines in, by TLS only', async (t) => {
  const folder = enterFolder(t)
  const { code, output, errors } = await ranLine('init --tls --host Hub.example --host 192.0.2.7')
  t.same(errors, [])
  t.equal(code, 0)
  t.match(output.slice(0, 2), [
    'clown-hub.yaml, users.yaml, tls.crt and tls.key are written. Start the hub: clown-hub run',
    /^The certificate is good for localhost, 127\.0\.0\.1, .*, Hub\.example and 192\.0\.2\.7\.$/,
  ])
  const { http, mqtt, tls } = readConfig('clown-hub.yaml', {})
  t.match({ http, mqtt }, { http: { host: '127.0.0.1' }, mqtt: { host: '127.0.0.1' } })
  t.same(tls, {
    certFile: 'tls.crt',
    keyFile: 'tls.key',
    clientCertificates: 'optional',
    host: '0.0.0.0',
    httpPort: 8443,
    mqttPort: 8883,
  })
  const own = hostname()
  t.same(http.hosts, [...new Set([own, `${own.split('.')[0]}.local`, 'Hub.example'])])
  t.equal(statSync(join(folder, 'tls.key')).mode & 0o777, 0o600)
  t.match(await ranLine('doctor'), { code: 0 })
})

t.test('with --open it lets other machines in as they come, and says so', async (t) => {
  enterFolder(t)
  t.match(await ranLine('init --open --tls'), {
    code: 1,
    errors: [/expected --tls or --open, and/],
  })
  t.equal((await ranLine('init --open')).code, 0)
  const host = '0.0.0.0'
  t.match(readConfig('clown-hub.yaml', {}), { http: { host }, mqtt: { host } })
  t.match(await ranLine('doctor'), { code: 0 })
})

t.test('names without --tls are those of a proxy', async (t) => {
  enterFolder(t, { etc: {} })
  await ranLine('init --host hub.example')
  t.match(readConfig('clown-hub.yaml', {}).http.hosts, ['hub.example'])
  await ranLine('init --tls --dir etc')
  t.match(readConfig('etc/clown-hub.yaml', {}).tls, { keyFile: 'etc/tls.key' })
})

t.test('a name that is none is refused before anything is written', async (t) => {
  const folder = enterFolder(t)
  t.match(await ranLine('init --tls --host hub.example:8443'), {
    code: 1,
    errors: [/expected --host to be a host name or an IP address, without a port, got "hub\.ex/],
  })
  t.same(readdirSync(folder), [])
})

t.test('it writes over nothing', async (t) => {
  for (const name of ['clown-hub.yaml', 'users.yaml']) {
    await t.test(name, async (t) => {
      enterFolder(t, { [name]: 'mine' })
      const { code, errors } = await ranLine('init')
      t.equal(code, 1)
      t.match(errors, [
        `expected no ${name}, and will not write over it: move it away, or use --dir`,
      ])
      t.equal(readFileSync(name, 'utf8'), 'mine')
    })
  }
  await t.test('tls.key', async (t) => {
    const folder = enterFolder(t, { 'tls.key': 'mine' })
    t.match(await ranLine('init --tls'), { code: 1, errors: [/^.*expected no tls\.key, and will/] })
    t.same(readdirSync(folder), ['tls.key'])
    t.match(await ranLine('init'), { code: 0 })
  })
  t.match(await ranLine('init --dir /absent/folder'), {
    code: 1,
    errors: [/expected to write "\/absent\/folder\/users\.yaml": ENOENT/],
  })
})

const dayMs = 24 * 60 * 60 * 1000

t.test('a new certificate is good for this machine and for the names given', async (t) => {
  const { certFile, keyFile, names, ca } = await testCertificate(t, ['hub.local', '192.0.2.7'])
  const expected = ['localhost', '127.0.0.1', '::1', hostname(), 'hub.local', '192.0.2.7']
  t.same(names, [...new Set(expected)])
  const certificate = new X509Certificate(ca)
  for (const name of ['localhost', hostname(), 'hub.local']) t.ok(certificate.checkHost(name), name)
  for (const address of ['127.0.0.1', '::1', '192.0.2.7']) t.ok(certificate.checkIP(address))
  t.notOk(certificate.checkHost('evil.example'))
  t.notOk(certificate.ca)
  t.equal(certificate.publicKey.asymmetricKeyType, 'ec')
  const from = Date.parse(certificate.validFrom)
  const to = Date.parse(certificate.validTo)
  t.ok(from < Date.now() && to - from <= 825 * dayMs && to > Date.now() + 800 * dayMs)
  t.equal(statSync(keyFile).mode & 0o777, 0o600)
  t.equal(statSync(certFile).mode & 0o077, 0o044)
})

t.test('a client that trusts the certificate believes the server that has it', async (t) => {
  const { keyFile, ca } = await testCertificate(t)
  const server = createServer({ key: readFileSync(keyFile), cert: ca }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  for (const servername of ['localhost', hostname()]) {
    const client = connect({ port: portOf(server), host: '127.0.0.1', servername, ca })
    await once(client, 'secureConnect')
    t.ok(client.authorized, servername)
    client.end()
  }
})

t.test('openssl finds nothing wrong with it', async (t) => {
  const { certFile, keyFile } = await testCertificate(t)
  const openssl = requireProgram(t, 'openssl')
  if (openssl === undefined) return
  const purpose = ['-purpose', 'sslserver', '-verify_hostname', 'localhost', '-x509_strict']
  const verified = await run(openssl, ['verify', ...purpose, '-CAfile', certFile, certFile])
  t.same(verified, { code: 0, output: `${certFile}: OK\n` })
  const checked = await run(openssl, ['pkey', '-in', keyFile, '-check', '-noout'])
  t.same(checked, { code: 0, output: 'Key is valid\n' })
})

t.test('no file is written over, and none is left alone', async (t) => {
  for (const [there, missing] of [
    ['tls.crt', 'tls.key'],
    ['tls.key', 'tls.crt'],
  ] as const) {
    const folder = testFolder(t, { [there]: 'mine' })
    await t.rejects(makeCertificate(folder), {
      code: 'bad-command-line',
      message: new RegExp(`^expected to write a new file ".*${there}": EEXIST`),
    })
    t.equal(readFileSync(join(folder, there), 'utf8'), 'mine')
    t.throws(() => statSync(join(folder, missing)), { code: 'ENOENT' })
  }
  const file = join(testFolder(t), 'no-folder')
  writeFileSync(file, '')
  await t.rejects(makeCertificate(file), { message: /ENOTDIR/ })
})

t.test('without the package that makes them, it says what to install', async (t) => {
  const folder = testFolder(t)
  const load = () => Promise.reject(new Error('Cannot find package'))
  await t.rejects(makeCertificate(folder, [], load), {
    code: 'bad-command-line',
    message: /npm install selfsigned/,
  })
})

t.test('beside a broker that is there it writes where that is, and as whom to come', async (t) => {
  enterFolder(t)
  const { code, output } = await ranLine('init --tls --bus mqtts://hub:s%40fe@broker.example:8884')
  t.equal(code, 0)
  t.match(output[0], /broker-password\.txt are written/)
  t.equal(readFileSync('broker-password.txt', 'utf8'), 's@fe\n')
  t.equal(statSync('broker-password.txt').mode & 0o777, 0o600)
  const { bus, tls } = readConfig('clown-hub.yaml', {})
  t.match(bus, {
    ...{ url: 'mqtts://broker.example:8884', user: 'hub', filters: ['#'] },
    ...{ passwordFile: 'broker-password.txt', trust: ['homeassistant', 'tasmota/discovery'] },
  })
  t.match(tls, { host: '0.0.0.0' })
  t.match(await ranLine('doctor'), { code: 0 })
})

t.test('a broker without users needs no file, and one that is none is refused', async (t) => {
  enterFolder(t)
  t.match(await ranLine('init --bus mqtt://127.0.0.1'), { code: 0 })
  t.notOk(existsSync('broker-password.txt'))
  t.match(readConfig('clown-hub.yaml', {}).bus, { url: 'mqtt://127.0.0.1', user: undefined })
  for (const url of ['http://127.0.0.1', 'broker', 'mqtt://']) {
    t.match(await ranLine(`init --dir other --bus ${url}`), {
      code: 1,
      errors: [/expected --bus to be mqtt\[s\]:\/\/\[USER\[:PASSWORD\]@\]HOST\[:PORT\], got/],
    })
  }
})
