import type { AlarmClock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import type { CommandLife } from './command-life.ts'
import type { Request } from './commands.ts'

/** Why a command may not go out yet, and for how long. */
export interface TooSoon {
  readonly waitMs: number
  /** What was expected in place of it, for a sentence. */
  readonly expected: string
}

/** The error of a command that comes too soon. */
export function tooFast({ expected, waitMs }: TooSoon): HubError {
  return new HubError('too-fast', `expected ${expected}: try again in ${Math.ceil(waitMs)} ms`)
}

export interface TurnsOptions {
  readonly clock: AlarmClock
  /** Whether a command asks its device to be off. */
  turnsOff(request: Request): boolean
  /**
   * Asks a command everything again; why it is still too soon, when it is.
   *
   * @throws HubError when it may not go out at all.
   */
  check(request: Request): TooSoon | undefined
  send(request: Request, life: CommandLife): void
  refuse(request: Request, life: CommandLife, error: HubError): void
}

/** Commands that came too soon for their devices: of each device the latest, until its turn. */
export interface Turns {
  /**
   * What waits to turn off gives way only to its own user, and to another command that turns off.
   *
   * @throws HubError `too-fast`
   */
  checkWay(request: Request): void
  /** Ends what waits for `device`, since a later command takes its place. */
  supersede(device: string): void
  /**
   * Lets a command wait, in place of what waits for its device; `begin` is called when it may. False when it
   * turns off and there is no room: then it goes out now.
   *
   * @throws HubError `too-fast` when it would have to wait for too long.
   */
  wait(request: Request, tooSoon: TooSoon, begin: () => CommandLife): boolean
  /** Refuses all that wait. */
  refuseAll(error: HubError): void
}

interface Waiting {
  readonly request: Request
  readonly life: CommandLife
  readonly isOff: boolean
  readonly sinceMs: number
  readonly bytes: number
  /** When it is asked again. */
  turnAtMs: number
  stop(): void
}

/** A button that was pressed longer ago is forgotten by the one who pressed it. */
const longestWaitMs = 2000

/** Of all that wait together, whatever their devices. */
const maxBytes = 8 * 1_048_576

/** What is needed to wait, besides the payload. */
const ownBytes = 512

export function createTurns(options: TurnsOptions): Turns {
  const { clock, turnsOff, check, send, refuse } = options
  const waiting = new Map<string, Waiting>()
  let bytes = 0
  const leave = (entry: Waiting) => {
    entry.stop()
    waiting.delete(entry.request.device)
    bytes -= entry.bytes
  }
  const wake = (entry: Waiting, waitMs: number) => {
    entry.stop()
    entry.turnAtMs = clock.nowMs() + waitMs
    // Rounded up: a timer that is early by a fraction would find that it is too soon.
    entry.stop = clock.after(Math.ceil(waitMs), () => takeTurn(entry))
  }
  const takeTurn = (entry: Waiting) => {
    const { request, life, isOff, sinceMs } = entry
    const leftMs = longestWaitMs - (clock.nowMs() - sinceMs)
    try {
      const tooSoon = check(request)
      const again = tooSoon && pauseOf(tooSoon, isOff, leftMs)
      if (again !== undefined && again > 0) return wake(entry, again)
      leave(entry)
      send(request, life)
    } catch (error) {
      if (!(error instanceof HubError)) throw error
      leave(entry)
      refuse(request, life, error)
    }
  }
  const supersede = (device: string) => {
    const entry = waiting.get(device)
    if (entry === undefined) return
    leave(entry)
    entry.life.overtaken()
  }
  return {
    supersede,
    checkWay: (request) => {
      const entry = waiting.get(request.device)
      if (entry === undefined || !entry.isOff || turnsOff(request)) return
      if (entry.request.sender.user === request.sender.user) return
      const expected =
        'to come after the command of another user to turn off, which waits, got less'
      throw tooFast({ expected, waitMs: Math.max(1, entry.turnAtMs - clock.nowMs()) })
    },
    wait: (request, tooSoon, begin) => {
      const { device, message } = request
      const isOff = turnsOff(request)
      const waitMs = pauseOf(tooSoon, isOff, longestWaitMs)
      const needed = message.payload.bytes.length + ownBytes
      const hasRoom = bytes - (waiting.get(device)?.bytes ?? 0) + needed <= maxBytes
      if (!hasRoom && isOff) return false
      if (!hasRoom) throw tooFast(tooSoon)
      supersede(device)
      const own = { ...request, message: { ...message, payload: message.payload.copied() } }
      const times = { sinceMs: clock.nowMs(), turnAtMs: 0 }
      const entry = { request: own, life: begin(), isOff, ...times, bytes: needed, stop: () => {} }
      waiting.set(device, entry)
      bytes += needed
      wake(entry, waitMs)
      return true
    },
    refuseAll: (error) => {
      for (const entry of [...waiting.values()]) {
        leave(entry)
        refuse(entry.request, entry.life, error)
      }
    },
  }
}

/**
 * How long a command waits that has `leftMs` left. What turns off goes out then at the latest: an interval
 * keeps devices from being switched again and again, and after it nothing can turn on too soon.
 *
 * @throws HubError `too-fast` when that is too long.
 */
function pauseOf(tooSoon: TooSoon, isOff: boolean, leftMs: number): number {
  if (isOff) return Math.min(tooSoon.waitMs, leftMs)
  if (tooSoon.waitMs > leftMs) throw tooFast(tooSoon)
  return tooSoon.waitMs
}
