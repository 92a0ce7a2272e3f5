import type { Actuator } from './devices.ts'

/** What a simulated node does wrong on purpose. */
export interface NodeFaults {
  /** It hears whatever it is told so much later. */
  readonly lateMs?: number
  /** It hears nothing; its sensors report as ever. */
  readonly isDeaf?: boolean
  /** It tells another state than the one it was asked for. */
  readonly isLying?: boolean
  /** It tells each state that a command led to twice. */
  readonly isTwice?: boolean
  /** It goes back and forth before it settles in the state it was asked for. */
  readonly isFlapping?: boolean
}

/** A pause in which a hub can act on a state before the next one comes. */
export const flapIntervalMs = 100

/** How often a flapping actuator goes back. */
const flaps = 2

/** The states that `actuator` tells one after the other when it was asked for `asked`. */
export function courseTo(
  asked: unknown,
  actuator: Actuator,
  { isLying = false, isFlapping = false }: NodeFaults,
): readonly [unknown, ...unknown[]] {
  const last = isLying ? actuator.otherThan(asked) : asked
  const flap = [actuator.otherThan(last), last]
  return [last, ...(isFlapping ? new Array(flaps).fill(flap).flat() : [])]
}
