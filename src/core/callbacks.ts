/** Functions that are called later: at the end of the tick, after it, when something happens, at the end of all. */
import type { Logger } from 'pino'
import { laterForSure, nextTurn, systemClock } from './clock.ts'
import { HubError } from './errors.ts'
import { detached, tellDefect } from './guard.ts'

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
  /** `name` is what is told of it when it does not end. */
  add(close: () => Promise<void> | void, name?: string): void
  /**
   * Closes all of it, also when some of it cannot be closed. Calling it again waits for the same end.
   *
   * @throws AggregateError with the failures, after the last one was tried: `not-ended` of what was left behind.
   */
  closeAll(): Promise<void>
}

interface ClosingLimit {
  /** So long all of it takes at most. */
  readonly mostMs: number
  /** Says what has not ended in its time. */
  readonly log: Pick<Logger, 'error'>
}

/** Without a limit, closing takes as long as it takes. */
export function createClosers(limit?: ClosingLimit): Closers {
  const opened: { readonly close: () => Promise<void> | void; readonly name: string }[] = []
  let closing: Promise<void> | undefined
  const closeEach = async () => {
    const failures: unknown[] = []
    const startMs = systemClock.nowMs()
    const ended = (end: Promise<void>, name: string) => {
      if (limit === undefined) return end
      // Half of what is left: what stands still leaves as much to all that come behind it.
      const leftMs = startMs + limit.mostMs - systemClock.nowMs()
      return inTime(end, { ...limit, mostMs: leftMs / 2, name })
    }
    for (const { close, name } of opened.reverse()) {
      const end = Promise.resolve().then(close)
      await ended(end, name).catch((error: unknown) => failures.push(error))
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be closed')
  }
  return {
    add: (close, name = 'a part') => {
      opened.push({ close, name })
    },
    closeAll: () => {
      closing ??= closeEach()
      return closing
    },
  }
}

/** How long a process waits at the end for what was left behind, unless it is killed before. */
const leftBehindMs = 10_000

/**
 * Waits for `end`, so long.
 *
 * @throws HubError `not-ended` when it has not come by then.
 */
function inTime(
  end: Promise<void>,
  { mostMs, log, name }: ClosingLimit & { readonly name: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = laterForSure(mostMs, () => {
      log.error({ event: 'not-ended', part: name }, 'a part of the hub does not end: it is left')
      reject(new HubError('not-ended', `expected ${name} of the hub to end in time: it was left`))
      // A process that ends by itself waits for its threads, however long: whoever wants to kill it has to be there still.
      const leave = laterForSure(leftBehindMs, () => {})
      detached(end.then(leave, leave))
    })
    detached(end.then(resolve, reject).finally(cancel))
  })
}
