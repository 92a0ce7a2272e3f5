import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePort } from '../programs.ts'
import { mqttTo, startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { light, startedGateway } from '../upstreams/deconz-gateway.ts'
import { startedFarSide } from '../upstreams/far-side.ts'
import { answeringHub } from './answering-hub.ts'
import { ranLine, runLine } from './run-line.ts'

t.test('the systems that a hub dials are listed with how they are', async (t) => {
  const there = {
    ...{ name: 'attic', dialect: 'clown-talk', url: 'ws://attic/talk', state: 'connected' },
    ...{ since: '2026-11-30T21:00:51.623Z', devices: 10 },
  }
  const away = {
    ...{ ...there, name: 'gate', dialect: 'netzer', url: 'ws://gate/ws', state: 'away' },
    ...{ devices: 0, reason: 'nothing listens there', nextTry: '2026-11-30T21:01:00.000Z' },
  }
  const { url } = await answeringHub(t, { status: 200, body: { upstreams: [there, away] } })
  t.same((await ranLine(`upstream list --url ${url}`)).output, [
    'attic  clown-talk  ws://attic/talk  connected  10 devices, since 2026-11-30T21:00:51.623Z',
    'gate   netzer      ws://gate/ws     away       0 devices, since 2026-11-30T21:00:51.623Z, nothing listens there, next try 2026-11-30T21:01:00.000Z',
  ])
  const none = await answeringHub(t, { status: 200, body: { upstreams: [] } })
  t.match((await ranLine(`upstream list --url ${none.url}`)).output, [/no upstreams/])
  const other = await answeringHub(t, { status: 200, body: {} })
  t.match((await ranLine(`upstream list --url ${other.url}`)).errors, [/lists upstreams/])
})

/** A gateway that gives one answer after the other, and the last one again. */
async function gateway(t: Test, ...answers: string[]) {
  const port = await freePort()
  const server = createServer((_request, response) => {
    response.end(answers.length > 1 ? answers.shift() : answers[0])
  })
  server.listen(port, '127.0.0.1')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${port}`
}

const locked = '[{"error":{"type":101,"description":"link button not pressed"}}]'
const given = '[{"success":{"username":"0123456789"}}]'

function configIn(t: Test) {
  const config = join(testFolder(t), 'clown-hub.yaml')
  const text = '# mine\nusers:\n  clown: { password: bigclown, role: admin }\n'
  writeFileSync(config, text, { mode: 0o600 })
  return { config, text, read: () => readFileSync(config, 'utf8') }
}

t.test('a gateway is added once somebody has unlocked it, and removed again', async (t) => {
  const { config, text, read } = configIn(t)
  const url = await gateway(t, locked, given)
  const adding = runLine(`upstream add deconz ${url} --name zigbee --config ${config}`)
  t.match(await adding.errors.next(), /unlock the gateway now/)
  t.equal(await adding.progress.next(), '60 s left')
  t.equal(await adding.code, 0)
  t.equal(adding.errors.items.at(-1), 'its key is in zigbee-key.txt, for you only')
  t.match(adding.output.items, [/zigbee is in .* now: it counts when the hub is started again/])
  const key = config.replace('clown-hub.yaml', 'zigbee-key.txt')
  t.equal(readFileSync(key, 'utf8'), '0123456789\n')
  t.equal(statSync(key).mode & 0o777, 0o600)
  t.match(
    read(),
    `${text}upstreams:\n  zigbee:\n    dialect: deconz\n    url: ${url}\n    keyFile: zigbee-key.txt\n`,
  )

  const again = await ranLine(`upstream add deconz ${url} --name zigbee --config ${config}`)
  t.match(again.errors, [/expected a new name, "zigbee" is in/])
  const missing = await ranLine(`upstream remove attic --config ${config}`)
  t.match(missing.errors, [/expected an upstream of .* \("zigbee"\), got "attic"/])
  t.equal((await ranLine(`upstream remove zigbee --config ${config}`)).code, 0)
  t.notMatch(read(), /zigbee/)
  const none = await ranLine(`upstream remove zigbee --config ${config}`)
  t.match(none.errors, [/\(there are none\), got "zigbee"/])
})

t.test('whatever a gateway answers instead of a key is said', async (t) => {
  const { config, text, read } = configIn(t)
  const add = (url: string) => `upstream add deconz ${url} --wait 1 --config ${config}`
  t.match((await ranLine(add(await gateway(t, locked)))).errors[1], /to be unlocked within 1 s/)
  t.match((await ranLine(add(await gateway(t, '<html>')))).errors[1], /expected a deCONZ gateway/)
  const nobody = `http://127.0.0.1:${await freePort()}`
  t.match((await ranLine(add(nobody))).errors[1], /to answer: connect ECONNREFUSED/)
  const waiting = runLine(add(await gateway(t, locked)).replace('--wait 1', '--wait 60'))
  await waiting.progress.next()
  waiting.stop()
  t.equal(await waiting.code, 130)
  t.match((await ranLine('upstream add deconz')).errors, [/expected a dialect and a URL/])
  t.equal(read(), text)
})

t.test(
  'any system is added with its secrets in files, if the hub would start with it',
  async (t) => {
    const { config, text, read } = configIn(t)
    const secret = config.replace('clown-hub.yaml', 'secret.txt')
    writeFileSync(secret, 'bigclown\n', { mode: 0o600 })
    const talk = `clown-talk ws://attic.local:8080/talk --user clown --password-file ${secret}`
    t.equal((await ranLine(`upstream add ${talk} --config ${config}`)).code, 0)
    t.match(
      read(),
      /attic:\n {4}dialect: clown-talk\n.*\n {4}user: clown\n {4}passwordFile: secret.txt/,
    )
    const box = `jeedom http://192.0.2.7 --key-file ${secret} --config ${config}`
    t.equal((await ranLine(`upstream add ${box}`)).code, 0)
    t.match(read(), /192-0-2-7:\n {4}dialect: jeedom/)
    const before = read()
    const wrong = await ranLine(`upstream add netzer nowhere --config ${config}`)
    t.match(wrong.errors, [/upstreams.upstream.url/])
    t.equal(read(), before)
    t.not(before, text)
  },
)

t.test('what is in a configuration is dialled once, and said in words', async (t) => {
  const hub = await startedHub(t)
  const node = await mqttTo(t, hub)
  await node.client.publishAsync('nodes/cellar/relay/1', '{"state":true}')
  await node.client.publishAsync('nodes/cellar/thermometer/1', '{"temperature":[20,"℃"]}')
  const silent = createServer().on('upgrade', (_request, socket) => socket.on('error', () => {}))
  const silentPort = await freePort()
  silent.listen(silentPort, '127.0.0.1')
  t.teardown(() => silent.close())
  const talk = `ws://127.0.0.1:${hub.httpPort}/talk`
  const netzer = await startedFarSide(t, { said: (_text, socket) => socket.send('{}') })
  const relay = { topic: 'c/relay/1', title: 'Pump', role: 'actuator' }
  const lines = [
    ['clown.talk/-/config/ok', { device: 'hub' }],
    ['$hub/nodes', { base: 'c', online: false, devices: [relay] }],
    ['$hub/nodes/ok', {}],
  ]
  const cellar = await startedFarSide(t, {
    opened: (socket) => {
      for (const line of lines) socket.send(JSON.stringify(line))
    },
  })
  const gateway = await startedGateway(t)
  gateway.all = { lights: {}, groups: {}, sensors: {} }
  const { config, text } = configIn(t)
  const secret = (name: string, value: string) => {
    writeFileSync(config.replace('clown-hub.yaml', name), value, { mode: 0o600 })
    return `{ dialect: clown-talk, url: "${talk}", user: clown, passwordFile: ${name} }`
  }
  const upstreams = [
    `attic: ${secret('right.txt', 'bigclown')}`,
    `wrong: ${secret('wrong.txt', 'guessed')}`,
    `nobody: { dialect: clown-talk, url: "ws://127.0.0.1:${await freePort()}/" }`,
    `silent: { dialect: clown-talk, url: "ws://127.0.0.1:${silentPort}/" }`,
    `cellar: { dialect: clown-talk, url: "ws://127.0.0.1:${cellar.port}/" }`,
    `zigbee: { dialect: deconz, url: "http://127.0.0.1:${gateway.port}", keyFile: right.txt }`,
    `board: { dialect: netzer, url: "ws://127.0.0.1:${netzer.port}/ws" }`,
  ]
  writeFileSync(config, `${text}upstreams:\n  ${upstreams.join('\n  ')}\n`)
  const test = (rest: string) => ranLine(`upstream test ${rest} --config ${config}`)

  const testing = test('--wait 2')
  // It comes and goes while the rest is read.
  while (gateway.sockets.length === 0) await new Promise(setImmediate)
  const lamp = { r: 'lights', id: '20' }
  gateway.event({ e: 'added', ...lamp, light: light('20', 'Dimmable light', {}) })
  gateway.event({ e: 'deleted', ...lamp })
  const all = await testing
  t.same(all.code, 4, 'the first that is not there is refused')
  const seen = 'reachable, signed in as clown, 2 devices seen (1 relay, 1 thermometer)'
  t.match(all.output, [
    new RegExp(`^attic +clown-talk +${talk} +${seen.replace(/[()]/g, '\\$&')}$`),
    /^wrong .* refused: expected to be let in, got HTTP 401$/,
    /^nobody .* away: expected "127.0.0.1:\d+" to answer: nothing listens there$/,
    /^silent .* late: it has not told what it has, --wait gives it more time$/,
    /^cellar .* reachable, 1 devices seen \(1 relay\), 1 of them offline$/,
    /^zigbee .* reachable, signed in as the owner of its key, 0 devices seen$/,
    /^board +netzer .* reachable, 0 devices seen$/,
  ])
  const [attic, nobody, late] = await Promise.all([
    test('attic board --json'),
    test('nobody'),
    test('silent --wait 1'),
  ])
  t.same([attic.code, nobody.code, late.code], [0, 5, 3])
  const [found] = JSON.parse(String(attic.output[0])).upstreams
  t.match(found, { name: 'attic', state: 'connected', signedIn: 'clown' })
  const topics = found.devices.map(({ topic }: { topic: string }) => topic)
  t.same(topics.sort(), [
    'upstreams/attic/nodes/cellar/relay/1',
    'upstreams/attic/nodes/cellar/thermometer/1',
  ])
  const waiting = runLine(`upstream test silent --config ${config}`)
  setImmediate(waiting.stop)
  t.equal(await waiting.code, 130)
  t.match((await test('loft')).errors, [/expected an upstream of .*"attic", .* got "loft"/])
  writeFileSync(config, text)
  t.match((await ranLine(`upstream test --config ${config}`)).errors, [
    /expected an upstream in the configuration/,
  ])
})
