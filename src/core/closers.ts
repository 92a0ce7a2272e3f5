/** What was opened, to be closed in reverse. */
export interface Closers {
  add(close: () => Promise<void> | void): void
  /**
   * Closes all of it, also when some of it cannot be closed. Calling it again waits for the same end.
   *
   * @throws AggregateError with the failures, after the last one was tried.
   */
  closeAll(): Promise<void>
}

export function createClosers(): Closers {
  const opened: (() => Promise<void> | void)[] = []
  let closing: Promise<void> | undefined
  const closeEach = async () => {
    const failures: unknown[] = []
    for (const close of opened.reverse()) {
      await Promise.resolve()
        .then(close)
        .catch((error: unknown) => failures.push(error))
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be closed')
  }
  return {
    add: (close) => {
      opened.push(close)
    },
    closeAll: () => {
      closing ??= closeEach()
      return closing
    },
  }
}
