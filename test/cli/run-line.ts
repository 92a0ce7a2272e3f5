import { PassThrough, Readable } from 'node:stream'
import { main } from '../../src/cli/main.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { createInbox, type Inbox } from '../inbox.ts'

export interface Surroundings {
  readonly environment?: Readonly<Record<string, string>>
  /** What is on standard input. */
  readonly input?: string | Readable
  /** The terminal that is looked at; none unless given. */
  readonly screen?: Terminal['screen']
  /** Whether anybody reads what is written. */
  readonly reads?: boolean
}

/** A terminal of the usual size, without colours. */
export const screen = {
  output: new PassThrough().resume(),
  columns: () => 80,
  rows: () => 24,
  hasColors: false,
}

export interface RunningLine {
  readonly output: Inbox<string>
  readonly errors: Inbox<string>
  /** How far long work has come. */
  readonly progress: Inbox<string>
  readonly code: Promise<number>
  /** What Ctrl-C does. */
  stop(): void
  /** What SIGHUP does. */
  reload(): void
}

/** Runs a command line, its words between single spaces, in this process. */
export function runLine(
  line: string,
  { environment = {}, input = '', screen, reads = true }: Surroundings = {},
): RunningLine {
  const output = createInbox<string>()
  const errors = createInbox<string>()
  const progress = createInbox<string>()
  let stop = () => {}
  let reload = () => {}
  const stopped = new Promise<void>((resolve) => {
    stop = resolve
  })
  const code = main(line === '' ? [] : line.split(' '), {
    environment,
    stopped,
    ignore: () => {},
    onReload: (listener) => {
      reload = listener
    },
    endOnDefect: () => {},
    input: typeof input === 'string' ? Readable.from([input]) : input,
    screen,
    progress: progress.put,
    print: output.put,
    write: async (text) => {
      for (const line of text.split('\n').slice(0, -1)) output.put(line)
      return reads
    },
    printError: errors.put,
  })
  return { output, errors, progress, code, stop, reload: () => reload() }
}

/** Runs a command line to its end and answers its exit code and all it printed. */
export async function ranLine(
  line: string,
  surroundings?: Surroundings,
): Promise<{ code: number; output: readonly string[]; errors: readonly string[] }> {
  const { code, output, errors } = runLine(line, surroundings)
  return { code: await code, output: output.items, errors: errors.items }
}
