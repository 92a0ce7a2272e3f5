import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import t from 'tap'
import { makeCertificate } from '../../src/cli/self-signed.ts'
import { portOf } from '../../src/core/listen.ts'
import { testCertificate } from '../certificates.ts'
import { requireProgram, run } from '../programs.ts'
import { testFolder } from '../test-folder.ts'

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
