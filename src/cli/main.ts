import { HubError, nearest, reasonOf } from '../core/errors.ts'
import { readRelease } from '../core/release.ts'
import type { CliCommand } from './arguments.ts'
import type { Terminal } from './terminal.ts'

type Loader = () => Promise<CliCommand>

/** By title, as help lists them: a name may be two words. A command loads what it needs, and none waits for the others. */
const groups: readonly (readonly [
  title: string,
  commands: readonly (readonly [string, Loader])[],
])[] = [
  [
    'Starting a hub',
    [
      ['lab', async () => (await import('./lab.ts')).lab],
      ['init', async () => (await import('./init.ts')).init],
      ['run', async () => (await import('./run.ts')).run],
      ['service print', async () => (await import('./service.ts')).servicePrint],
      ['service install', async () => (await import('./service.ts')).serviceInstall],
      ['check-config', async () => (await import('./check-config.ts')).checkConfigFile],
      ['doctor', async () => (await import('./doctor.ts')).doctor],
      ['upstream add', async () => (await import('./upstream.ts')).upstreamAdd],
      ['upstream test', async () => (await import('./upstream.ts')).upstreamTest],
      ['upstream remove', async () => (await import('./upstream.ts')).upstreamRemove],
      ['import mosquitto', async () => (await import('./import-mosquitto.ts')).importMosquitto],
    ],
  ],
  [
    'Users and rights',
    [
      ['user add', async () => (await import('./user-add.ts')).userAdd],
      ['user allow', async () => (await import('./user-allow.ts')).userAllow],
      ['user deny', async () => (await import('./user-allow.ts')).userDeny],
      ['user remove', async () => (await import('./user-remove.ts')).userRemove],
      ['user list', async () => (await import('./user-list.ts')).userList],
      ['user password', async () => (await import('./user-password.ts')).userPassword],
      ['user token', async () => (await import('./user-token.ts')).userToken],
      ['user totp', async () => (await import('./user-totp.ts')).userTotp],
      ['ban add', async () => (await import('./ban.ts')).banAdd],
      ['ban list', async () => (await import('./ban.ts')).banList],
      ['ban remove', async () => (await import('./ban.ts')).banRemove],
      ['class add', async () => (await import('./class.ts')).classAdd],
      ['class simulate', async () => (await import('./class.ts')).classSimulate],
      ['class freeze', async () => (await import('./class.ts')).classFreeze],
      ['class reset', async () => (await import('./class.ts')).classReset],
      ['acl test', async () => (await import('./acl-test.ts')).aclTest],
    ],
  ],
  [
    'Asking a running hub',
    [
      ['login', async () => (await import('./login.ts')).login],
      ['logout', async () => (await import('./login.ts')).logout],
      ['pub', async () => (await import('./publish.ts')).publish],
      ['sub', async () => (await import('./subscribe.ts')).subscribe],
      ['get', async () => (await import('./get.ts')).get],
      ['set', async () => (await import('./set.ts')).setDevice],
      ['label', async () => (await import('./label.ts')).labelDevice],
      ['talk', async () => (await import('./talk.ts')).talk],
      ['device replace', async () => (await import('./kept.ts')).replaceDevice],
      ['forget', async () => (await import('./kept.ts')).forget],
      ['lock', async () => (await import('./lock.ts')).lockDevice],
      ['unlock', async () => (await import('./lock.ts')).unlockDevice],
      ['top', async () => (await import('./top.ts')).top],
      ['chart', async () => (await import('./chart.ts')).chart],
      ['trace', async () => (await import('./trace.ts')).trace],
      ['commands', async () => (await import('./list-commands.ts')).listCommands],
      ['devices', async () => (await import('./list-devices.ts')).listDevices],
      ['upstream list', async () => (await import('./upstream.ts')).upstreamList],
      ['nodes', async () => (await import('./list-nodes.ts')).listNodes],
      ['export', async () => (await import('./export-history.ts')).exportCommand],
      ['deconz unlock', async () => (await import('./dialect-keys.ts')).deconzUnlock],
      ['deconz keys', async () => (await import('./dialect-keys.ts')).deconz.keys],
      ['deconz forget', async () => (await import('./dialect-keys.ts')).deconz.forget],
      ['jeedom keys', async () => (await import('./dialect-keys.ts')).jeedom.keys],
      ['jeedom forget', async () => (await import('./dialect-keys.ts')).jeedom.forget],
    ],
  ],
  [
    'What a hub keeps',
    [
      ['backup', async () => (await import('./backup.ts')).backup],
      ['restore', async () => (await import('./restore.ts')).restore],
      ['wipe', async () => (await import('./wipe.ts')).wipe],
      ['repair', async () => (await import('./repair.ts')).repair],
    ],
  ],
  [
    'Trying things',
    [
      ['record', async () => (await import('./record.ts')).record],
      ['replay', async () => (await import('./replay.ts')).replay],
      ['simulate', async () => (await import('./simulate.ts')).simulate],
      ['completion', async () => (await import('./completion.ts')).completionOf(commands)],
    ],
  ],
]

/** By name. */
const commands: ReadonlyMap<string, Loader> = new Map(groups.flatMap(([, list]) => list))

const names = [...commands.keys()]

/** What others call a command of ours. */
const otherNames: ReadonlyMap<string, string> = new Map([
  ['subscribe', 'sub'],
  ['publish', 'pub'],
  ['list', 'devices'],
])

/**
 * Runs one command line and returns the exit code: 0, or 1 after one line that says what is wrong,
 * or what the command says.
 */
export async function main(args: string[], terminal: Terminal): Promise<number> {
  try {
    return (await dispatch(args, terminal)) ?? 0
  } catch (error) {
    terminal.printError(`clown-hub: ${sentenceOf(error)}`)
    return 1
  }
}

async function dispatch(args: string[], terminal: Terminal): Promise<number | undefined> {
  const [first = 'help', ...rest] = args
  if (isHelp(first) || first === 'help') await printHelp(rest, terminal)
  else if (ownWords(args).some(isHelp)) await printHelp(args, terminal)
  else if (['--version', '-V'].includes(first)) terminal.print(readRelease().version)
  else {
    const { name, load } = findCommand(args)
    const command = await load()
    return command.run(args.slice(name.split(' ').length), terminal)
  }
  return 0
}

/** What stands behind two dashes is not meant for us. */
function ownWords(args: string[]): string[] {
  const at = args.indexOf('--')
  return at === -1 ? args : args.slice(0, at)
}

function isHelp(word: string): boolean {
  return word === '--help' || word === '-h'
}

/** The commands of two words that begin with `word`. */
function namesAfter(word: string): string[] {
  return names.filter((name) => name.startsWith(`${word} `))
}

/** @throws HubError `bad-command-line` when no command begins a line so. */
function findCommand([first = '', second]: readonly string[]) {
  const longer = namesAfter(first)
  const name = longer.length > 0 && second !== undefined ? `${first} ${second}` : first
  const load = commands.get(name)
  if (load !== undefined) return { name, load }
  // Who writes the first word of a command of two knows what it is called.
  const isWhole = longer.length === 0 || second !== undefined
  const meant = otherNames.get(first) ?? (isWhole ? nearest(name, names) : undefined)
  const others = longer.length > 0 ? `: it is one of ${longer.join(', ')}` : ''
  const hint = meant === undefined ? `${others}.` : `: did you mean "${meant}"?`
  throw new HubError('bad-command-line', `unknown command "${name}"${hint} See clown-hub help`)
}

/** Says what one command does, or those that begin with a word, or which there are. */
async function printHelp(args: readonly string[], terminal: Terminal): Promise<void> {
  const [first, second] = args.filter((word) => !word.startsWith('-'))
  if (first === undefined) return printOverview(terminal)
  const group = second === undefined ? namesAfter(first) : []
  const shown = group.length > 0 ? group : [findCommand(args).name]
  for (const name of shown) {
    const { usage, summary } = await findCommand(name.split(' ')).load()
    terminal.print(`  ${wrapped(`clown-hub ${usage}`, 12)}\n      ${wrapped(summary, 6)}`)
  }
}

async function printOverview({ print }: Terminal): Promise<void> {
  print('Clown.Hub: websockets that speak ["topic", payload], an MQTT broker, and hardware nodes')
  const width = Math.max(...names.map((name) => name.length))
  for (const [title, list] of groups) {
    print(`\n${title}`)
    for (const [name, load] of list) {
      print(`  ${name.padEnd(width)}  ${inShort((await load()).summary, lineLength - width - 4)}`)
    }
  }
  print('\n"clown-hub help COMMAND" says all of one of them, with its options.')
}

/** What a summary says before it goes into detail. */
function inShort(summary: string, mostCharacters: number): string {
  const [clause = ''] = summary.split(/[:;(]/, 1)
  const text = clause.length > mostCharacters ? clause.replace(/,.*/s, '') : clause
  return text.trim()
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
function sentenceOf(thrown: unknown): string {
  const all: unknown[] = thrown instanceof AggregateError ? thrown.errors : [thrown]
  const error = all.find((each) => each instanceof HubError) ?? thrown
  const [line = ''] = reasonOf(error).split('\n', 1)
  return error instanceof HubError ? line : `unexpected: ${line}; please report this as a defect`
}
