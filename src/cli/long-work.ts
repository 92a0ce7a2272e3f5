/** Work that takes long: it says how far it is, and ends between two steps when somebody asks for that. */
import { interruptedCode, stopSignal, type Terminal } from './terminal.ts'

export interface LongWork {
  /** Aborted when the user asks for an end. */
  readonly signal: AbortSignal
  /** Says how far the work is, where somebody looks. */
  tell(text: string): void
  /** Says so, and throws when the work is to end here: whoever does it takes back what is half done. */
  step(text: string): void
  /** Hands on what comes, each one a step of its own. */
  counted<T>(items: AsyncIterable<T>, name: string): AsyncGenerator<T>
}

/** Faster nobody reads. */
const tellEveryMs = 100

/**
 * Does what takes long; returns its exit code, or that of Ctrl-C after a line that says what is there now.
 *
 * @throws whatever `work` throws, unless the user has asked for an end.
 */
export async function longWork(
  terminal: Pick<Terminal, 'progress' | 'printError' | 'stopped'>,
  whatIsThere: () => string,
  work: (long: LongWork) => Promise<number | undefined>,
): Promise<number | undefined> {
  const { progress, printError } = terminal
  const signal = stopSignal(terminal)
  const ended = work(stepsOf(signal, progress)).finally(() => progress(''))
  try {
    return await ended
  } catch (error) {
    if (!signal.aborted) throw error
    printError(`interrupted: ${whatIsThere()}`)
    return interruptedCode
  }
}

function stepsOf(signal: AbortSignal, progress: Terminal['progress']): LongWork {
  let nextMs = 0
  const tell = (text: string) => {
    const nowMs = performance.now()
    if (nowMs < nextMs) return
    nextMs = nowMs + tellEveryMs
    progress(text)
  }
  const step = (text: string) => {
    signal.throwIfAborted()
    tell(text)
  }
  const counted = async function* <T>(items: AsyncIterable<T>, name: string) {
    let count = 0
    for await (const item of items) {
      step(`${(++count).toLocaleString('en')} ${name}`)
      yield item
    }
  }
  return { signal, tell, step, counted }
}
