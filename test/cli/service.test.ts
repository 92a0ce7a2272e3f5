import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { tellServiceManager } from '../../src/cli/service-manager.ts'
import { writePrivate } from '../access/users.ts'
import { createInbox } from '../inbox.ts'
import { requireProgram, run } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { ranLine, runLine } from './run-line.ts'

t.test('the unit is in order, and shut off from the rest', async (t) => {
  const analyze = requireProgram(t, 'systemd-analyze')
  if (analyze === undefined) return
  const folder = testFolder(t)
  const config = join(folder, 'a hub.yaml')
  writeFileSync(join(folder, 'hub.yaml'), 'users: {}\n')
  writeFileSync(config, 'users: {}\n')
  const { code, output } = await ranLine(
    `service install --config ${join(folder, 'hub.yaml')} --user root --folder ${folder}`,
  )
  t.equal(code, 0)
  t.match(output, [/^wrote .*clown-hub\.service/, /systemctl enable --now clown-hub/, /journalctl/])
  const file = join(folder, 'clown-hub.service')
  const unit = readFileSync(file, 'utf8')
  t.match(unit, `ReadWritePaths=${folder}\n`)
  // Of a checkout the program is not built; what is in the package is.
  const built = unit.replace(/\S+bin\.js/, process.execPath)
  writeFileSync(file, built)
  const verified = await run(analyze, ['verify', file])
  t.same(verified, { code: 0, output: '' })
  const security = await run(analyze, ['security', '--offline=true', '--threshold=20', file])
  t.equal(security.code, 0, security.output.split('\n').slice(-3).join(' '))
})

t.test('what a unit would not understand is quoted, and the owner is its user', async (t) => {
  const folder = testFolder(t)
  const { code, errors } = await ranLine(`service print --config ${folder}/none.yaml`)
  t.equal(code, 1)
  t.match(errors, [/expected a configuration at .*none\.yaml": "clown-hub init" writes one/])
  const config = join(folder, 'a$%".yaml')
  writeFileSync(config, '')
  const printed = await ranLine(`service print --config ${config}`)
  t.match(printed.output[0], 'a$$%%\\".yaml"')
  t.match(printed.output[0], /^User=\d+$/m)
  const refused = await ranLine(`service install --config ${config} --folder ${folder}/none`)
  t.match(refused.errors, [/expected to write ".*none\/clown-hub\.service", as root: ENOENT/])
})

/** Prints each datagram that comes to a socket. */
const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('listening', flush=True)
while True:
    print(s.recv(4096).decode().replace('\\n', ' '), flush=True)
`

t.test('a service manager hears that the hub is ready, lives, and ends', async (t) => {
  const python = requireProgram(t, 'python3')
  if (python === undefined || requireProgram(t, 'systemd-notify') === undefined) return
  const folder = testFolder(t)
  // Such a path has 107 bytes at most.
  const short = mkdtempSync(join(tmpdir(), 'notify-'))
  t.teardown(() => rmSync(short, { recursive: true }))
  const socket = join(short, 'socket')
  const heard = createInbox<string>()
  const child = spawn(python, ['-c', listener, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill())
  createInterface({ input: child.stdout }).on('line', heard.put)
  await heard.next((line) => line === 'listening')
  t.ok(existsSync(socket))
  const config = join(folder, 'hub.yaml')
  writePrivate(config, 'users: { a: { password: b } }\nlog: { level: silent }\n')
  const environment = {
    PATH: String(process.env['PATH']),
    NOTIFY_SOCKET: socket,
    WATCHDOG_USEC: '100000',
    CLOWN_HTTP_PORT: '0',
    CLOWN_MQTT_PORT: '0',
    CLOWN_DATA_FOLDER: '',
  }
  const { code, stop } = runLine(`run --config ${config}`, { environment })
  t.match(await heard.next((line) => line.includes('READY=1')), /READY=1/)
  await heard.next((line) => line.includes('WATCHDOG=1'))
  stop()
  await heard.next((line) => line.includes('STOPPING=1'))
  t.equal(await code, 0)

  const { WATCHDOG_USEC: _, ...unwatched } = environment
  const tellEnd = tellServiceManager({ environment: unwatched })
  await heard.next((line) => line.includes('READY=1'))
  tellEnd()
  await heard.next((line) => line.includes('STOPPING=1'))
})
