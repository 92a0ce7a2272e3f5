/** Functions that are called later: at the end of the tick, after it, when something happens, at the end of all. */
import { laterForSure, nextTurn } from './clock.ts'
import { tellDefect } from './guard.ts'

/** Does things once at the end of a turn of the event loop, however often they were asked for. */
export interface EndOfTick {
  add(task: EndTask): void
  /** Behind all that were added by `add`. */
  addLast(task: EndTask): void
}

interface EndTask {
  flush(): void
}

export function createEndOfTick(): EndOfTick {
  let tasks: EndTask[] = []
  let lastTasks: EndTask[] = []
  const flush = (task: EndTask) => {
    try {
      task.flush()
    } catch (error) {
      tellDefect(error)
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
    if (tasks.length + lastTasks.length === 0) nextTurn(runAll)
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

export function createDeferred(): Deferred {
  let waiting: (() => void)[] = []
  const doAll = () => {
    const due = waiting
    waiting = []
    for (const act of due) {
      try {
        act()
      } catch (error) {
        tellDefect(error)
      }
    }
  }
  return {
    do: (act) => {
      // Not in this turn: what the turn sends leaves at its end, in setImmediate.
      if (waiting.length === 0) laterForSure(0, doAll)
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
  /** Calls each of them, in the order they came; what one throws is a defect, and nobody else's. */
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
      for (const listener of listeners) {
        try {
          listener(...values)
        } catch (error) {
          tellDefect(error)
        }
      }
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
