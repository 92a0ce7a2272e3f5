import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { writePrivate } from '../access/users.ts'
import { createInbox, type Inbox } from '../inbox.ts'
import { publish, requireProgram } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { startLab, startProgram, unrecorded } from './started-lab.ts'

/** Sooner than after 200 ms the hub does not let a relay be switched again. */
const relayRestMs = 250

const clown = { user: 'clown', password: 'bigclown' }

/** Runs a command line as a user types it in a shell, and gives the lines it prints. */
function type(t: Test, command: string): { lines: Inbox<string>; say(line: string): void } {
  // Into a pipe, mosquitto_sub would hold its lines back; stdbuf has it write each at once.
  const child = spawn('sh', ['-c', `exec ${unrecorded.join(' ')} stdbuf -oL ${command}`], {
    detached: true,
  })
  t.teardown(() => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid)
  })
  const lines = createInbox<string>()
  createInterface({ input: child.stdout }).on('line', lines.put)
  return { lines, say: (line) => child.stdin.write(`${line}\n`) }
}

t.test('the three printed commands work as printed [1]', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const lab = await startLab(t)
  t.ok(lab.output.items.length <= 10, 'the welcome has at most ten lines')
  const topic = 'nodes/bridge/0/relay/i2c0-3b'

  const watcher = type(t, lab.command('mosquitto_sub'))
  await watcher.lines.next((line) => line === `${topic} {"state":false}`)

  const talker = type(t, lab.command('npx wscat'))
  // wscat does not say into a pipe that it is connected; a sensor that talks often shows it.
  const thermometer = 'nodes/bridge/0/thermometer/i2c0-48'
  const payload = '{"publish-interval":0.1}'
  await publish({ ...clown, port: lab.mqttPort, topic: `${thermometer}/config/set`, payload })
  await talker.lines.next((line) => line.includes('["thermometer/i2c0-48",{"temperature":['))

  type(t, lab.command('mosquitto_pub'))
  await watcher.lines.next((line) => line === `${topic}/set {"state":true}`)
  await watcher.lines.next((line) => line === `${topic} {"state":true}`)
  await talker.lines.next((line) => line.includes('["relay/i2c0-3b",{"state":true}]'))

  await delay(relayRestMs)
  talker.say(lab.output.items.at(-1)?.trim() ?? '')
  await watcher.lines.next((line) => line === `${topic} {"state":false}`)
  await talker.lines.next((line) => line.includes('["relay/i2c0-3b",{"state":false}]'))
})

t.test('a command that does not exist is told in one line on standard error', async (t) => {
  const { ended, errors, output } = startProgram(t, ['lub'])
  t.equal(await ended, 1)
  t.match(errors.items, [/^clown-hub: unknown command "lub": did you mean "lab"\?/])
  t.equal(errors.items.length, 1)
  t.same(output.items, [])
})

t.test('what the node has reported comes out as a table', async (t) => {
  const lab = await startLab(t)
  const url = `http://clown:bigclown@127.0.0.1:${lab.httpPort}`
  const table = lab.alongside('export', 'nodes/#', '--since', '1h', '--url', url)
  t.equal(await table.ended, 0)
  t.equal(table.output.items[0], 'at,topic,quantity,value,unit')
  t.match(table.output.items.join('\n'), /,nodes\/bridge\/0\/relay\/i2c0-3b,state,false,\n/)
  t.equal(await lab.end('SIGINT'), 0)
})

/**
 * A machine with much other work makes the hub late, which it says. Node.js 22 before 22.12 finds the import of
 * JSON new, which Aedes does.
 */
const harmless = /event loop|Importing JSON modules|--trace-warnings/

t.test('Ctrl-C ends it cleanly', async (t) => {
  const lab = await startLab(t)
  t.equal(await lab.end('SIGINT'), 0)
  const errors = lab.errors.items.filter((line) => !harmless.test(line))
  t.match(errors, [/"level":40,.*"msg":"lab mode: everybody knows clown/])
  t.equal(errors.length, 1)
})

t.test('a configured hub and a simulated node run as two programs', async (t) => {
  const folder = testFolder(t)
  const config = `${folder}/hub.yaml`
  const ports = 'http: { port: 0 }\nmqtt: { port: 0 }\n'
  const users = 'users: { lab: { password: "a b", role: admin } }\n'
  writePrivate(config, `${ports}${users}data: { folder: "${folder}/data" }\n`)
  const hub = startProgram(t, ['run', '--config', config])
  const line = await hub.output.next()
  const mqttPort = /MQTT port (\d+)/.exec(line)?.[1]
  const url = `mqtt://lab:a%20b@127.0.0.1:${mqttPort}`
  const node = startProgram(t, ['simulate', '--base', 'nodes/bridge/7', '--url', url])
  t.equal(await node.output.next(), `nodes/bridge/7: connected to mqtt://127.0.0.1:${mqttPort}`)
  t.equal(await node.end('SIGTERM'), 0)
  t.equal(await hub.end('SIGTERM'), 0)
  const errors = hub.errors.items.filter((text) => !harmless.test(text))
  t.ok(errors.every((text) => JSON.parse(text).name === 'clown-hub'))
})
