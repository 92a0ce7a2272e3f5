import { chmodSync } from 'node:fs'
import t from 'tap'
import { certificateWarnings } from '../../src/cli/doctor.ts'
import { someHash, usersFile, writePrivate } from '../access/users.ts'
import { testCertificate } from '../certificates.ts'
import { publish, requireProgram, startMosquitto, subscribe } from '../programs.ts'
import { ranLine } from './run-line.ts'

t.test('it finds nothing in a safe configuration', async (t) => {
  const users = usersFile(t, `users:\n  bob: { role: viewer, password: "${someHash}" }\n`)
  const config = users.replace('users.yaml', 'hub.yaml')
  writePrivate(config, `usersFile: ${users}`)
  t.same(await ranLine(`doctor ${config}`), {
    code: 0,
    output: ['nothing to fix was found'],
    errors: [],
  })
})

t.test('it says what is unsafe, one line each, and ends with exit code 1', async (t) => {
  const users = usersFile(t, 'users: { anonymous: { role: operator }, bob: {} }')
  const config = users.replace('users.yaml', 'hub.yaml')
  writePrivate(
    config,
    `usersFile: ${users}
http: { host: 0.0.0.0, origins: ['*'] }
mqtt: { host: '::' }
users: { clown: { password: bigclown, role: admin } }
`,
  )
  const { code, output } = await ranLine(`doctor ${config}`)
  t.equal(code, 1)
  t.match(output, [
    /^clown has a password that everybody knows: choose another one$/,
    /^http\.host 0\.0\.0\.0 lets other machines in, and passwords travel in the clear: set it to/,
    /^mqtt\.host :: lets other machines in/,
    /^http\.origins has \*: /,
    /^whoever reaches a port may write and command and retain: /,
    /^bob has no password and no token: /,
    /^bob may do nothing: /,
  ])
  t.equal(output.length, 7)
})

t.test('what keeps the hub from starting is the first thing to mend', async (t) => {
  const users = usersFile(t, 'users: {}')
  const config = users.replace('users.yaml', 'hub.yaml')
  const cases: [text: string, warning: RegExp][] = [
    ['http: { prot: 1 }', /unknown key "http\.prot"/],
    ['http: { host: 0.0.0.0 }', /expected users or usersFile, since 0\.0\.0\.0 can be reached/],
    [`usersFile: ${users}`, /got mode 0644: chmod 600 .*users\.yaml/],
  ]
  chmodSync(users, 0o644)
  for (const [text, warning] of cases) {
    writePrivate(config, text)
    const { code, output } = await ranLine(`doctor ${config}`)
    t.equal(code, 1)
    t.match(output, [warning])
  }
  writePrivate(config, 'users: { bob: { password: x } }')
  t.match(await ranLine(`doctor ${config}`), { code: 1, output: [/^bob may do nothing/] })
  t.match(await ranLine('doctor'), { code: 1, output: [/expected clown-hub\.yaml in this folder/] })
  t.match(await ranLine('doctor a b'), {
    code: 1,
    errors: [/expected one configuration file or URL; usage/],
  })
})

t.test('it knows the part tls, and goes on to the users', async (t) => {
  const { certFile, keyFile } = await testCertificate(t)
  const users = usersFile(t, 'users: { bob: {} }')
  const config = users.replace('users.yaml', 'hub.yaml')
  const tls = JSON.stringify({ certFile, keyFile, host: '0.0.0.0' })
  writePrivate(config, `usersFile: ${users}\ntls: ${tls}\n`)
  const ofUsers = [/^bob has no password/, /^bob may do nothing/]
  const inOrder = await ranLine(`doctor ${config}`)
  t.match(inOrder.output, ofUsers)
  t.equal(inOrder.output.length, 2)
  chmodSync(keyFile, 0o640)
  const exposed = await ranLine(`doctor ${config}`)
  t.match(exposed.output, [/^expected ".*tls\.key" .* got mode 0640: chmod 600/, ...ofUsers])
})

t.test('a defect is no warning', async (t) => {
  const environment = {
    get CLOWN_LOG_LEVEL(): string {
      throw new TypeError('out of memory')
    },
  }
  const config = usersFile(t, 'log: {}')
  const { code, errors } = await ranLine(`doctor ${config}`, { environment })
  t.equal(code, 1)
  t.match(errors, ['clown-hub: unexpected: out of memory; please report this as a defect'])
})

const dayMs = 24 * 60 * 60 * 1000

t.test('a certificate is told of 30 days before its end, and after it', async (t) => {
  const files = await testCertificate(t)
  const inDays = (days: number) => certificateWarnings(files, Date.now() + days * dayMs)
  t.same(certificateWarnings(files), [])
  t.same(inDays(824 - 31), [])
  t.match(inDays(824 - 29), [/^tls\.certFile ".*tls\.crt" expires on \d{4}-\d\d-\d\d: put a new/])
  t.match(inDays(825), [/^tls\.certFile ".*tls\.crt" has expired on \d{4}-\d\d-\d\d: put a new/])
})

t.test('the ACL of --acl lets nobody but the hub command hardware', async (t) => {
  t.match(await ranLine('doctor --acl emqx'), {
    code: 1,
    errors: [/expected --acl to be mosquitto, got "emqx"/],
  })
  const users = usersFile(t, 'users: { garage: { role: node, base: nodes/garage } }')
  const config = users.replace('users.yaml', 'hub.yaml')
  writePrivate(config, `usersFile: ${users}\nbus: { url: "mqtt://127.0.0.1" }\n`)
  const { code, output } = await ranLine(`doctor --acl mosquitto ${config}`)
  t.equal(code, 0)
  if (requireProgram(t, 'mosquitto') === undefined) return
  const acl = config.replace('hub.yaml', 'acl')
  writePrivate(acl, `${output.join('\n')}\n`)
  const names = ['clown-hub', 'garage', 'plug', 'homeassistant', 'zigbee2mqtt']
  const passwords = Object.fromEntries(names.map((name) => [name, 'x']))
  const { port } = await startMosquitto(t, { users: passwords, config: [`acl_file ${acl}`] })
  const heard = await subscribe(t, { port, user: 'clown-hub', password: 'x', filter: '#' })
  const said: [user: string, topic: string, isLet: boolean][] = [
    ['clown-hub', 'cmnd/lamp/POWER', true],
    ['clown-hub', 'zigbee2mqtt/lamp/set', true],
    ['garage', 'nodes/garage/relay/0', true],
    ['garage', 'nodes/house/relay/0/set', false],
    ['plug', 'tele/plug/STATE', true],
    ['plug', 'tele/lamp/STATE', false],
    ['plug', 'cmnd/plug/POWER', false],
    ['homeassistant', 'homeassistant/status', true],
    ['homeassistant', 'devices/tasmota/plug/relay/1/set', true],
    ['homeassistant', 'cmnd/plug/POWER', false],
    ['homeassistant', 'zigbee2mqtt/lamp/set', false],
    ['zigbee2mqtt', 'zigbee2mqtt/bridge/state', true],
    ['zigbee2mqtt', 'hub/state', false],
  ]
  for (const [user, topic] of said) {
    await publish({ port, user, password: 'x', topic, payload: user, qos: 0 })
  }
  await publish({ port, user: 'clown-hub', password: 'x', topic: 'end', payload: 'x' })
  await heard.next((line) => line === 'end x')
  t.same(
    heard.items.slice(0, -1),
    said.flatMap(([user, topic, isLet]) => (isLet ? `${topic} ${user}` : [])),
  )
})
