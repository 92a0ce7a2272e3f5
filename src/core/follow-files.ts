import { watchFiles } from './watch-files.ts'

export interface Follow<T> {
  /** What the files say, as of now. It may throw. */
  read(): T
  /** Is told of each later value. */
  changed(now: T, before: T): void
  /** Is told why the files cannot be read any more. The value from before stays. */
  broken(error: unknown): void
  readonly pollMs?: number | undefined
}

/** What some files say, as they are now, or were when they could be read last. */
export interface Followed<T> {
  current(): T
  /** Looks at the files no longer. */
  close(): void
}

/**
 * Reads `files`, and again whenever one of them has changed.
 *
 * @throws what `read` throws the first time; nothing is watched then.
 */
export function followFiles<T>(files: readonly string[], follow: Follow<T>): Followed<T> {
  const { read, changed, broken, pollMs } = follow
  let value: T
  const readAgain = () => {
    const before = value
    try {
      value = read()
    } catch (error) {
      broken(error)
      return
    }
    changed(value, before)
  }
  // Watched before they are read, so that no change falls in between.
  const close = watchFiles(files, readAgain, pollMs)
  try {
    value = read()
  } catch (error) {
    close()
    throw error
  }
  return { current: () => value, close }
}
