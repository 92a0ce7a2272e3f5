import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { nameOf } from '../../src/bridges/check-bridges.ts'
import { type ConfigInput, checkConfig, readConfig } from '../../src/config.ts'
import { testFolder } from '../test-folder.ts'

const url = 'mqtt://broker.example'

function checked(...bridges: NonNullable<ConfigInput['bridges']>) {
  return () => checkConfig({ bridges })
}

t.test('a bridge needs filters, and a name of its own', async (t) => {
  t.throws(checked({ url }), /expected bridges\.0 to have filters in its in or out, got none/)
  t.throws(
    checked({ url, out: ['a'] }, { url, in: ['b'] }),
    /expected bridges\.1 to have a name of its own, got "broker\.example"/,
  )
  t.doesNotThrow(checked({ url, out: ['a'] }, { name: 'other', url, in: ['a'] }))
  t.equal(nameOf({ url: 'mqtt://[::1]:1884' }), '___1_')
})

t.test('its filters are filters of others, and no two of them say the same', async (t) => {
  t.throws(checked({ url, out: ['a#'] }), /expected bridges\.0\.out\.0 to be a filter/)
  t.throws(checked({ url, in: ['$SYS/#'] }), /expected bridges\.0\.in\.0 without a \$ at its start/)
  t.throws(
    checked({ url, in: ['a/#', 'a/b'] }),
    /expected bridges\.0\.in to have no topic in common, got "a\/#" and "a\/b"/,
  )
})

t.test('beside the broker of somebody else there are no bridges', async (t) => {
  const bridges = [{ url, out: ['a'] }]
  t.throws(
    () => checkConfig({ bus: { url }, bridges }),
    /expected no bridges beside bus: the broker mqtt:\/\/broker\.example has settings of its own/,
  )
})

t.test('paths of its files begin at the configuration, and a password is a secret', async (t) => {
  const folder = testFolder(t)
  const file = join(folder, 'clown-hub.yaml')
  const passwordFile = join(folder, 'secret.txt')
  writeFileSync(file, `bridges: [{ url: '${url}', out: [a], passwordFile: secret.txt }]\n`)
  writeFileSync(passwordFile, 'x\n', { mode: 0o600 })
  t.match(readConfig(file, {}).bridges, [{ passwordFile }])
  writeFileSync(passwordFile, 'x\n')
  t.throws(checked({ url, out: ['a'], passwordFile: `${passwordFile}.none` }), {
    code: 'unreadable-file',
    message: /bridges\.0\.passwordFile/,
  })
})
