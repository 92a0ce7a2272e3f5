/** What a command is, and how it reads its arguments. */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { isoTime, readTime } from '../core/clock.ts'
import { HubError, nearest, quote, reasonOf } from '../core/errors.ts'
import { readSecretFile, valueIn } from '../core/files.ts'
import { readHidden, type Terminal } from './terminal.ts'

/**
 * One subcommand of clown-hub. What starts a hub or a node imports that when it runs: its help would wait
 * for hundreds of modules that it does not use.
 */
export interface CliCommand {
  /** How it is called, without the program's name. */
  readonly usage: string
  readonly summary: string
  /**
   * Runs to its end, or until the terminal is stopped. A number is the exit code, without one it is 0.
   *
   * @throws HubError with a sentence for the user.
   */
  run(args: string[], terminal: Terminal): Promise<number | undefined>
}

/**
 * What `parse` reads of the arguments.
 *
 * @throws HubError `bad-command-line` with `usage` when they do not fit.
 */
export function readArguments<T>(usage: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    const [reason = ''] = reasonOf(cause).split('. ', 1)
    const sentence = `${reason}${hintOn(reason, usage)}; usage: clown-hub ${usage}`
    throw new HubError('bad-command-line', sentence, { cause })
  }
}

/** Which option of `usage` somebody meant who wrote one that is not there. */
function hintOn(reason: string, usage: string): string {
  const [, unknown] = /^Unknown option '--([^']+)'/.exec(reason) ?? []
  const names = optionsIn(usage).map((option) => option.replace(/^-+/, ''))
  const meant = unknown && nearest(unknown, names)
  return meant ? `: did you mean --${meant}?` : ''
}

/** The options that a usage names, with their dashes. */
export function optionsIn(usage: string): string[] {
  return [...new Set(usage.match(/(?<![\w-])--?[a-z][a-z-]*/g))]
}

/** The value of something that must be given. */
export function required(value: string | undefined, what: string, usage: string): string {
  if (value !== undefined) return value
  throw new HubError('bad-command-line', `expected ${what}; usage: clown-hub ${usage}`)
}

/** The only one of `values`. */
export function onlyOne(values: readonly string[], what: string, usage: string): string {
  return required(values.length === 1 ? values[0] : undefined, what, usage)
}

/** Has an answer printed as one line of JSON, in place of lines for people. */
export const jsonOption = { json: { type: 'boolean', default: false } } as const

/** Prints what a command has done or found: for people, or as `--json` wants it. */
export function printAnswer(
  { print }: Pick<Terminal, 'print'>,
  { json }: { readonly json: boolean },
  { value, lines }: { readonly value: object; readonly lines: readonly string[] },
): void {
  for (const line of json ? [JSON.stringify(value)] : lines) print(line)
}

/** Prints what people alone are told: on standard error, where programs read the rest. */
export function forPeople(
  { print, printError }: Pick<Terminal, 'print' | 'printError'>,
  { json }: { readonly json: boolean },
): Pick<Terminal, 'print'> {
  return { print: json ? printError : print }
}

/** The folder of `--data`, for a command that takes nothing else but `files` names. */
export function readDataArguments(args: string[], usage: string, files: 0 | 1) {
  const { values, positionals } = readArguments(usage, () =>
    parseArgs({
      args,
      options: { data: { type: 'string' }, ...jsonOption },
      allowPositionals: true,
    }),
  )
  const folder = required(values.data, 'the data folder after --data', usage)
  const [file = ''] = positionals
  if (positionals.length !== files) required(undefined, `${files} file names`, usage)
  return { folder, file, json: values.json }
}

/** What `clown-hub init` writes, and other commands look for. */
export const configName = 'clown-hub.yaml'
export const usersName = 'users.yaml'

/** The data folder of `clown-hub run` beside its configuration, unless it is told otherwise. */
export const dataName = 'data'

/**
 * The configuration a command is to use: the given one, or the one in the working directory.
 *
 * @throws HubError `unreadable-file` when none is given and none is there.
 */
export function configPath(given: string | undefined): string {
  if (given !== undefined) return given
  if (existsSync(configName)) return configName
  const sentence = `expected ${configName} in this folder, or the name of another configuration`
  throw new HubError('unreadable-file', `${sentence}: "clown-hub init" writes one`)
}

/**
 * The password in the file of `--password-file`: other users of a machine see its command lines. Undefined
 * without a file.
 *
 * @throws HubError `unreadable-file`, `exposed-secret`
 */
export function passwordIn(file: string | undefined): string | undefined {
  return file && valueIn(readSecretFile('--password-file', file))
}

/** The passphrase in the file of `--passphrase-file`, or asked for; undefined when nobody wants to say it. */
export async function passphraseFrom(
  file: string | undefined,
  terminal: Terminal,
): Promise<string | undefined> {
  if (file !== undefined) return valueIn(readSecretFile('--passphrase-file', file))
  return readHidden('a passphrase', 'passphrase: ', terminal)
}

/**
 * The time that an option such as `--since` names, as a hub is asked for it; undefined without one.
 *
 * @throws HubError `bad-command-line` for what is no time.
 */
export function timeOption(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const reader = { name, code: 'bad-command-line', nowMs: Date.now(), takesNumbers: false } as const
  return isoTime(readTime(text, reader))
}

/**
 * A whole number that an option takes, undefined without one.
 *
 * @throws HubError `bad-command-line`
 */
export function readCount(
  text: string | undefined,
  { name, least, most }: { readonly name: string; readonly least: number; readonly most: number },
): number | undefined {
  if (text === undefined) return undefined
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (count >= least && count <= most) return count
  const expected = `expected ${name} to be ${least} to ${most}`
  throw new HubError('bad-command-line', `${expected}, got ${quote(text)}`)
}

/** The QoS that `-q` names. @throws HubError `bad-command-line` */
export function readQos(text: string): 0 | 1 | 2 {
  const qos = readCount(text, { name: '-q', least: 0, most: 2 })
  return qos === 0 || qos === 1 ? qos : 2
}

/** An option of the command line that takes a duration. */
export interface DurationOption {
  /** With its dashes. */
  readonly name: string
  readonly minimumSeconds: number
  readonly maximumSeconds: number
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }

/**
 * The milliseconds in `text`: seconds such as `5` or `0.5`, or with a unit such as `5s`, `500ms` or `2m`.
 *
 * @throws HubError `bad-command-line` for other texts, and for a duration that the option does not take.
 */
export function readSeconds(text: string, option: DurationOption): number {
  const { name, minimumSeconds, maximumSeconds } = option
  const [, digits, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? []
  const ms = Math.round(Number(digits) * Number(unitMs[unit]))
  if (ms >= minimumSeconds * 1000 && ms <= maximumSeconds * 1000) return ms
  const expected = `seconds from ${minimumSeconds} to ${maximumSeconds}, such as 5 or 500ms`
  throw new HubError('bad-command-line', `expected ${name} to be ${expected}, got ${quote(text)}`)
}
