import { existsSync } from 'node:fs'
import { HubError, reasonOf } from '../core/errors.ts'

/** What a command sees of the world around it. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>
  print(line: string): void
  /** Prints text of any length; resolves when it went out, to false when nobody reads it any more. */
  write(text: string): Promise<boolean>
  /** Everything on standard input, to its end. */
  readInput(): Promise<string>
  /** Resolves when the user asks the command to end. */
  readonly stopped: Promise<void>
}

/** Prints what the configuration has to be changed for before the next release. */
export function warningsTo({ print }: Pick<Terminal, 'print'>): (sentence: string) => void {
  return (sentence) => print(`warning: ${sentence}`)
}

/**
 * One subcommand of clown-hub. What starts a hub or a node imports that when it runs: its help would wait
 * for hundreds of modules that it does not use.
 */
export interface Command {
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
    const reason = reasonOf(cause).split('. ', 1)[0]
    throw new HubError('bad-command-line', `${reason}; usage: clown-hub ${usage}`, { cause })
  }
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
