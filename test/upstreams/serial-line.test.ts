import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openSerialLine } from '../../src/upstreams/far-stream.ts'
import { createInbox, type Inbox } from '../inbox.ts'
import { requireProgram } from '../programs.ts'
import { talkTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { outcome, startedDialling } from './dialled-hub.ts'

interface Board {
  /** What it is told, line by line. */
  readonly heard: Inbox<string>
  say(text: string): void
  /** Pulls its plug. */
  pull(): Promise<void>
}

/** A board on a serial line, which is at `path` while it is plugged in. */
async function pluggedBoard(t: Test, socat: string, path: string): Promise<Board> {
  const args = ['-d', '-d', `pty,raw,echo=0,link=${path}`, 'stdio']
  const process: ChildProcess = spawn(socat, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const { stdin, stdout, stderr } = process
  if (!stdin || !stdout || !stderr) throw new Error('expected pipes')
  const exited = once(process, 'exit')
  const pull = async () => {
    process.kill('SIGKILL')
    await exited
  }
  t.teardown(pull)
  stdin.on('error', () => {})
  const heard = createInbox<string>()
  createInterface(stdout).on('line', heard.put)
  const told = createInbox<string>()
  createInterface(stderr).on('line', told.put)
  await told.next((line) => line.includes('starting data transfer loop'))
  return { heard, say: (text) => stdin.write(text), pull }
}

const isList = (line: string) => line === '["-/-/config/list",{}]'
const state = (payload: Buffer) => JSON.parse(String(payload))

t.test('the bridge of the original on a serial line, pulled and plugged in again', async (t) => {
  const socat = requireProgram(t, 'socat')
  if (socat === undefined) return
  const path = join(testFolder(t), 'ttyACM0')
  const board = await pluggedBoard(t, socat, path)
  const bridge = { dialect: 'clown-talk', url: `serial:${path}` } as const
  const { hub, ears, status } = await startedDialling(t, { bridge })
  await board.heard.next(isList)
  // It was amid a line, says what nobody understands, and its own log.
  board.say('mometer/-", {"temp\n\u0000\xff{]\r\n# a log line\r\n[1, 2]\n')
  board.say('["boot", {"reason-for-reset":"power-on"}]\n["thermometer/i2c0-48", {"temper')
  board.say('ature":[20.01,"℃"]}]\r\n["relay/i2c0-3b", {"state":false}]\n')
  await status((each) => each.state === 'connected')
  const warm = await ears.on('upstreams/bridge/-/thermometer/i2c0-48')
  t.same(state(warm.payload), { temperature: [20.01, '℃'] })
  await ears.on('upstreams/bridge/-/relay/i2c0-3b')

  const talk = await talkTo(t, hub, '/talk')
  const ends = outcome(talk, 'upstreams/bridge/-/relay/i2c0-3b', { state: true })
  await board.heard.next((line) => line === '["relay/i2c0-3b/set",{"state":true}]')
  board.say('["relay/i2c0-3b", {"state":true}]\n')
  t.same(await ends, ['accepted', 'sent', 'confirmed'])

  await board.pull()
  t.match(await status((each) => each.state === 'away'), { reason: /has closed/, devices: 2 })
  const gone = await outcome(talk, 'upstreams/bridge/-/relay/i2c0-3b', { state: false })
  t.match(gone, ['node-offline'])
  const again = await pluggedBoard(t, socat, path)
  await again.heard.next(isList)
  const back = outcome(talk, 'upstreams/bridge/-/relay/i2c0-3b', { state: false })
  await again.heard.next((line) => line === '["relay/i2c0-3b/set",{"state":false}]')
  t.ok(await again.heard.next(isList), 'a sign of life is asked for')
  again.say('["relay/i2c0-3b", {"state":false}]\n')
  t.same(await back, ['accepted', 'sent', 'confirmed'])
})

t.test('a serial line on which nobody speaks the language', async (t) => {
  const socat = requireProgram(t, 'socat')
  if (socat === undefined) return
  const path = join(testFolder(t), 'ttyS1')
  const board = await pluggedBoard(t, socat, path)
  const other = { dialect: 'clown-talk', url: `serial:${path}`, baudRate: 9600 } as const
  const { status } = await startedDialling(t, { other })
  await board.heard.next()
  board.say('rubbish\n'.repeat(51))
  const reason = 'expected ["topic", payload], got "rubbish"'
  t.match(await status((each) => each.state === 'away'), { reason })
})

t.test('a serial line is let go of in whatever state it is, and needs its package', async (t) => {
  const socat = requireProgram(t, 'socat')
  if (socat === undefined) return
  const folder = testFolder(t)
  const path = join(folder, 'ttyS2')
  const board = await pluggedBoard(t, socat, path)
  const opening = openSerialLine({ path, baudRate: 115_200 })
  opening.on('error', () => {}).destroy()
  await new Promise<void>((resolve) => opening.once('close', resolve))

  const missing = openSerialLine({ path: 'COM3', baudRate: 115_200 })
  t.match((await once(missing, 'error'))[0], { message: /No such file .*COM3/ })
  t.throws(() => openSerialLine({ path: '/n', baudRate: 115_200 }), {
    code: 'cannot-connect',
    message: 'expected a serial line at "/n": nothing is plugged in there',
  })
  t.throws(() => openSerialLine({ path: `${path}/n`, baudRate: 9600 }), { message: /ENOTDIR/ })

  const hide = join(folder, 'hide.cjs')
  writeFileSync(hide, hidesThePackage)
  const { NODE_OPTIONS } = process.env
  process.env['NODE_OPTIONS'] = `--require ${hide}`
  const without = openSerialLine({ path, baudRate: 115_200 })
  if (NODE_OPTIONS === undefined) delete process.env['NODE_OPTIONS']
  else process.env['NODE_OPTIONS'] = NODE_OPTIONS
  t.match((await once(without, 'error'))[0], {
    message: 'the package for it is missing: npm install serialport',
  })
  await board.pull()
})

const hidesThePackage = `
const Module = require('node:module')
const resolve = Module._resolveFilename
Module._resolveFilename = function (request, ...rest) {
  if (request === 'serialport') throw new Error("Cannot find module 'serialport'")
  return resolve.call(this, request, ...rest)
}
`

t.test('whoever is killed leaves nobody on its serial line', async (t) => {
  const socat = requireProgram(t, 'socat')
  if (socat === undefined) return
  const folder = testFolder(t)
  const path = join(folder, 'ttyS3')
  const board = await pluggedBoard(t, socat, path)
  const door = new URL('../../src/upstreams/far-stream.ts', import.meta.url)
  const program = join(folder, 'hub.mjs')
  const lines = `
    const { openSerialLine } = await import(${JSON.stringify(door.href)})
    const line = openSerialLine({ path: ${JSON.stringify(path)}, baudRate: 115200 })
    line.on('open', () => { line.write('here\\n'); console.log('open') })`
  writeFileSync(program, lines)
  const hub = spawn(process.execPath, [...process.execArgv, program])
  t.teardown(() => hub.kill('SIGKILL'))
  await Promise.all([once(hub.stdout, 'data'), board.heard.next((line) => line === 'here')])
  const [child] = readFileSync(`/proc/${hub.pid}/task/${hub.pid}/children`, 'utf8').split(' ')
  t.ok(existsSync(`/proc/${child}`))
  hub.kill('SIGKILL')
  while (existsSync(`/proc/${child}`)) await delay(20)
  t.pass('its process has ended as well')
})
