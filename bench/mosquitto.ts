import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../test/programs.ts'

export interface StartedMosquitto {
  readonly child: ChildProcess
  readonly port: number
  readonly websocketPort: number
}

/** Mosquitto as fast as it can be: it keeps nothing, and nothing waits, neither for Nagle nor for a queue. */
export async function startMosquitto(): Promise<StartedMosquitto> {
  const folder = mkdtempSync(join(tmpdir(), 'mosquitto-'))
  const port = await freePort()
  const websocketPort = await freePort()
  const file = join(folder, 'mosquitto.conf')
  const lines = [
    `listener ${port} 127.0.0.1`,
    `listener ${websocketPort} 127.0.0.1`,
    'protocol websockets',
    `user ${userInfo().username}`,
    'allow_anonymous true',
    'persistence false',
    'set_tcp_nodelay true',
    'max_inflight_messages 0',
    'max_queued_messages 0',
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const path = `${process.env['PATH']}:/usr/sbin:/usr/local/sbin`
  const child = spawn('mosquitto', ['-c', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: path },
  })
  child.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  for await (const line of child.stderr) if (String(line).includes(' running')) break
  return { child, port, websocketPort }
}
