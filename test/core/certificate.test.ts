import { chmodSync, copyFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SecureContextOptions } from 'node:tls'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { type CertificateFiles, openCertificate } from '../../src/core/certificate.ts'
import { testCertificate } from '../certificates.ts'
import { createInbox } from '../inbox.ts'
import type { LogLine } from '../started-hub.ts'

const silent = pino({ level: 'silent' })

function openWatched(t: Test, files: CertificateFiles) {
  const lines = createInbox<LogLine>()
  const log = pino({}, { write: (line: string) => lines.put(JSON.parse(line)) })
  const certificate = openCertificate(files, { log, pollMs: 10 })
  t.teardown(certificate.close)
  const pairs = createInbox<SecureContextOptions>()
  certificate.secure({ setSecureContext: pairs.put })
  return { lines, pairs }
}

t.test('a server gets the pair of the files, for TLS 1.2 and later', async (t) => {
  const files = await testCertificate(t)
  const { pairs } = openWatched(t, files)
  t.match(await pairs.next(), { cert: files.ca, minVersion: 'TLSv1.2' })
})

t.test('a new pair is taken up once both of its files are there', async (t) => {
  const [files, later] = [await testCertificate(t), await testCertificate(t)]
  const { pairs, lines } = openWatched(t, files)
  copyFileSync(later.certFile, `${files.certFile}.new`)
  renameSync(`${files.certFile}.new`, files.certFile)
  const refusal = await lines.next()
  t.match(refusal, { level: 40, reason: /tls\.certFile.*the key belongs to another certificate/ })
  copyFileSync(later.keyFile, files.keyFile)
  t.match(await lines.next(({ level }) => level === 30), { msg: 'the certificate was read anew' })
  t.same(
    pairs.items.map(({ cert }) => cert),
    [files.ca, later.ca],
  )
})

t.test('a broken new pair leaves the old one', async (t) => {
  const files = await testCertificate(t)
  const { pairs, lines } = openWatched(t, files)
  writeFileSync(files.certFile, '')
  t.match(await lines.next(), { msg: 'the new certificate is not in order: the old one stays' })
  writeFileSync(files.certFile, files.ca)
  chmodSync(files.keyFile, 0o644)
  t.match(await lines.next(({ reason }) => String(reason).includes('chmod 600')), { level: 40 })
  t.equal(pairs.items.at(-1)?.cert, files.ca)
})

t.test('without a pair in order there is no start', async (t) => {
  const files = await testCertificate(t)
  const other = await testCertificate(t)
  const nonsense = join(files.folder, 'nonsense')
  writeFileSync(nonsense, 'nonsense', { mode: 0o600 })
  const exposed = join(files.folder, 'exposed')
  copyFileSync(files.keyFile, exposed)
  chmodSync(exposed, 0o640)
  const { certFile, keyFile } = files
  const refused: [name: string, files: CertificateFiles, code: string, message: RegExp][] = [
    ['no file', { certFile: '/nowhere', keyFile }, 'unreadable-file', /tls\.certFile.*ENOENT/],
    ['no key file', { certFile, keyFile: '/nowhere' }, 'unreadable-file', /tls\.keyFile.*ENOENT/],
    ['no certificate', { certFile: nonsense, keyFile }, 'bad-config', / in PEM: /],
    ['no key', { certFile, keyFile: nonsense }, 'bad-config', / in PEM: /],
    ['not its key', { certFile, keyFile: other.keyFile }, 'bad-config', /another certificate$/],
    ['open key', { certFile, keyFile: exposed }, 'exposed-secret', /mode 0640: chmod 600/],
    ['swapped', { certFile: keyFile, keyFile }, 'bad-config', / in PEM: /],
  ]
  for (const [name, files, code, message] of refused) {
    t.throws(() => openCertificate(files, { log: silent }), { code, message }, name)
  }
})
