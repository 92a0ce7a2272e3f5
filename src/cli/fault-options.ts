import { HubError } from '../core/errors.ts'
import type { Absence } from '../simulator/absence.ts'
import type { NodeFaults } from '../simulator/faults.ts'
import { readSeconds } from './seconds.ts'

/** Options of `parseArgs` that make a simulated node do something wrong. */
export const faultOptions = {
  late: { type: 'string' },
  deaf: { type: 'boolean', default: false },
  lying: { type: 'boolean', default: false },
  twice: { type: 'boolean', default: false },
  flapping: { type: 'boolean', default: false },
  'offline-after': { type: 'string' },
  'back-after': { type: 'string' },
} as const

export const faultUsage =
  '[--late SECONDS] [--lying] [--twice] [--flapping] [--deaf] [--offline-after SECONDS [--back-after SECONDS]]'

interface FaultValues {
  readonly late?: string | undefined
  readonly deaf: boolean
  readonly lying: boolean
  readonly twice: boolean
  readonly flapping: boolean
  readonly 'offline-after'?: string | undefined
  readonly 'back-after'?: string | undefined
}

/** @throws HubError `bad-command-line` for what is no time, and for what cannot go together. */
export function readFaults(values: FaultValues): NodeFaults {
  const { late, deaf, lying, twice, flapping } = values
  if (deaf && (late !== undefined || lying || twice || flapping)) {
    const sentence = 'expected --deaf without --late, --lying, --twice and --flapping'
    throw new HubError('bad-command-line', `${sentence}: a deaf node obeys nothing`)
  }
  return {
    ...(late === undefined ? {} : { lateMs: readTime('late', late) }),
    isDeaf: deaf,
    isLying: lying,
    isTwice: twice,
    isFlapping: flapping,
  }
}

/** @throws HubError `bad-command-line` for what is no time, and for a return without a leave. */
export function readAbsence(values: FaultValues): Absence | undefined {
  const { 'offline-after': offline, 'back-after': back } = values
  if (offline !== undefined) {
    return {
      offlineAfterMs: readTime('offline-after', offline),
      ...(back === undefined ? {} : { backAfterMs: readTime('back-after', back) }),
    }
  }
  if (back === undefined) return undefined
  throw new HubError('bad-command-line', 'expected --offline-after with --back-after, got it alone')
}

/** From what timers can tell apart to a day: a node that is away for longer need not be started. */
const range = { minimumSeconds: 0.001, maximumSeconds: 86_400 }

function readTime(name: string, text: string): number {
  return readSeconds(text, { name: `--${name}`, ...range })
}
