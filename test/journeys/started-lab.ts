import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { createInbox, type Inbox } from '../inbox.ts'

export const program = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))

/** Before a command line: it and what it starts count no coverage. */
export const unrecorded = ['env', '-u', 'NODE_OPTIONS'] as const

/** The same where nobody counts: what counts doubles the time of a start. */
const recorded = process.env['_TAPJS_PROCESSINFO_COVERAGE_'] === '1' ? [] : unrecorded

export interface StartedProgram {
  readonly output: Inbox<string>
  readonly errors: Inbox<string>
  /** Sends a signal and answers how the program ended. */
  end(signal: NodeJS.Signals): Promise<number | null>
  /** How the program ended by itself. */
  readonly ended: Promise<number | null>
}

/** Starts the built clown-hub as a user does, with `settings` in its environment. */
export function startProgram(
  t: Test,
  args: readonly string[],
  settings: Record<string, string> = {},
): StartedProgram {
  return startCommand(t, [...recorded, process.execPath, program, ...args], settings)
}

/** The same as on a user's machine: without what counts coverage. */
export function startUnrecorded(
  t: Test,
  args: readonly string[],
  settings: Record<string, string> = {},
): StartedProgram {
  return startCommand(t, [...unrecorded, process.execPath, program, ...args], settings)
}

/** Starts any command line in the same way. */
export function startCommand(
  t: Test,
  [command = '', ...args]: readonly string[],
  settings: Record<string, string>,
): StartedProgram {
  const child = spawn(command, args, { env: { ...process.env, ...settings } })
  const ended = once(child, 'close').then(([code]) => code)
  t.teardown(() => {
    child.kill('SIGKILL')
    return ended
  })
  const output = createInbox<string>()
  const errors = createInbox<string>()
  createInterface({ input: child.stdout }).on('line', output.put)
  createInterface({ input: child.stderr }).on('line', errors.put)
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal)
    return ended
  }
  return { output, errors, ended, end }
}

export interface StartedLab extends StartedProgram {
  readonly httpPort: number
  readonly mqttPort: number
  /** The lines that begin with `program`, as a user would copy them. */
  command(program: string): string
  /** Runs another clown-hub where the lab runs. */
  alongside(...args: string[]): StartedProgram
}

/**
 * A hub in lab mode on free ports, ready when it has printed its last line. The ports of other systems'
 * languages are taken by tests that run at the same time: `dialects` are those that are wanted.
 */
export async function startLab(
  t: Test,
  settings: Record<string, string> = {},
  dialects = 'none',
): Promise<StartedLab> {
  return startLabIn(t, { settings, dialects })
}

/** The same in a network of its own: `prefix` stands before each command line. */
export async function startLabIn(
  t: Test,
  {
    prefix = [],
    settings = {},
    dialects = 'none',
  }: { prefix?: readonly string[]; settings?: Record<string, string>; dialects?: string },
): Promise<StartedLab> {
  const ports = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0' }
  const alongside = (...args: string[]) =>
    startCommand(t, [...prefix, process.execPath, program, ...args], { ...ports, ...settings })
  const lab = alongside('lab', '--dialects', dialects)
  const http = await lab.output.next((line) => line.includes('http://'))
  const mqtt = await lab.output.next((line) => line.includes('mqtt://'))
  await lab.output.next((line) => line.startsWith('  ["relay/'))
  return {
    ...lab,
    httpPort: portIn(http),
    mqttPort: portIn(mqtt),
    alongside,
    command: (name) => lab.output.items.find((line) => line.startsWith(`  ${name} `))?.trim() ?? '',
  }
}

function portIn(line: string): number {
  return Number(/:(\d+)/.exec(line)?.[1])
}
