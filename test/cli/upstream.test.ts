import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePort } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
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
