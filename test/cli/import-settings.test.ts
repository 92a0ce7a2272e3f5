import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { SchemaObject } from 'ajv'
import t from 'tap'
import { sentenceOn } from '../../src/cli/import-conf.ts'
import { settings } from '../../src/cli/import-settings.ts'
import { validateCheckedConfig } from '../../src/generated/validate-config.js'
import { skipMissing } from '../missing.ts'

const page = readFileSync(new URL('../../docs/from-mosquitto.md', import.meta.url), 'utf8')

t.test('the page compares the same settings in the same words', async (t) => {
  const rows = [...page.matchAll(/^\| `([a-z_.0-9]+)\*?` *\| (.+?) *\|$/gm)]
  const listed = Object.fromEntries(rows.map(([, setting = '', sentence]) => [setting, sentence]))
  t.same(listed, settings)
  t.equal(rows.length, Object.keys(settings).length, 'each once')
})

t.test('every part of the configuration that is named is there', async (t) => {
  const { schema } = validateCheckedConfig
  const named = Object.values(settings).flatMap((sentence) =>
    [...sentence.matchAll(/`((?:limits|mqtt|http|tls|data|log)(?:\.\w+)*)`/g)].map(
      ([, path]) => path,
    ),
  )
  t.ok(named.length > 10)
  for (const path of new Set(named)) {
    const found = `${path}`
      .split('.')
      .reduce<SchemaObject | undefined>((part, key) => part?.['properties']?.[key], schema)
    t.ok(found, `${path}`)
  }
})

/** Where Debian has the page of Mosquitto that says what there is. */
const manual = '/usr/share/man/man5/mosquitto.conf.5.gz'

t.test('no setting of mosquitto.conf(5) is missing', async (t) => {
  if (!existsSync(manual)) {
    skipMissing(t, `needs ${manual}: apt-get install mosquitto, with its manual`)
    return
  }
  const text = gunzipSync(readFileSync(manual)).toString().replaceAll('\\&', '')
  // A setting stands in bold at the start of a line, and what it takes stands behind it.
  const found = [...text.matchAll(/^\\fB([a-z]\w+(?:\.\d)?)\\fR (?:\\fI|\[)/gm)].map(
    ([, name]) => name,
  )
  t.ok(found.length > 90, `${found.length}`)
  for (const name of new Set(found)) t.ok(sentenceOn(`${name}`), `${name}`)
})

t.test('settings of plugins have any names', async (t) => {
  t.match(sentenceOn('auth_opt_db_host'), /no plugins/)
  t.match(sentenceOn('plugin_opt_config_file'), /no plugins/)
  t.equal(sentenceOn('toString'), undefined)
})
