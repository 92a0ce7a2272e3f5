/**
 * The process that has a serial line open, for `openSerialLine`: the bytes of the line are its standard input and output,
 * and it tells by IPC whether the line is open. The native part of the package serialport spins in the clean-up of Node.js,
 * so that whoever has loaded it is killed, and never ends by itself.
 */
import { createRequire } from 'node:module'

const [path, baudRate] = process.argv.slice(2)
const end = () => process.kill(process.pid, 'SIGKILL')
const tell = (message: string, then: () => void = () => {}) => process.send?.(message, then)

// The hub has ended, however it did.
process.on('disconnect', end)
// Ctrl-C is for the hub, which ends this one; and SIGUSR1 would open a debugger to all of this machine.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const)
  process.on(signal, () => {})

const fail = (error: unknown) => tell(String(Object(error).message), end)
process.on('uncaughtException', fail)

const { SerialPort } = createRequire(import.meta.url)('serialport')
const port = new SerialPort({ path, baudRate: Number(baudRate) })
port
  .on('open', () => tell('open'))
  .on('error', fail)
  .on('close', end)
port.pipe(process.stdout)
process.stdin.pipe(port)
