import { chmodSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readNamedFile, readSecretFile } from '../../src/core/secret-file.ts'

t.test('a secret has to be its owner’s alone', async (t) => {
  const folder = t.testdir({ key: 'secret\n' })
  const file = join(folder, 'key')
  for (const mode of [0o600, 0o400, 0o700]) {
    chmodSync(file, mode)
    t.equal(readSecretFile('tls.keyFile', file), 'secret\n')
  }
  for (const mode of [0o640, 0o604, 0o610, 0o601, 0o620, 0o644]) {
    chmodSync(file, mode)
    t.throws(() => readSecretFile('tls.keyFile', file), {
      code: 'unreadable-file',
      message: `expected tls.keyFile to be readable by its owner only, got mode 0${mode.toString(8)}: chmod 600 ${JSON.stringify(file)}`,
    })
  }
})

t.test('a link is judged by where it leads', async (t) => {
  const folder = t.testdir({ secrets: { key: 'mounted' }, secretsElse: { key: 'open' } })
  const secrets = join(folder, 'secrets')
  const links = ['secrets/inwards', 'secrets/outwards', 'anywhere'].map((at) => join(folder, at))
  const [inwards = '', outwards = '', anywhere = ''] = links
  symlinkSync('key', inwards)
  symlinkSync('../secretsElse/key', outwards)
  symlinkSync('secrets/key', anywhere)
  t.equal(readSecretFile('a', join(secrets, 'key'), secrets), 'mounted')
  t.equal(readSecretFile('a', inwards, secrets), 'mounted')
  t.equal(readSecretFile('a', anywhere, secrets), 'mounted')
  t.throws(() => readSecretFile('a', outwards, secrets), { message: /chmod 600/ })
  t.throws(() => readSecretFile('a', join(folder, 'secretsElse/key'), secrets), {
    message: /chmod 600/,
  })
})

t.test('what cannot be read is named', async (t) => {
  const folder = t.testdir({})
  const expected = { code: 'unreadable-file' }
  t.throws(() => readSecretFile('a', join(folder, 'none')), {
    ...expected,
    message: /^expected a to name a file, got ".*none": ENOENT: no such file or directory$/,
  })
  chmodSync(folder, 0o700)
  t.throws(() => readSecretFile('a', folder), { ...expected, message: /EISDIR/ })
  t.throws(() => readNamedFile('a', folder), { ...expected, message: /EISDIR/ })
})
