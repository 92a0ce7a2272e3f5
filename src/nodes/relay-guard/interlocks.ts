import { HubError } from '../../core/errors.ts'
import { validateInterlockEntry } from '../../generated/validate-stored.js'
import type { GuardedCommand } from '../commands/commands.ts'
import { switchOf } from '../switch-state.ts'
import type { GuardParts } from './device-rules.ts'
import { openSharedTable } from './shared-table.ts'

/** Groups of devices of which never two are on at once. What is uncertain counts as on. */
export interface Interlocks {
  /** @throws HubError `interlocked` that names the other device, `too-many`; changes nothing. */
  check(command: GuardedCommand): void
  sent(command: GuardedCommand): void
  reported(device: string, value: unknown): void
  /** There is no such device any more that could be on. */
  forget(device: string): void
}

/** Why a device of a group counts as on; one that is off has none. It reported so, unless: */
interface Hold {
  /** It was asked to turn on then, and has not reported since that it is on. */
  readonly askedAtMs?: number
  /** It has reported since that it is off: that may have been on its way before the command. */
  readonly isOff?: boolean
}

/** `known`: the devices that are known from a former run. */
export async function openInterlocks(
  parts: GuardParts,
  known: Iterable<string>,
): Promise<Interlocks> {
  const { rules, now, lastValueOf } = parts
  const holds = await openHolds(parts)
  const countsAsOn = (device: string, { isOff, askedAtMs = now() }: Hold) =>
    isOff !== true || now() - askedAtMs < rules(device).timeoutMs
  const reportedOff = (device: string, hold: Hold) => {
    const off = { ...hold, isOff: true }
    if (hold.askedAtMs === undefined || !countsAsOn(device, off)) holds.delete(device)
    else if (hold.isOff !== true) holds.set(device, off)
  }
  const reported = (device: string, value: unknown) => {
    if (rules(device).interlock === undefined) return
    const hold = holds.get(device)
    const state = switchOf(value)
    const isKnown = hold !== undefined && hold.askedAtMs === undefined
    if (state === 'on' && !isKnown) holds.set(device, {})
    if (state === 'off' && hold !== undefined) reportedOff(device, hold)
  }
  for (const device of known) {
    if (holds.get(device) === undefined) reported(device, lastValueOf(device))
  }
  return {
    reported,
    check: ({ device, asked }) => {
      const { interlock } = rules(device)
      if (interlock === undefined || switchOf(asked) === 'off') return
      for (const [other, hold] of holds.entries()) {
        if (other === device || rules(other).interlock !== interlock) continue
        if (countsAsOn(other, hold)) throw interlocked(interlock, other, hold)
      }
      holds.check(device)
    },
    forget: (device) => {
      if (holds.get(device) !== undefined) holds.delete(device)
    },
    sent: ({ device, asked }) => {
      const isSafe = rules(device).interlock === undefined || switchOf(asked) === 'off'
      if (!isSafe) holds.set(device, { askedAtMs: now() })
    },
  }
}

function openHolds(parts: GuardParts) {
  const { rules, now } = parts
  return openSharedTable<Hold>({
    ...parts,
    name: 'interlock',
    validate: validateInterlockEntry,
    revive: (device, { askedAtMs, ...hold }) => {
      if (rules(device).interlock === undefined) return undefined
      // No time of a former run, or of another hub, is later than now, whatever its clock said.
      return askedAtMs === undefined ? hold : { ...hold, askedAtMs: Math.min(askedAtMs, now()) }
    },
  })
}

function interlocked(interlock: string, other: string, { askedAtMs }: Hold): HubError {
  const state =
    askedAtMs === undefined ? 'is on' : 'was asked to turn on and has not been off for long enough'
  const expected = `expected the other devices of interlock ${JSON.stringify(interlock)} to be off`
  return new HubError('interlocked', `${expected}, but ${other} ${state}`)
}
