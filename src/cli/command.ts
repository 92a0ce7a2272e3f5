import { HubError, reasonOf } from '../core/errors.ts'

/** What a command sees of the world around it. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>
  print(line: string): void
  /** Resolves when the user asks the command to end. */
  readonly stopped: Promise<void>
}

/** One subcommand of clown-hub. */
export interface Command {
  /** How it is called, without the program's name. */
  readonly usage: string
  readonly summary: string
  /**
   * Runs to its end, or until the terminal is stopped.
   *
   * @throws HubError with a sentence for the user.
   */
  run(args: string[], terminal: Terminal): Promise<void>
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
