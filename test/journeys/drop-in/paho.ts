import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { createInbox, type Inbox } from '../../inbox.ts'
import { skipMissing } from '../../missing.ts'
import { run } from '../../programs.ts'

/** Debian's own: one that is first on the path may know nothing of Debian's packages. */
const python = '/usr/bin/python3'

/** Whether paho is there. Where it is not the test says so and skips, or fails in CI: the caller returns. */
export async function requirePaho(t: Test): Promise<boolean> {
  const { code } = await run(python, ['-c', 'import paho.mqtt.client'])
  if (code === 0) return true
  skipMissing(t, 'needs paho for Python: apt-get install python3-paho-mqtt')
  return false
}

export interface PahoProgram extends Inbox<string> {
  /** Says a line to it. */
  say(line: string): void
}

/** Runs a program of lines on Debian's paho, whose lines on standard output come into the inbox; ended at teardown. */
export function startPaho(
  t: Test,
  program: string,
  args: readonly (string | number)[],
): PahoProgram {
  const inbox = createInbox<string>()
  const child = spawn(python, ['-u', '-c', program, ...args.map(String)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', inbox.put)
  }
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { ...inbox, say: (line) => void child.stdin.write(`${line}\n`) }
}
