import { type AlarmClock, systemClock } from '../../core/clock.ts'
import { isAtOrBelow } from '../../core/topic.ts'
import type { GuardedCommand } from '../commands/commands.ts'
import type { TooSoon } from '../commands/turns.ts'
import type { Off } from '../switch-state.ts'
import { openAutoOff } from './auto-off.ts'
import type { GuardParts } from './device-rules.ts'
import { openInterlocks } from './interlocks.ts'
import { type LockOuts, openLockOuts } from './lock-outs.ts'
import { openSwitchRate } from './switch-rate.ts'
import { createWitnesses, type WitnessParts } from './witnesses.ts'

export interface RelayGuardOptions extends Omit<GuardParts, 'now' | 'wallMs' | 'after'> {
  /** The devices that are known from a former run, whose last values count as reports. */
  readonly known?: Iterable<string>
  readonly clock?: AlarmClock
  /**
   * Commands `device` to turn off, by the same way as any other command. What it throws is logged; as
   * long as the device does not report that it is off, it is called again.
   */
  onDue(device: string, off: Off): void
  readonly log: WitnessParts['log']
  readonly counters: WitnessParts['counters']
  /** A device says something else than what is there to prove it. */
  onContradiction: WitnessParts['onContradiction']
  /** Nobody may command `device` any more. */
  onLocked(device: string): void
}

/** Keeps devices from what would break them or be dangerous, whatever way a command comes. */
export interface RelayGuard {
  /**
   * Whether a command may go out that has the right and keeps its schema; how long it has to wait, when it
   * comes too soon. Changes nothing.
   *
   * @throws HubError `locked`, `interlocked` or `too-many`.
   */
  check(command: GuardedCommand): TooSoon | undefined
  /** The command that was checked goes out: to be called before another one is checked. */
  sent(command: GuardedCommand): void
  /** A device has told its state. */
  reported(device: string, value: unknown): void
  /** A node has come: what is overdue below `base` is turned off at once. */
  nodeOnline(base: string): void
  /** Others than before may be the rules of a device. */
  ruled(device: string): void
  readonly lockOuts: Pick<LockOuts, 'lock' | 'unlock' | 'list' | 'stored'>
  /**
   * A device has taken the place of another one, whose rules hold for it already: its lock goes with it, and what it
   * says now counts by those rules. Returns whether there was a lock.
   */
  replaced(old: string, device: string): boolean
  /** There is no such device any more; returns what was kept of it. */
  forget(device: string): { readonly lock: boolean; readonly autoOff: boolean }
  /** Lets auto-off begin, with what came due while the hub was down: when commands can be sent. */
  start(): void
  /** Another hub commands: auto-off waits until it is started again. */
  pause(): void
  close(): void
}

/** The guard with all it knew when the hub stopped. */
export async function createRelayGuard(options: RelayGuardOptions): Promise<RelayGuard> {
  const { clock = systemClock, known = [], ...rest } = options
  // When somebody sets the time of day, nothing comes due earlier or later by that.
  const offsetMs = clock.wallMs() - clock.nowMs()
  const now = () => offsetMs + clock.nowMs()
  const parts = { ...rest, now, wallMs: clock.wallMs, after: clock.after }
  // Last values are decoded for what is guarded only: there may be thousands of sensors.
  const devices = [...known].filter((device) => options.rules(device).isGuarded)
  const lockOuts = await openLockOuts(parts, {
    locked: options.onLocked,
    unlocked: (unlocked) => autoOff.retry((device) => device === unlocked),
  })
  const { isLocked } = lockOuts
  const autoOff = await openAutoOff({ ...parts, isLocked }, devices)
  const interlocks = await openInterlocks(parts, devices)
  const witnesses = createWitnesses({ ...options, after: clock.after })
  const switchRate = await openSwitchRate(parts)
  return {
    check: (command) => {
      lockOuts.check(command.device)
      if (command.isOwn) return undefined
      interlocks.check(command)
      autoOff.check(command)
      return switchRate.check(command)
    },
    sent: (command) => {
      interlocks.sent(command)
      switchRate.sent(command)
      autoOff.sent(command)
    },
    reported: (device, value) => {
      interlocks.reported(device, value)
      switchRate.reported(device, value)
      autoOff.reported(device, value)
      witnesses.reported(device, value)
    },
    nodeOnline: (base) => autoOff.retry((device) => isAtOrBelow(base, device)),
    ruled: autoOff.ruled,
    lockOuts,
    replaced: (old, device) => {
      const isLocked = lockOuts.move(old, device)
      autoOff.forget(old)
      interlocks.forget(old)
      const value = options.lastValueOf(device)
      interlocks.reported(device, value)
      autoOff.reported(device, value)
      return isLocked
    },
    forget: (device) => {
      interlocks.forget(device)
      const isLocked = lockOuts.unlock(device) !== undefined
      return { lock: isLocked, autoOff: autoOff.forget(device) }
    },
    start: autoOff.start,
    pause: autoOff.close,
    close: () => {
      autoOff.close()
      witnesses.close()
    },
  }
}
