import { HubError } from '../../core/errors.ts'
import { isFitName } from '../../core/topic.ts'
import type { LockEntry } from '../../generated/stored.ts'
import { validateLockEntry } from '../../generated/validate-stored.js'
import { openStoredTable } from '../../store/stored-table.ts'
import type { GuardParts } from './device-rules.ts'

/** Who keeps everybody from commanding a device, and why. */
export interface LockedDevice extends Readonly<LockEntry> {
  /** Its complete topic. */
  readonly device: string
}

/** Tags that operators hang on devices while nobody may command them. */
export interface LockOuts {
  /**
   * @throws HubError `locked` when somebody has locked it already, `bad-payload` when the reason is not
   * 1 to 200 characters of plain text, `too-many` when 1,000 devices are locked.
   */
  lock(device: string, by: { readonly by: string; readonly reason: string }): LockedDevice
  /** Ends the lock of `device` and returns it; undefined when there was none. */
  unlock(device: string): LockedDevice | undefined
  /**
   * Resolves when the last change outlives the hub. Until then it counts all the same.
   *
   * @throws HubError `cannot-write-store` when that takes more than 2 seconds.
   */
  stored(): Promise<void>
  list(): LockedDevice[]
  /** The lock of a device is that of another one from now on; returns whether there was one. */
  move(from: string, to: string): boolean
  isLocked(device: string): boolean
  /** @throws HubError `locked` that says by whom, since when and why. */
  check(device: string): void
}

const maxLocks = 1000
/** Who waits for an answer is told soon that the disk takes nothing. */
const maxWaitMs = 2000
const maxReasonCharacters = 200

/** Called after a device was locked or unlocked. */
interface LockEvents {
  locked(device: string): void
  unlocked(device: string): void
}

export async function openLockOuts(parts: GuardParts, events: LockEvents): Promise<LockOuts> {
  const locks = await openStoredTable<Readonly<LockEntry>>({
    ...parts,
    name: 'lock',
    maxSize: maxLocks,
    validate: validateLockEntry,
  })
  const check = (device: string) => {
    const lock = locks.get(device)
    if (lock === undefined) return
    const who = `${JSON.stringify(lock.by)} since ${lock.since}: ${lock.reason}`
    throw new HubError('locked', `expected a device that is not locked, got one locked by ${who}`)
  }
  return {
    check,
    stored: () => inTime(locks.stored(), parts),
    isLocked: (device) => locks.get(device) !== undefined,
    move: (from, to) => {
      const lock = locks.get(from)
      if (lock === undefined) return false
      locks.delete(from)
      events.unlocked(from)
      if (locks.get(to) !== undefined) return true
      locks.set(to, lock)
      events.locked(to)
      return true
    },
    list: () => [...locks.entries()].map(([device, lock]) => ({ device, ...lock })),
    lock: (device, { by, reason }) => {
      checkReason(reason)
      check(device)
      if (locks.size >= maxLocks) {
        const sentence = `expected at most ${maxLocks} locked devices, got one more`
        throw new HubError('too-many', sentence)
      }
      const lock = { by, reason, since: new Date(parts.now()).toISOString() }
      locks.set(device, lock)
      events.locked(device)
      return { device, ...lock }
    },
    unlock: (device) => {
      const lock = locks.get(device)
      if (lock === undefined) return undefined
      locks.delete(device)
      events.unlocked(device)
      return { device, ...lock }
    },
  }
}

/** @throws HubError `cannot-write-store` */
function inTime(stored: Promise<void>, { after }: GuardParts): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = () => {
      const sentence = `expected the data folder to take the change within ${maxWaitMs / 1000} s, got no room there: it holds, but a restart may undo it`
      reject(new HubError('cannot-write-store', sentence))
    }
    const cancel = after(maxWaitMs, refuse)
    stored.then(resolve, refuse).finally(cancel)
  })
}

function checkReason(reason: string): void {
  const { length } = [...reason]
  if (length > 0 && length <= maxReasonCharacters && isFitName(reason)) return
  const expected = `a reason of 1 to ${maxReasonCharacters} characters, none of them a control character`
  throw new HubError('bad-payload', `expected ${expected}, got ${length} characters`)
}
