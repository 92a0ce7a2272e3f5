import { HubError, reasonOf } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import { readRelease } from '../core/release.ts'
import { aclTest } from './acl-test.ts'
import { backup } from './backup.ts'
import { checkConfigFile } from './check-config.ts'
import type { Command, Terminal } from './command.ts'
import { deconzForget, deconzKeys, deconzUnlock } from './deconz.ts'
import { doctor } from './doctor.ts'
import { exportHistory } from './export-history.ts'
import { importMosquitto } from './import-mosquitto.ts'
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
  ['import mosquitto', importMosquitto],
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
  const [first = 'help', ...rest] = args
  if (isHelp(first) || first === 'help') printHelp(rest, terminal)
  else if (args.some(isHelp)) printHelp(args, terminal)
  else if (['--version', '-V'].includes(first)) terminal.print(readRelease().version)
  else {
    const { name, command } = findCommand(args)
    return command.run(args.slice(name.split(' ').length), terminal)
  }
  return 0
}

function isHelp(word: string): boolean {
  return word === '--help' || word === '-h'
}

/** The commands of two words that begin with `word`. */
function namesAfter(word: string): string[] {
  return names.filter((name) => name.startsWith(`${word} `))
}

/** @throws HubError `bad-command-line` when no command begins a line so. */
function findCommand([first = '', second]: readonly string[]): { name: string; command: Command } {
  const longer = namesAfter(first)
  const name = longer.length > 0 && second !== undefined ? `${first} ${second}` : first
  const command = commands.get(name)
  if (command !== undefined) return { name, command }
  // Who writes the first word of a command of two knows what it is called.
  const meant = longer.length > 0 && second === undefined ? undefined : nearest(name, names)
  const others = longer.length > 0 ? `: it is one of ${longer.join(', ')}` : ''
  const hint = meant === undefined ? `${others}.` : `: did you mean "${meant}"?`
  throw new HubError('bad-command-line', `unknown command "${name}"${hint} See clown-hub help`)
}

/** Says what one command does, or those that begin with a word, or all. */
function printHelp(args: readonly string[], { print }: Terminal): void {
  const [first, second] = args.filter((word) => !word.startsWith('-'))
  const group = first === undefined || second !== undefined ? [] : namesAfter(first)
  if (first === undefined) {
    print('Clown.Hub: websockets that speak ["topic", payload], an MQTT broker, and hardware nodes')
    print('"clown-hub help COMMAND" is about one of these:\n')
  }
  const asked = first === undefined ? names : group
  const shown = asked.length > 0 ? asked : [findCommand(args).name]
  for (const [name, { usage, summary }] of commands) {
    if (!shown.includes(name)) continue
    print(`  ${wrapped(`clown-hub ${usage}`, 12)}\n      ${wrapped(summary, 6)}`)
  }
}

/** `text` in lines that fit a terminal, all but the first with `indent` spaces before them. */
function wrapped(text: string, indent: number): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const longer = [...lines.slice(-1), word].join(' ')
    if (lines.length > 0 && longer.length + indent <= lineLength) lines.splice(-1, 1, longer)
    else lines.push(word)
  }
  return lines.join(`\n${' '.repeat(indent)}`)
}

const lineLength = 80

/** One line for the user. What is no HubError is a defect of ours, and says so. */
function sentenceOf(error: unknown): string {
  const [line = ''] = reasonOf(error).split('\n', 1)
  return error instanceof HubError ? line : `unexpected: ${line}; please report this as a defect`
}
