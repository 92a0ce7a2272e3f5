import { parseArgs } from 'node:util'
import { HubError } from '../core/errors.ts'
import type { NodeFaults } from '../simulator/simulated-node.ts'
import type { Absence } from '../simulator/start-simulated-node.ts'
import { type CliCommand, passwordIn, readArguments, readSeconds, required } from './arguments.ts'

/** Options of `parseArgs` that make a simulated node do something wrong. */
const faultOptions = {
  late: { type: 'string' },
  deaf: { type: 'boolean', default: false },
  lying: { type: 'boolean', default: false },
  twice: { type: 'boolean', default: false },
  flapping: { type: 'boolean', default: false },
  'offline-after': { type: 'string' },
  'back-after': { type: 'string' },
} as const

const faultUsage =
  '[--late SECONDS] [--lying] [--twice] [--flapping] [--deaf] [--offline-after SECONDS [--back-after SECONDS]]'

const options = {
  base: { type: 'string', default: 'nodes/bridge/0' },
  url: { type: 'string' },
  'password-file': { type: 'string' },
  ...faultOptions,
} as const

const usage = `simulate --base BASE --url mqtt://USER:PASSWORD@HOST:PORT [--password-file FILE] ${faultUsage}`

export const simulate: CliCommand = {
  usage,
  summary:
    'be a hardware node: sensors, relays and a led, connected by MQTT, with faults to try a hub with',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () => parseArgs({ args, options }))
    const url = required(values.url, 'the URL of an MQTT broker', usage)
    const log = (line: string) => terminal.print(`${values.base}: ${line}`)
    const password = passwordIn(values['password-file'])
    const absence = readAbsence(values)
    const { startSimulatedNode } = await import('../simulator/start-simulated-node.ts')
    const node = await startSimulatedNode({
      url,
      base: values.base,
      log,
      ...(password && { password }),
      faults: readFaults(values),
      ...(absence && { absence }),
    })
    await terminal.stopped
    await node.close()
  },
}

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
function readFaults(values: FaultValues): NodeFaults {
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
function readAbsence(values: FaultValues): Absence | undefined {
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
