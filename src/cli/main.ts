import { closest } from 'fastest-levenshtein'
import { HubError, reasonOf } from '../core/errors.ts'
import { readRelease } from '../core/release.ts'
import { aclTest } from './acl-test.ts'
import { backup } from './backup.ts'
import { checkConfigFile } from './check-config.ts'
import type { Command, Terminal } from './command.ts'
import { deconzForget, deconzKeys, deconzUnlock } from './deconz.ts'
import { doctor } from './doctor.ts'
import { exportHistory } from './export-history.ts'
import { init } from './init.ts'
import { lab } from './lab.ts'
import { listCommands } from './list-commands.ts'
import { listNodes } from './list-nodes.ts'
import { lockDevice, unlockDevice } from './lock.ts'
import { repair } from './repair.ts'
import { restore } from './restore.ts'
import { run } from './run.ts'
import { setDevice } from './set.ts'
import { simulate } from './simulate.ts'
import { subscribe } from './subscribe.ts'
import { userAdd } from './user-add.ts'
import { userAllow, userDeny } from './user-allow.ts'
import { userList } from './user-list.ts'
import { userPassword } from './user-password.ts'
import { userRemove } from './user-remove.ts'
import { userToken } from './user-token.ts'
import { wipe } from './wipe.ts'

/** By name, which may be two words. */
const commands: ReadonlyMap<string, Command> = new Map([
  ['lab', lab],
  ['init', init],
  ['run', run],
  ['check-config', checkConfigFile],
  ['doctor', doctor],
  ['user add', userAdd],
  ['user allow', userAllow],
  ['user deny', userDeny],
  ['user remove', userRemove],
  ['user list', userList],
  ['user password', userPassword],
  ['user token', userToken],
  ['acl test', aclTest],
  ['set', setDevice],
  ['lock', lockDevice],
  ['unlock', unlockDevice],
  ['commands', listCommands],
  ['nodes', listNodes],
  ['sub', subscribe],
  ['export', exportHistory],
  ['deconz unlock', deconzUnlock],
  ['deconz keys', deconzKeys],
  ['deconz forget', deconzForget],
  ['backup', backup],
  ['restore', restore],
  ['wipe', wipe],
  ['repair', repair],
  ['simulate', simulate],
])

const names = [...commands.keys()]

export interface MainTerminal extends Terminal {
  printError(line: string): void
}

/**
 * Runs one command line and answers the exit code: 0, or 1 after one line that says what is wrong,
 * or what the command says.
 */
export async function main(args: string[], terminal: MainTerminal): Promise<number> {
  try {
    return (await dispatch(args, terminal)) ?? 0
  } catch (error) {
    terminal.printError(`clown-hub: ${sentenceOf(error)}`)
    return 1
  }
}

async function dispatch(args: string[], terminal: Terminal): Promise<number | undefined> {
  const [first = 'help', second] = args
  if (['help', '--help', '-h'].includes(first) || args.includes('--help')) printHelp(terminal)
  else if (['--version', '-V'].includes(first)) terminal.print(readRelease().version)
  else {
    const words = second !== undefined && namesAfter(first).length > 0 ? 2 : 1
    return findCommand(args.slice(0, words).join(' ')).run(args.slice(words), terminal)
  }
  return 0
}

/** The commands of two words that begin with `word`. */
function namesAfter(word: string): string[] {
  return names.filter((name) => name.startsWith(`${word} `))
}

function findCommand(name: string): Command {
  const command = commands.get(name)
  if (command !== undefined) return command
  const nearest = closest(name, names)
  const longer = namesAfter(name)
  const hint =
    longer.length > 0 ? `it is one of ${longer.join(', ')}.` : `did you mean "${nearest}"?`
  throw new HubError('bad-command-line', `unknown command "${name}": ${hint} See clown-hub help`)
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
