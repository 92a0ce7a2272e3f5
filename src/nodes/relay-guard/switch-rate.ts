import { validateSwitchRateEntry } from '../../generated/validate-stored.js'
import { openStoredTable } from '../../store/stored-table.ts'
import type { GuardedCommand } from '../commands/commands.ts'
import type { TooSoon } from '../commands/turns.ts'
import { stateKey, switchOf } from '../switch-state.ts'
import type { DeviceSettings, GuardParts } from './device-rules.ts'

/** What keeps devices from being switched too often. */
export interface SwitchRate {
  /** Why a command has to wait, and how long; undefined when it may go out. Changes nothing. */
  check(command: GuardedCommand): TooSoon | undefined
  sent(command: GuardedCommand): void
  reported(device: string, value: unknown): void
}

/** What is known of one device. */
interface Pace {
  /** When the last commands were sent, the latest at the end; as many as count. */
  readonly sentAtMs: readonly number[]
  /** When the last one was that asked for another state. */
  readonly switchedAtMs?: number | undefined
  /** The state it was last asked for. */
  readonly asked?: string | undefined
  /** The state it told since, when that is another one. */
  readonly reported?: string | undefined
}

/** Of more devices, those are forgotten that nobody has commanded for the longest, once they may be switched again. */
const maxDevices = 10_000

const secondMs = 1000

export async function openSwitchRate(parts: GuardParts): Promise<SwitchRate> {
  const { rules, now, isKnown, lastValueOf } = parts
  const paces = await openStoredTable<Pace>({
    ...parts,
    name: 'switch-rate',
    maxSize: maxDevices,
    validate: validateSwitchRateEntry,
    revive: (_device, pace) => notAfter(now(), pace),
  })
  const isSwitch = ({ device, asked }: GuardedCommand) => {
    const key = stateKey(asked)
    const pace = paces.get(device)
    const known = pace === undefined ? [stateKey(lastValueOf(device))] : [pace.asked]
    if (pace?.reported !== undefined) known.push(pace.reported)
    return key === undefined || known.some((other) => other !== key)
  }
  // A lamp that somebody calls a relay has a brightness and a colour, and none of them makes it chatter.
  const isFree = ({ device, asked }: GuardedCommand) =>
    switchOf(asked) === undefined && !rules(device).isPaceConfigured && !isKnown(device)
  const isPaced = ({ device }: GuardedCommand) => {
    const { perSecond, minIntervalMs } = rules(device)
    return perSecond > 0 || minIntervalMs > 0
  }
  /** How long one more device has to wait until another may be forgotten for it. */
  const roomIn = (): TooSoon | undefined => {
    const [oldest] = paces.size < maxDevices ? [] : paces.entries()
    const waitMs = oldest === undefined ? 0 : dueIn(oldest[1], rules(oldest[0]), now())
    if (waitMs <= 0) return undefined
    return {
      expected: `at most ${maxDevices} devices that were just switched, got one more`,
      waitMs,
    }
  }
  return {
    check: (command) => {
      if (isFree(command)) return undefined
      const pace = paces.get(command.device)
      if (pace === undefined) return isPaced(command) ? roomIn() : undefined
      const settings = rules(command.device)
      const rate = rateLeft(pace, settings, now())
      const interval = isSwitch(command) ? intervalLeft(pace, settings, now()) : undefined
      return longerOf(rate, interval)
    },
    sent: (command) => {
      const { device, asked } = command
      const { perSecond } = rules(device)
      if (!isPaced(command) || isFree(command)) return
      const pace = paces.get(device)
      const times = [...(pace?.sentAtMs ?? []), now()]
      const sentAtMs = perSecond === 0 ? [] : times.slice(-perSecond)
      const switchedAtMs = isSwitch(command) ? now() : pace?.switchedAtMs
      paces.set(device, { sentAtMs, switchedAtMs, asked: stateKey(asked), reported: undefined })
    },
    reported: (device, value) => {
      const pace = paces.get(device)
      if (pace === undefined) return
      const key = stateKey(value)
      const reported = key === pace.asked ? undefined : key
      if (reported !== pace.reported) paces.set(device, { ...pace, reported })
    },
  }
}

/** Until nothing stands in the way of any command to that device. */
function dueIn(pace: Pace, { minIntervalMs }: DeviceSettings, nowMs: number): number {
  const { sentAtMs, switchedAtMs = Number.NEGATIVE_INFINITY } = pace
  return Math.max(Math.max(...sentAtMs) + secondMs, switchedAtMs + minIntervalMs) - nowMs
}

function rateLeft(
  { sentAtMs }: Pace,
  { perSecond }: DeviceSettings,
  nowMs: number,
): TooSoon | undefined {
  const first = perSecond === 0 ? undefined : sentAtMs.at(-perSecond)
  const waitMs = first === undefined ? 0 : first + secondMs - nowMs
  if (waitMs <= 0) return undefined
  return { expected: `at most ${perSecond} commands a second to this device, got more`, waitMs }
}

function intervalLeft(
  { switchedAtMs }: Pace,
  { minIntervalMs }: DeviceSettings,
  nowMs: number,
): TooSoon | undefined {
  const sinceMs = switchedAtMs === undefined ? minIntervalMs : nowMs - switchedAtMs
  if (sinceMs >= minIntervalMs) return undefined
  const expected = `at least ${minIntervalMs} ms between switches, got ${Math.floor(sinceMs)} ms`
  return { expected, waitMs: minIntervalMs - sinceMs }
}

function longerOf(one: TooSoon | undefined, other: TooSoon | undefined): TooSoon | undefined {
  const both = [one, other].filter((each) => each !== undefined)
  return both.sort((a, b) => b.waitMs - a.waitMs)[0]
}

/** No time of a former run, or of another hub, is later than now, whatever its clock said. */
function notAfter(nowMs: number, { switchedAtMs, sentAtMs, ...pace }: Pace): Pace {
  return {
    ...pace,
    sentAtMs: sentAtMs.map((atMs) => Math.min(atMs, nowMs)),
    ...(switchedAtMs !== undefined && { switchedAtMs: Math.min(switchedAtMs, nowMs) }),
  }
}
