import { readdirSync, readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Config } from '../generated/config.ts'
import { every } from './clock.ts'
import type { SampledLog } from './sampled-log.ts'

/** How the process is doing, as of the last look. */
export interface ProcessWatch {
  /** Three quarters of the budget of memory are used: take nobody new. */
  isShortOfMemory(): boolean
  /** The budget of memory is used up, or the event loop has lagged for seconds: do less. */
  isOverloaded(): boolean
  /** Something was done for `user` that took so many milliseconds. */
  note(user: string, ms: number): void
  /**
   * Whether to do less for `user`: while the hub is overloaded, for those who had at least an equal share of what
   * was done lately, and for everybody if that has not helped for ten seconds.
   */
  sheds(user: string): boolean
  /** The budget of memory is used up: keep nothing new. */
  isOutOfMemory(): boolean
  /** The longest the event loop was late in the last quarter of a minute, in milliseconds. */
  latestMs(): number
  close(): void
}

/** What is looked at. */
export interface ProcessMeters {
  /** What objects and buffers take, garbage included. */
  usedBytes(): number
  /** Gives back what garbage takes; that costs time. */
  collect(): void
  /** The longest the event loop was late since the last call, in milliseconds. */
  lagMs(): number
  close(): void
}

interface ProcessWatchOptions {
  readonly limits: {
    readonly memory: Pick<Config['limits']['memory'], 'mib'>
    readonly process: Config['limits']['process']
  }
  readonly sampledLog: SampledLog
  readonly meters?: ProcessMeters
  readonly intervalMs?: number
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
}

const mebibyte = 1024 * 1024

/** Past this part of the budget nobody new is taken, so that those who are here can go on. */
const refusingShare = 3 / 4

/** A loop that is late once has caught up by the time we know; one that stays late is overloaded. */
const lateForMs = 2000

/** So long it is remembered how late the event loop was: as Prometheus usually asks. */
const lagsMs = 15_000

/** Looks at memory and the event loop every `intervalMs`, until it is closed. */
export function watchProcess(options: ProcessWatchOptions): ProcessWatch {
  const { limits, sampledLog, now = () => performance.now() } = options
  const { memory, process } = limits
  const { intervalMs = 250 } = options
  const { meters = openMeters(intervalMs, process.lagMs / 4) } = options
  const plentyMiB = refusingShare * memory.mib
  const { weigh, usedMiB } = createScale({ meters, plentyMiB, now })
  let isShortOfMemory = false
  let isOverloaded = false
  let lateSinceMs: number | undefined
  let overloadedSinceMs = 0
  const work = createWorkShares()
  let lags: readonly number[] = []

  const hasLaggedLong = (lagMs: number) => {
    if (lagMs <= process.lagMs) {
      lateSinceMs = undefined
      return false
    }
    sampledLog.warn('event-loop-lag', { lagMs }, 'the event loop was late')
    lateSinceMs ??= now()
    return now() - lateSinceMs >= lateForMs
  }
  const isOutOfMemory = () => usedMiB() > memory.mib
  const look = () => {
    const lagMs = Math.round(meters.lagMs())
    lags = [...lags, lagMs].slice(-lagsMs / intervalMs)
    weigh()
    work.fade()
    const wasOverloaded = isOverloaded
    isShortOfMemory = usedMiB() > plentyMiB
    // Asked first and not after `||`, because it has to see every lag.
    isOverloaded = hasLaggedLong(lagMs) || isOutOfMemory()
    if (isOverloaded === wasOverloaded) return
    overloadedSinceMs = now()
    const text = isOverloaded
      ? 'overloaded: less is done for whom most is done'
      : 'no longer overloaded'
    sampledLog.warn(isOverloaded ? 'overloaded' : 'recovered', { lagMs, usedMiB: usedMiB() }, text)
  }
  const stop = every(intervalMs, look)
  return {
    isShortOfMemory: () => isShortOfMemory,
    isOverloaded: () => isOverloaded,
    isOutOfMemory,
    latestMs: () => Math.max(0, ...lags),
    note: work.note,
    sheds: (user) => isOverloaded && (work.isHeavy(user) || now() - overloadedSinceMs > allAfterMs),
    close: () => {
      stop()
      meters.close()
    },
  }
}

/** So long only those are shed for whom most is done. */
const allAfterMs = 10_000

/** What is left of it at each look: after a second, two fifths. */
const faded = 0.8

/** Less is nothing. */
const leastMs = 0.1

/** What was done lately, for whom. */
function createWorkShares() {
  const users = new Map<string, number>()
  let totalMs = 0
  return {
    note: (user: string, ms: number) => {
      users.set(user, (users.get(user) ?? 0) + ms)
      totalMs += ms
    },
    isHeavy: (user: string) => (users.get(user) ?? 0) * users.size >= totalMs,
    fade: () => {
      totalMs = 0
      for (const [user, ms] of users) {
        const left = ms * faded
        if (left < leastMs) users.delete(user)
        else {
          users.set(user, left)
          totalMs += left
        }
      }
    },
  }
}

/** How long the result of a collection holds, which takes a part of a second: longer when memory was short without garbage. */
const holdsMs = { usual: 1000, short: 5000 }

interface ScaleOptions {
  readonly meters: Pick<ProcessMeters, 'usedBytes' | 'collect'>
  /** What may be used without a closer look. */
  readonly plentyMiB: number
  now(): number
}

/**
 * How much memory is used, without garbage as soon as that matters: a process keeps its size long after garbage has
 * gone, and garbage stays until somebody needs its room.
 */
function createScale({ meters, plentyMiB, now }: ScaleOptions) {
  const mib = () => Math.round(meters.usedBytes() / mebibyte)
  let usedMiB = 0
  let collectedMiB = 0
  let holdsUntilMs = Number.NEGATIVE_INFINITY
  const collect = () => {
    meters.collect()
    collectedMiB = mib()
    holdsUntilMs = now() + (collectedMiB > plentyMiB ? holdsMs.short : holdsMs.usual)
  }
  return {
    usedMiB: () => usedMiB,
    weigh: () => {
      usedMiB = mib()
      if (usedMiB <= plentyMiB) return
      if (now() >= holdsUntilMs) collect()
      usedMiB = collectedMiB
    },
  }
}

/** The finer the lag is measured, the more often a hub wakes up that has nothing to do. */
function openMeters(intervalMs: number, resolutionOfMs: number): ProcessMeters {
  const resolutionMs = Math.ceil(resolutionOfMs)
  const delays = monitorEventLoopDelay({ resolution: resolutionMs })
  delays.enable()
  let lookedAtMs = performance.now()
  let collect: (() => void) | undefined
  return {
    usedBytes: () => {
      const { used_heap_size, external_memory } = getHeapStatistics()
      return used_heap_size + external_memory
    },
    collect: () => {
      collect ??= collector()
      collect()
    },
    lagMs: () => {
      const nowMs = performance.now()
      // After a reset the monitor is blind until its next tick; a stall that begins then is seen here.
      const lateMs = nowMs - lookedAtMs - intervalMs
      const lagMs = Math.max(lateMs, delays.max / 1e6 - resolutionMs)
      lookedAtMs = nowMs
      delays.reset()
      return lagMs
    },
    close: () => {
      delays.disable()
    },
  }
}

/** Node.js has it by a flag, which may be set while it runs. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}

/**
 * The flag by which V8 compiles a function in full sooner, by the first part of its version: it waits for the load of a server,
 * and a hub in a house has a few messages a second, for which it would run slow code for hours. From 13 on it has a
 * compiler between. No other version knows the flag of one.
 */
const soonerFlags: Readonly<Record<string, string>> = {
  11: '--interrupt-budget=10000',
  12: '--invocation-count-for-turbofan=200',
}

/** From now on what runs again and again is compiled sooner, in this whole process. */
export function compileSooner(v8 = process.versions.v8): void {
  const flag = soonerFlags[v8.slice(0, 2)]
  if (flag !== undefined) setFlagsFromString(flag)
}

/** How many files and sockets this process may have open; Infinity where the system does not say. */
export function maxOpenFiles(limitsFile = '/proc/self/limits'): number {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync(limitsFile, 'utf8')) ?? []
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    // Only Linux has this file.
    return Number.POSITIVE_INFINITY
  }
}

/** How many it has open; 0 where the system does not say. */
export function openFiles(folder = '/proc/self/fd'): number {
  try {
    // That it is read takes one.
    return readdirSync(folder).length - 1
  } catch {
    return 0
  }
}
