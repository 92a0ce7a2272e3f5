/**
 * Where the outside calls us: events of servers and sockets, timers (`clock.ts`), promises that nobody waits for. What is
 * thrown there is a defect of ours. It loses what it was about, a request, a connection or a message, and nothing else.
 */
import { channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import { Server } from 'node:net'

/** One of the process, as its `uncaughtException` is: where a defect comes up nobody knows whose hub it is. */
const defects = channel('clown-hub.defects')

/** Calls `onDefect` for each defect from now on; the returned function ends that. */
export function followDefects(onDefect: (error: unknown) => void): () => void {
  const tell = (error: unknown) => onDefect(error)
  defects.subscribe(tell)
  return () => {
    defects.unsubscribe(tell)
  }
}

/** Tells of a defect; throws it where nobody follows them, as in a program that is no hub. */
export function tellDefect(error: unknown): void {
  if (!defects.hasSubscribers) throw error
  defects.publish(error)
}

/** Calls `act`. What it throws is a defect, and `lose` ends what it was about. */
export function guarded(act: () => void, lose: () => void = nothing): void {
  try {
    act()
  } catch (error) {
    tellDefect(error)
    guarded(lose)
  }
}

/** Lets `promise` come to its end without anybody waiting for it. */
export function detached(promise: Promise<unknown>, lose?: () => void): void {
  promise.catch((error: unknown) => guarded(() => rethrow(error), lose))
}

/** Calls `act` once `signal` aborts, unless the returned function was called before. */
export function whenAborted(signal: AbortSignal, act: () => void): () => void {
  const listener = () => guarded(act)
  signal.addEventListener('abort', listener, { once: true })
  return () => signal.removeEventListener('abort', listener)
}

/**
 * Guards all that listens to `emitter`, in libraries too: whoever throws ends it. A server guards what it hands over,
 * and ends that in its place.
 */
export function guardEvents<Emitter extends EventEmitter>(emitter: Emitter): Emitter {
  // It is in its prototype otherwise.
  if (Object.hasOwn(emitter, 'emit')) return emitter
  const emit: EventEmitter['emit'] = emitter.emit.bind(emitter)
  const isServer = emitter instanceof Server
  emitter.emit = (event: string | symbol, ...values: unknown[]) => {
    const given = isServer ? values.filter((value) => value instanceof EventEmitter) : [emitter]
    if (isServer) given.forEach(guardEvents)
    try {
      return emit(event, ...values)
    } catch (error) {
      tellDefect(error)
      for (const each of given) guarded(() => end(each))
      return true
    }
  }
  return emitter
}

/** What a websocket has, and all streams. */
interface Ended {
  terminate?(): void
  destroy?(): void
}

function end(emitter: EventEmitter & Ended): void {
  if (emitter.terminate === undefined) emitter.destroy?.()
  else emitter.terminate()
}

function rethrow(error: unknown): never {
  throw error
}

function nothing(): void {}
