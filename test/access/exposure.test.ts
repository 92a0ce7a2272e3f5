import { join } from 'node:path'
import t from 'tap'
import { exposures } from '../../src/access/exposure.ts'
import { checkConfig, readConfig } from '../../src/config.ts'
import { type LogLine, startedHub } from '../started-hub.ts'

const users = { clown: { password: 'bigclown', role: 'admin' } } as const
const openHttp = { host: '0.0.0.0', port: 0, origins: ['*'] }

t.test('what stays on this machine leaves nothing open', async (t) => {
  t.same(exposures(checkConfig({})), [])
  t.same(exposures(checkConfig({ http: { host: '::1' }, mqtt: { host: 'localhost' } })), [])
})

t.test('plain listeners for other machines and a wildcard for origins are open', async (t) => {
  t.match(exposures(checkConfig({ users, http: openHttp, mqtt: { host: '::' } })), [
    /^http\.host 0\.0\.0\.0 lets other machines in, and passwords travel in the clear: set it to/,
    /^mqtt\.host :: lets other machines in/,
    /^http\.origins has \*: any page/,
  ])
})

t.test('a port of metrics for other machines is open', async (t) => {
  const found = (host: string) => exposures(checkConfig({ metrics: { host, port: 9464 } }))
  t.match(found('::'), [/^metrics\.host :: shows .*accept: \[open-metrics\]$/])
  t.same(found('127.0.0.1'), [])
  t.same(exposures(checkConfig({ metrics: { host: '::' } })), [], 'and none there is not')
})

t.test('that pages may call themselves null is open, too', async (t) => {
  const origins = ['null', 'file://', 'https://page.example']
  t.match(exposures(checkConfig({ http: { origins } })), [/^http\.origins has null: any page/])
  t.equal(exposures(checkConfig({ http: { origins } })).length, 1)
})

t.test('guests from elsewhere and pages of anybody are open', async (t) => {
  const dialects = [
    { dialect: 'deconz', port: 0, guest: { user: 'clown' } },
    { dialect: 'deconz', port: 0, guest: { user: 'clown', addresses: ['10.0.0.0/8', '::1'] } },
    { dialect: 'deconz', port: 0, guest: { user: 'clown', anyOrigin: true } },
    { dialect: 'deconz', path: '/house', guest: { user: 'clown', anyOrigin: true } },
    { dialect: 'deconz', port: 0, host: '0.0.0.0' },
  ]
  t.match(exposures(checkConfig({ users, dialects })), [
    /^dialects\.4\.host 0\.0\.0\.0 lets other machines in/,
    'dialects.1.guest lets 10.0.0.0/8 in as clown without a password: take out',
    /^anyOrigin of dialects\.2\.guest, dialects\.3\.guest: any page .*; list origins/,
  ])
})

t.test('what is accepted is not warned of, and each warning says how to accept it', async (t) => {
  const open = {
    users,
    http: openHttp,
    mqtt: { host: '::' },
    dialects: [
      {
        dialect: 'deconz',
        port: 0,
        host: '0.0.0.0',
        guest: { user: 'clown', addresses: ['10.0.0.0/8'], anyOrigin: true },
      },
    ],
  }
  const warnings = exposures(checkConfig(open))
  t.equal(warnings.length, 6)
  const kinds = warnings.map((text) => /accept: \[(.+)\]$/.exec(text)?.[1])
  t.match(exposures(checkConfig({ ...open, accept: ['plain-mqtt'] })), {
    length: 5,
    0: /^http\.host/,
    1: /^dialects\.0\.host/,
  })
  t.same(exposures(checkConfig({ ...open, accept: [...new Set(kinds)] })), [])
})

t.test(
  'the configuration of the container leaves nothing open that it does not accept',
  async (t) => {
    const file = join(import.meta.dirname, '../../docker/hub.yaml')
    const config = readConfig(file, { CLOWN_USERS_A_PASSWORD: 'b', CLOWN_USERS_A_ROLE: 'admin' })
    t.equal(config.mqtt.host, '0.0.0.0')
    t.same(exposures(config), [])
  },
)

t.test('a hub logs what is open once it runs', async (t) => {
  const { log } = await startedHub(t, { http: openHttp, users })
  const warnings = warningsIn(log.items)
  t.match(warnings, [/^http\.host 0\.0\.0\.0/, /^http\.origins has \*/])
  t.equal(warnings.length, 2)
  const safe = await startedHub(t)
  t.same(warningsIn(safe.log.items), [])
})

/** What is logged of the configuration: not that the machine is busy, which is of a kind. */
function warningsIn(lines: readonly LogLine[]): string[] {
  return lines.flatMap(({ level, kind, msg }) => (level === 40 && kind === undefined ? msg : []))
}
