/** Functions that are called later: at the end of the tick, after it, when something happens, at the end of all. */

/** Does things once at the end of a turn of the event loop, however often they were asked for. */
export interface EndOfTick {
  add(task: EndTask): void
  /** Behind all that were added by `add`. */
  addLast(task: EndTask): void
}

interface EndTask {
  flush(): void
}

/** What becomes of an error that somebody's callback throws: those of others are called all the same. */
export type OnDefect = (error: unknown) => void

export function createEndOfTick(onDefect: OnDefect): EndOfTick {
  let tasks: EndTask[] = []
  let lastTasks: EndTask[] = []
  const flush = (task: EndTask) => {
    try {
      task.flush()
    } catch (error) {
      onDefect(error)
    }
  }
  const runAll = () => {
    const due = tasks
    const last = lastTasks
    tasks = []
    lastTasks = []
    for (const task of due) flush(task)
    for (const task of last) flush(task)
  }
  const runSoon = () => {
    if (tasks.length + lastTasks.length === 0) setImmediate(runAll)
  }
  return {
    add: (task) => {
      runSoon()
      tasks.push(task)
    },
    addLast: (task) => {
      runSoon()
      lastTasks.push(task)
    },
  }
}

/** Does what can wait a moment after what cannot: in order, once the sockets have been served. */
export interface Deferred {
  do(act: () => void): void
  /** Does the rest at once. */
  close(): void
}

export function createDeferred(onDefect: OnDefect): Deferred {
  let waiting: (() => void)[] = []
  const doAll = () => {
    const due = waiting
    waiting = []
    for (const act of due) {
      try {
        act()
      } catch (error) {
        onDefect(error)
      }
    }
  }
  return {
    do: (act) => {
      // Not in this turn: what the turn sends leaves at its end, in setImmediate.
      if (waiting.length === 0) setTimeout(doAll, 0)
      waiting.push(act)
    },
    close: doAll,
  }
}

/** Those who want to be told when something happens. */
interface Listeners<Arguments extends unknown[]> {
  /** Calls `listener` from now on; the returned function ends that. */
  add(listener: (...values: Arguments) => void): () => void
  readonly size: number
  /** Calls each of them, in the order they came. */
  tell(...values: Arguments): void
}

export function createListeners<Arguments extends unknown[]>(): Listeners<Arguments> {
  const listeners = new Set<(...values: Arguments) => void>()
  return {
    get size() {
      return listeners.size
    },
    add: (listener) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    tell: (...values) => {
      for (const listener of listeners) listener(...values)
    },
  }
}

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
