// What does a house write to its disk in a day? A house of 40 devices at 4 messages a second, 95 % of them at QoS 0, a
// quarter retained, for some minutes (the argument, or 5), on the built hub with a data folder. Bytes are those that the
// kernel counts for the process, syncs those that strace sees; both are taken once the start is over. LevelDB makes
// tables of its log only every few hours, so what that costs is added, as 120 MB of such batches have shown.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connectAsync } from 'mqtt'
import { freePort } from '../test/programs.ts'

const program = fileURLToPath(new URL('../dist/cli/bin.js', import.meta.url))
const minutes = Number(process.argv[2] ?? 5)
const devices = 40
const everyMs = 250

/** Bytes of tables for each byte of the log. */
const tableFactor = 0.8

const folder = mkdtempSync(join(tmpdir(), 'clown-disk-'))
const port = await freePort()
const config = {
  http: { port: 0 },
  mqtt: { port },
  users: { house: { password: 'house', role: 'admin' } },
  data: { folder: join(folder, 'data') },
  log: { level: 'error' },
}
writeFileSync(join(folder, 'clown-hub.yaml'), JSON.stringify(config), { mode: 0o600 })
const trace = join(folder, 'syncs')
const strace = ['-f', '-qq', '-e', 'trace=fsync,fdatasync', '-e', 'signal=none', '-o', trace]
const hub = spawn(
  'strace',
  [...strace, process.execPath, program, 'run', '--config', join(folder, 'clown-hub.yaml')],
  { stdio: ['ignore', 'pipe', 'inherit'] },
)
await once(hub.stdout, 'data')
const pid = Number(readFileSync(`/proc/${hub.pid}/task/${hub.pid}/children`, 'utf8').split(' ')[0])
const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
  username: 'house',
  password: 'house',
})

/** So far. */
function writtenBytes(): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}

function syncs(): number {
  return readFileSync(trace, 'utf8').split('sync(').length - 1
}

function logBytes(): number {
  const store = join(folder, 'data/store')
  const logs = readdirSync(store).filter((name) => name.endsWith('.log'))
  return logs.reduce((sum, name) => sum + statSync(join(store, name)).size, 0)
}

let count = 0
const timer = setInterval(() => {
  count += 1
  const device = (count * 7) % devices
  const value = {
    temperature: [20 + (count % 97) / 10, '℃'],
    humidity: 40 + (count % 23),
    battery: 80,
  }
  const options = { qos: count % 20 === 0 ? 1 : 0, retain: device % 4 === 0 } as const
  client.publish(`nodes/house/0/thermometer/${device}:0`, JSON.stringify(value), options)
}, everyMs)

// The reserve file is written, and every device is known.
await pause(15_000)
const before = { bytes: writtenBytes(), syncs: syncs(), log: logBytes(), atMs: performance.now() }
await pause(minutes * 60_000)
const perDay = 86_400_000 / (performance.now() - before.atMs)
const log = (logBytes() - before.log) * perDay
const bytes = (writtenBytes() - before.bytes) * perDay
const mebibyte = 1_048_576
console.log(`syncs a day      ${Math.round((syncs() - before.syncs) * perDay)}`)
console.log(`written a day    ${((bytes + tableFactor * log) / mebibyte).toFixed(0)} MiB`)
console.log(`  as counted     ${(bytes / mebibyte).toFixed(0)} MiB`)
console.log(
  `  of it the log  ${(log / mebibyte).toFixed(0)} MiB, and ${tableFactor} times that for tables`,
)
clearInterval(timer)
await client.endAsync(true)
process.kill(pid, 'SIGTERM')
await once(hub, 'exit')
rmSync(folder, { recursive: true })
