import { closest } from 'fastest-levenshtein'
import { HubError, reasonOf } from '../core/errors.ts'
import { readRelease } from '../core/release.ts'
import { checkConfigFile } from './check-config.ts'
import type { Command, Terminal } from './command.ts'
import { lab } from './lab.ts'
import { run } from './run.ts'
import { simulate } from './simulate.ts'

const commands: ReadonlyMap<string, Command> = new Map([
  ['lab', lab],
  ['run', run],
  ['check-config', checkConfigFile],
  ['simulate', simulate],
])

export interface MainTerminal extends Terminal {
  printError(line: string): void
}

/** Runs one command line and answers the exit code: 0, or 1 after one line that says what is wrong. */
export async function main(args: string[], terminal: MainTerminal): Promise<number> {
  try {
    await dispatch(args, terminal)
    return 0
  } catch (error) {
    terminal.printError(`clown-hub: ${sentenceOf(error)}`)
    return 1
  }
}

async function dispatch([name = 'help', ...rest]: string[], terminal: Terminal) {
  if (['help', '--help', '-h'].includes(name)) printHelp(terminal)
  else if (['--version', '-V'].includes(name)) terminal.print(readRelease().version)
  else if (rest.includes('--help')) printHelp(terminal)
  else await findCommand(name).run(rest, terminal)
}

function findCommand(name: string): Command {
  const command = commands.get(name)
  if (command !== undefined) return command
  const known = [...commands.keys()]
  const message = `unknown command "${name}": did you mean "${closest(name, known)}"? See clown-hub help`
  throw new HubError('bad-command-line', message)
}

function printHelp({ print }: Terminal): void {
  print('Clown.Hub: websockets that speak ["topic", payload], an MQTT broker, and hardware nodes\n')
  for (const { usage, summary } of commands.values())
    print(`  clown-hub ${usage}\n      ${summary}`)
}

/** One line for the user. What is no HubError is a defect of ours, and says so. */
function sentenceOf(error: unknown): string {
  const [line = ''] = reasonOf(error).split('\n', 1)
  return error instanceof HubError ? line : `unexpected: ${line}; please report this as a defect`
}
