/** What a service manager is told of a hub, as sd_notify(3) has it. */
import { execFile } from 'node:child_process'
import { every } from '../core/clock.ts'
import type { Terminal } from './terminal.ts'

/**
 * Tells systemd that the hub is ready, and from then on that it lives, as often as its watchdog wants. Node.js has no
 * datagrams of Unix, so a program does it that comes with systemd. Returns what tells of the end. Without a service
 * manager that asks for it, nothing is told.
 */
export function tellServiceManager({ environment }: Pick<Terminal, 'environment'>): () => void {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: watchdog } = environment
  if (socket === undefined) return () => {}
  const tell = (state: string) => {
    const args = ['--no-block', `--pid=${process.pid}`, state]
    // Whoever misses the word says so: the service does not become ready.
    execFile('systemd-notify', args, { env: { ...environment } }, () => {})
  }
  tell('READY=1')
  const stop =
    watchdog === undefined ? undefined : every(Number(watchdog) / 2000, () => tell('WATCHDOG=1'))
  return () => {
    stop?.()
    tell('STOPPING=1')
  }
}
