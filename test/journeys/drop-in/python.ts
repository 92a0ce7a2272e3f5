import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { createInbox, type Inbox } from '../../inbox.ts'
import { skipMissing } from '../../missing.ts'
import { run } from '../../programs.ts'

/** Debian's own: one that is first on the path may know nothing of Debian's packages. */
const python = '/usr/bin/python3'

const debianPackages = {
  'paho.mqtt.client': 'python3-paho-mqtt',
  websocket: 'python3-websocket',
} as const

/** Whether `module` is there. Where it is not the test says so and skips, or fails in CI: the caller returns. */
export async function requirePython(
  t: Test,
  module: keyof typeof debianPackages,
): Promise<boolean> {
  const { code } = await run(python, ['-c', `import ${module}`])
  if (code === 0) return true
  skipMissing(t, `needs ${module} for Python: apt-get install ${debianPackages[module]}`)
  return false
}

export interface PythonProgram extends Inbox<string> {
  /** Says a line to it. */
  say(line: string): void
}

/** Runs a program on Debian's Python, whose lines come into the inbox; ended at teardown. */
export function startPython(t: Test, program: string, args: readonly unknown[]): PythonProgram {
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
