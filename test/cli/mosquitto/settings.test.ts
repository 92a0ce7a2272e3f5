import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { SchemaObject } from 'ajv'
import t, { type Test } from 'tap'
import { locate, readConf } from '../../../src/cli/mosquitto/files.ts'
import { importConfig, sentenceOn, settings } from '../../../src/cli/mosquitto/settings.ts'
import { validateCheckedConfig } from '../../../src/generated/validate-config.js'
import { skipMissing } from '../../missing.ts'
import { testFolder } from '../../test-folder.ts'

/** A folder with these files in it, by their paths. */
function folderWith(t: Test, files: Record<string, string>): string {
  const folder = testFolder(t)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const imported = (t: Test, ...lines: string[]) =>
  importConfig(readConf(folderWith(t, { 'mosquitto.conf': `${lines.join('\n')}\n` })))

const loopback = { host: '127.0.0.1', port: 1883 }
const local = { mqtt: loopback, http: { host: '127.0.0.1', port: 8080 }, data: { folder: 'data' } }

const hasIPv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ family }) => family === 'IPv6'),
)
const everywhere = hasIPv6 ? '::' : '0.0.0.0'

t.test('without a listener it is for this machine, and for who gives no name', async (t) => {
  const { config, notes, allowsAnonymous } = imported(t, '# nothing', '', '   ', '#listener 1884')
  t.same([config, notes, allowsAnonymous], [local, [], true])
  t.equal(imported(t, 'allow_anonymous false').allowsAnonymous, false)
})

t.test('a listener is for all addresses and for users, unless told otherwise', async (t) => {
  const { config, allowsAnonymous, notes } = imported(t, 'listener 1884')
  t.same(config, { ...local, mqtt: { host: everywhere, port: 1884 } })
  t.same([allowsAnonymous, notes], [false, []])
  const old = imported(t, 'port 1885', 'bind_address 192.0.2.1', 'allow_anonymous true')
  t.same(old.config.mqtt, { host: '192.0.2.1', port: 1885 })
  t.same([old.allowsAnonymous, old.notes], [true, []])
  const ofDomain = imported(t, 'listener 1884', 'socket_domain ipv4')
  t.same(ofDomain.config.mqtt, { host: '0.0.0.0', port: 1884 })
  const ofInterface = imported(t, 'listener 1884', 'bind_interface lo')
  t.match(ofInterface.config.mqtt, { host: /^(127\.0\.0\.1|::1)$/, port: 1884 })
  t.match(ofInterface.notes, [/conf:1: listens on .*, the address of that interface now/])
  t.same(imported(t, 'bind_interface nosuch0').config.mqtt, loopback)
})

t.test('there is one port of each kind', async (t) => {
  const tls = ['certfile /c.pem', 'keyfile /k.pem']
  const { config, notes } = imported(
    t,
    'listener 1884 127.0.0.1',
    'listener 1885',
    'listener 8884 localhost',
    ...tls,
    'listener 9001 127.0.0.1',
    'protocol websockets',
    'listener 9443 0.0.0.0',
    'protocol websockets',
    ...tls,
  )
  t.same(config, {
    ...local,
    mqtt: { host: '127.0.0.1', port: 1884 },
    http: { host: '127.0.0.1', port: 9001 },
    tls: {
      certFile: '/c.pem',
      keyFile: '/k.pem',
      host: 'localhost',
      mqttPort: 8884,
      httpPort: 9443,
    },
  })
  t.match(notes, [
    /conf:2: port 1885 is not opened: the hub has one port of its kind/,
    /conf:8: the certificate and the address are those of mosquitto\.conf:3/,
  ])
  const onlyMqtt = imported(t, 'listener 8883', ...tls)
  t.match(onlyMqtt.config, { mqtt: loopback, tls: { mqttPort: 8883, httpPort: 8443 } })
  t.match(onlyMqtt.notes, [/conf:1: HTTPS is opened, too, on port 8443/])
  const onlyHttp = imported(t, 'listener 443', 'protocol websockets', ...tls)
  t.match(onlyHttp.config, { tls: { mqttPort: 8883, httpPort: 443 } })
  t.match(onlyHttp.notes, [/conf:1: MQTT with TLS is opened, too, on port 8883/])
})

t.test('a port that other things than passwords protect is not opened', async (t) => {
  const { config, notes, allowsAnonymous } = imported(
    t,
    'allow_anonymous true',
    'per_listener_settings false',
    'listener 8883',
    'certfile c',
    'keyfile k',
    'require_certificate true',
    'listener 8884',
    'psk_hint x',
    'listener 0 /run/mosquitto.sock',
  )
  t.same(config, local)
  t.equal(allowsAnonymous, false, 'nothing is open that lets them in')
  const closed = notes.filter((note) => note.includes('this port is not opened'))
  t.match(closed, [/conf:3: .*certificates/, /conf:7: .*shared keys/, /conf:9: .*Unix socket/])
})

t.test('a port that asks for certificates does so here', (t) => {
  const lines = ['listener 8883', 'certfile c', 'keyfile k', 'require_certificate true']
  const more = ['cafile ca', 'crlfile crl', 'use_identity_as_username true']
  const { config, notes } = imported(t, ...lines, ...more)
  t.match(config.tls, {
    clientCaFile: /\/ca$/,
    clientCrlFile: /\/crl$/,
    clientCertificates: 'required',
  })
  t.notMatch(notes.join('\n'), /cafile|crlfile|certificate|identity/)
  t.notMatch(imported(t, ...lines, 'cafile ca').config.tls, { clientCrlFile: String })
  t.end()
})

t.test('who gives no name comes in where all ports let them in', async (t) => {
  const lines = ['per_listener_settings true', 'listener 1883', 'allow_anonymous true']
  t.equal(imported(t, ...lines).allowsAnonymous, true)
  const { allowsAnonymous, notes } = imported(t, ...lines, 'listener 1884', 'password_file x')
  t.equal(allowsAnonymous, false)
  t.match(notes.join('\n'), /allow_anonymous is false here, since not all ports/)
})

t.test('users and rights of all ports are found', async (t) => {
  const global = imported(t, 'acl_file a', 'password_file p', 'listener 1', 'listener 2')
  t.match(global, {
    aclFiles: [{ value: 'a' }],
    passwordFiles: [{ value: 'p' }],
    notes: { length: 1 },
  })
  const perPort = imported(
    t,
    'per_listener_settings true',
    'listener 1',
    'password_file p',
    'acl_file a',
    'listener 2',
    'protocol websockets',
    'password_file q',
    'acl_file a',
  )
  t.match(perPort.passwordFiles, [{ value: 'p' }, { value: 'q' }])
  t.match(perPort.aclFiles, [{ value: 'a' }])
  t.match(perPort.notes, [/per_listener_settings: no counterpart/])
})

t.test('limits become ours, or the nearest that there is', async (t) => {
  const limitsOf = (...lines: string[]) => imported(t, ...lines).config.limits
  t.same(limitsOf('max_packet_size 5000', 'message_size_limit 3000'), {
    mqtt: { publishBytes: 5000 },
  })
  t.same(limitsOf('message_size_limit 3000'), { mqtt: { publishBytes: 4024 } })
  t.same(limitsOf('message_size_limit 0', 'max_queued_bytes 0'), undefined)
  t.same(limitsOf('max_queued_messages 50', 'max_queued_bytes 70000'), {
    sessions: { messages: 50, bytes: 70_000 },
  })
  for (const [text, hours] of [
    ['1h', 1],
    ['2d', 48],
    ['1w', 168],
    ['3m', 2190],
    ['1y', 8760],
  ] as const) {
    t.same(limitsOf(`persistent_client_expiration ${text}`), { sessions: { hours } })
  }
  t.same(limitsOf('persistent_client_expiration never'), undefined)
  t.same(limitsOf('listener 1', 'max_connections 5', 'listener 2', 'max_connections 6'), {
    connections: { total: 11 },
  })
  t.same(limitsOf('listener 1', 'max_connections -1'), undefined)
  const { config, notes } = imported(t, 'max_queued_messages 0', 'max_packet_size 999999999')
  t.match(config.limits, { sessions: { messages: 100_000 } })
  t.match(notes, [
    /conf:2: max_packet_size is \d+ here, the nearest/,
    /conf:1: max_queued_messages is/,
  ])
})

t.test('what is kept nowhere there is kept here, unless somebody wanted that', async (t) => {
  const folderOf = (...lines: string[]) => imported(t, ...lines).config.data?.folder
  t.same(
    [folderOf(), folderOf('persistence true'), folderOf('persistence false')],
    ['data', 'data', ''],
  )
})

t.test('what is not taken is listed with its place, and without its value', async (t) => {
  const { notes } = imported(
    t,
    'max_inflight_messages 20',
    'log_type error',
    'log_type all',
    'somthing odd',
    'retain_available true',
    'connection cloud',
    'address 192.0.2.1',
    'remote_password secretword',
    'topic # both 0',
    'auth_opt_password secretword',
  )
  t.match(notes, [
    /^mosquitto\.conf:1: max_inflight_messages: no counterpart: as many as limits\./,
    /^mosquitto\.conf:2, mosquitto\.conf:3: log_type: log\.level, /,
    /^mosquitto\.conf:4: somthing: not known in mosquitto\.conf\(5\)$/,
    /^mosquitto\.conf:6: connection cloud: no counterpart: /,
    /^mosquitto\.conf:10: auth_opt_password: no counterpart: there are no plugins$/,
  ])
  t.equal(notes.length, 5, 'a bridge is one thing')
})

t.test('files are found where they are for Mosquitto, or below its folder', async (t) => {
  const folder = folderWith(t, { passwd: '', 'certs/c.pem': '' })
  t.equal(locate('/mosquitto/config/passwd', folder), join(folder, 'passwd'))
  t.equal(locate('/mosquitto/config/certs/c.pem', folder), join(folder, 'certs/c.pem'))
  t.equal(locate('certs/c.pem', folder), join(folder, 'certs/c.pem'))
  t.equal(locate(join(folder, 'passwd'), '/nowhere'), join(folder, 'passwd'))
  t.equal(locate('/nowhere/x', folder), '/nowhere/x')
})

t.test(
  'files are included in the order of Mosquitto, and a file of another name is read',
  async (t) => {
    const texts = Object.fromEntries(
      ['b', 'A', '01', 'aA', 'a', 'B', '00', 'Ab'].map((name) => [
        `d/${name}.conf`,
        `listener 1 ${name}\n`,
      ]),
    )
    const folder = folderWith(t, {
      'other.conf': 'listener 1 first\ninclude_dir /etc/x/d\nlistener 1 last\n',
      'd/README': 'listener 1 README\n',
      ...texts,
    })
    const { listeners } = readConf(join(folder, 'other.conf'))
    const addresses = listeners.map(({ address }) => address)
    t.same(addresses, ['first', '00', '01', 'A', 'Ab', 'a', 'aA', 'B', 'b', 'last'])
    t.throws(() => readConf(folder), { code: 'unreadable-file', message: /mosquitto\.conf/ })
    writeFileSync(join(folder, 'mosquitto.conf'), 'include_dir nosuch\n')
    t.throws(() => readConf(folder), {
      code: 'unreadable-file',
      message: /^mosquitto\.conf:1: expected include_dir to name a folder, got "nosuch"/,
    })
    mkdirSync(join(folder, 'd', 'folder.conf'))
    t.throws(() => readConf(join(folder, 'other.conf')), {
      code: 'unreadable-file',
      message: /EISDIR/,
    })
  },
)

const page = readFileSync(new URL('../../../docs/from-mosquitto.md', import.meta.url), 'utf8')

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
