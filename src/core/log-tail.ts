import { type Logger, symbols } from 'pino'
import { createListeners } from './listeners.ts'

/** A line of the log, without the fields that say more than its text. */
export interface TailedLine {
  /** In milliseconds since 1970. */
  readonly atMs: number
  /** The kind of an odd thing, where it has one. */
  readonly kind: string | undefined
  readonly text: string
}

/** Tells whoever listens what is logged. */
export interface LogTail {
  /** Calls `listener` with each line from now on; the answer ends that. */
  onLine(listener: (line: TailedLine) => void): () => void
  close(): void
}

export function createLogTail(log: Logger): LogTail {
  const { add: onLine, tell } = createListeners<[line: TailedLine]>()
  const stream: { write(line: string): unknown } = Reflect.get(log, symbols.streamSym)
  Reflect.set(log, symbols.streamSym, {
    write: (line: string) => {
      stream.write(line)
      tell(read(line))
    },
  })
  return { onLine, close: () => Reflect.set(log, symbols.streamSym, stream) }
}

function read(line: string): TailedLine {
  const { time, kind, msg = '' }: { time: number; kind?: string; msg?: string } = JSON.parse(line)
  return { atMs: time, kind, text: msg }
}
