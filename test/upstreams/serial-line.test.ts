import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
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
  const bridge = { dialect: 'clown-talk', url: `serial:${path}` } as const
  const { hub, ears, status } = await startedDialling(t, { bridge })
  t.match(await status((each) => each.state === 'away'), {
    reason: /^expected a serial line: .*No such file or directory, cannot open .*ttyACM0$/,
  })

  const board = await pluggedBoard(t, socat, path)
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

t.test('a serial line is let go of in whatever state it is', async (t) => {
  const socat = requireProgram(t, 'socat')
  if (socat === undefined) return
  const path = join(testFolder(t), 'ttyS2')
  await pluggedBoard(t, socat, path)
  const open = () => openSerialLine({ path, baudRate: 115_200 })
  const opening = open()
  opening.destroy()
  await once(opening, 'close')
  // Only one program has it at a time: it was let go of.
  await pluggedBoard(t, socat, `${path}-again`)
  const next = openSerialLine({ path: `${path}-again`, baudRate: 115_200 })
  await once(next, 'open')
  next.destroy()
  await once(next, 'close')
  next.destroy()

  const missing = openSerialLine({ path: `${path}-nowhere`, baudRate: 115_200 })
  const refused = new Promise((resolve) => missing.once('error', resolve))
  missing.destroy()
  t.match(await refused, /No such file/)
  const failed = openSerialLine({ path: `${path}-nowhere`, baudRate: 115_200 })
  await new Promise((resolve) => failed.once('error', resolve))
  failed.destroy()
  await once(failed, 'close')
})

t.test('a serial line without the package for it', async (t) => {
  const load = () => {
    throw new Error("Cannot find module 'serialport'")
  }
  t.throws(() => openSerialLine({ path: '/dev/ttyACM0', baudRate: 115_200 }, load), {
    code: 'bad-config',
    message: 'expected the package serialport for a serial line: npm install serialport',
  })
})
