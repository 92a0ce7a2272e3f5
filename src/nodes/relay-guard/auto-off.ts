import { reasonOf } from '../../core/errors.ts'
import { nextTimeOfDay } from '../../core/time-zone.ts'
import { validateAutoOffEntry } from '../../generated/validate-stored.js'
import type { GuardedCommand } from '../commands/commands.ts'
import { type Off, offFor, switchOf, withGangs } from '../switch-state.ts'
import { type DeviceSettings, type GuardParts, isTurnedOff } from './device-rules.ts'
import { openSharedTable, type SharedTable } from './shared-table.ts'

export interface AutoOffParts extends GuardParts {
  isLocked(device: string): boolean
  /** Commands `device` to turn off; what it throws is logged, and it is tried again. */
  onDue(device: string, off: Off): void
}

/** Turns devices off that have been on for as long as they may be. */
export interface AutoOff {
  /** Turns off what came due while the hub was down, and from now on what comes due. */
  start(): void
  /** @throws HubError `too-many` when a device would be turned on that could not be turned off in time. */
  check(command: GuardedCommand): void
  sent(command: GuardedCommand): void
  reported(device: string, value: unknown): void
  /** The rules of a device may be others now: a time that is shorter counts at once, one that is longer from the next time on. */
  ruled(device: string): void
  /** Nothing is to be turned off any more on this topic; returns whether something was. */
  forget(device: string): boolean
  /** What is overdue is tried at once: for all devices of a node, or for one. */
  retry(fits: (device: string) => boolean): void
  close(): void
}

/** A device that is on and is to be turned off. */
interface Armed {
  readonly dueAtMs: number
  readonly off: Off
}

/** When the next attempt is, and the pause after it. */
interface Attempt {
  readonly atMs: number
  readonly pauseMs: number
}

const firstPauseMs = 5000
const longestPauseMs = 300_000

/** `known`: the devices that are known from a former run. */
export async function openAutoOff(parts: AutoOffParts, known: Iterable<string>): Promise<AutoOff> {
  const { rules, lastValueOf } = parts
  const armed = await openArmed(parts)
  const attempts = createAttempts(armed, parts)
  const arm = (device: string, value: unknown) => {
    if (!isTurnedOff(rules(device))) return
    const entry = { dueAtMs: latestDueMs(rules(device), parts), off: offFor(value) }
    armed.set(device, entry)
    attempts.plan(device, entry)
  }
  const disarm = (device: string) => {
    const isArmed = armed.get(device) !== undefined
    if (isArmed) armed.delete(device)
    attempts.forget(device)
    return isArmed
  }
  const reported = (device: string, value: unknown) => {
    const state = switchOf(value)
    if (state === 'on' && armed.get(device) === undefined) arm(device, value)
    if (state === 'off') disarm(device)
  }
  for (const device of known) {
    // What was armed already may have been asked to turn on after its last report.
    if (armed.get(device) === undefined) reported(device, lastValueOf(device))
  }
  // It is for a time of day: a machine without a battery learns that after its start.
  const replan = () => {
    for (const [device, { dueAtMs, off }] of [...armed.entries()]) {
      const { autoOffAt, autoOffMs } = rules(device)
      if (autoOffAt === undefined || dueAtMs <= parts.now()) continue
      const latestMs = latestDueMs(rules(device), parts)
      const entry = { dueAtMs: autoOffMs > 0 ? Math.min(dueAtMs, latestMs) : latestMs, off }
      armed.set(device, entry)
      attempts.plan(device, entry)
    }
  }
  const watch = watchTimeOfDay(parts, replan)
  return {
    reported,
    ruled: (device) => {
      const entry = armed.get(device)
      if (!isTurnedOff(rules(device))) disarm(device)
      else if (entry === undefined) reported(device, lastValueOf(device))
      else {
        const dueAtMs = Math.min(entry.dueAtMs, latestDueMs(rules(device), parts))
        armed.set(device, { ...entry, dueAtMs })
        attempts.plan(device, { ...entry, dueAtMs })
      }
    },
    start: () => {
      attempts.start()
      watch.start()
    },
    check: ({ device, asked }) => {
      if (isTurnedOff(rules(device)) && switchOf(asked) === 'on') armed.check(device)
    },
    sent: ({ device, asked }) => {
      if (switchOf(asked) === 'on') arm(device, withGangs(asked, lastValueOf(device)))
    },
    forget: disarm,
    retry: attempts.retry,
    close: () => {
      attempts.close()
      watch.stop()
    },
  }
}

const lookEveryMs = 60_000

/** Calls `act` when somebody has set the time of day, a minute later at most. */
function watchTimeOfDay({ now, wallMs, after }: GuardParts, act: () => void) {
  const aheadMs = () => wallMs() - now()
  let lastMs = aheadMs()
  let cancel = () => {}
  const look = () => {
    cancel = after(lookEveryMs, look)
    if (Math.abs(aheadMs() - lastMs) < 1000) return
    lastMs = aheadMs()
    act()
  }
  return {
    start: () => {
      cancel()
      cancel = after(lookEveryMs, look)
    },
    stop: () => cancel(),
  }
}

/** When a device that is turned on now is turned off again, by `now`. */
function latestDueMs(
  { autoOffMs, autoOffAt }: DeviceSettings,
  { now, wallMs, timeZone }: Pick<GuardParts, 'now' | 'wallMs' | 'timeZone'>,
): number {
  const afterMs = autoOffMs > 0 ? autoOffMs : Number.POSITIVE_INFINITY
  if (autoOffAt === undefined) return now() + afterMs
  const leftMs = nextTimeOfDay(autoOffAt, timeZone, wallMs()) - wallMs()
  return now() + Math.min(afterMs, leftMs)
}

/** Turns devices off when that is due, and again until they report it. */
function createAttempts(
  armed: Pick<SharedTable<Armed>, 'entries'>,
  { now, after, sampledLog, isLocked, onDue }: AutoOffParts,
) {
  /** Of devices that are overdue. */
  const attempts = new Map<string, Attempt>()
  let isRunning = false
  const nextAtMs = (device: string, { dueAtMs }: Armed) =>
    isLocked(device) ? Infinity : (attempts.get(device)?.atMs ?? dueAtMs)
  const alarm = createAlarm({ now, after, isOn: () => isRunning, ring: () => tick() })
  const planAll = () => {
    alarm.stop()
    let atMs = Number.POSITIVE_INFINITY
    for (const [device, entry] of armed.entries()) atMs = Math.min(atMs, nextAtMs(device, entry))
    alarm.at(atMs)
  }
  const turnOff = (device: string, off: Off) => {
    const pauseMs = attempts.get(device)?.pauseMs ?? firstPauseMs
    attempts.set(device, {
      atMs: now() + pauseMs,
      pauseMs: Math.min(2 * pauseMs, longestPauseMs),
    })
    try {
      onDue(device, off)
    } catch (error) {
      const fields = { device, reason: reasonOf(error) }
      sampledLog.warn('auto-off-failed', fields, 'a device could not be turned off: tried again')
    }
  }
  const tick = () => {
    const nowMs = now()
    const due = [...armed.entries()].filter((entry) => nextAtMs(...entry) <= nowMs)
    for (const [device, { off }] of due) turnOff(device, off)
    planAll()
  }
  return {
    /** It was armed. Not all of them are looked at for each that is turned on. */
    plan: (device: string, entry: Armed) => {
      attempts.delete(device)
      alarm.at(nextAtMs(device, entry))
    },
    forget: (device: string) => attempts.delete(device),
    start: () => {
      isRunning = true
      planAll()
    },
    retry: (fits: (device: string) => boolean) => {
      for (const device of [...attempts.keys()].filter(fits)) attempts.delete(device)
      planAll()
    },
    close: () => {
      isRunning = false
      alarm.stop()
    },
  }
}

interface AlarmOptions extends Pick<GuardParts, 'now' | 'after'> {
  isOn(): boolean
  ring(): void
}

/** Rings at the earliest of the times it was given while it was on. */
function createAlarm({ now, after, isOn, ring }: AlarmOptions) {
  let earliestMs = Number.POSITIVE_INFINITY
  let cancel = () => {}
  const stop = () => {
    cancel()
    earliestMs = Number.POSITIVE_INFINITY
  }
  return {
    stop,
    at: (atMs: number) => {
      if (!isOn() || atMs >= earliestMs) return
      stop()
      earliestMs = atMs
      cancel = after(Math.max(atMs - now(), 0), ring)
    },
  }
}

function openArmed(parts: GuardParts) {
  const { rules } = parts
  return openSharedTable<Armed>({
    ...parts,
    name: 'auto-off',
    validate: validateAutoOffEntry,
    revive: (device, { dueAtMs, off }) => {
      if (!isTurnedOff(rules(device))) return undefined
      // A clock that was set back in between keeps nothing on for longer than the rule says.
      return { off, dueAtMs: Math.min(dueAtMs, latestDueMs(rules(device), parts)) }
    },
  })
}
