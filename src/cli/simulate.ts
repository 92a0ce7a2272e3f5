import { parseArgs } from 'node:util'
import { HubError, quote } from '../core/errors.ts'
import type { NodeFaults } from '../simulator/simulated-node.ts'
import type { Absence } from '../simulator/start-simulated-node.ts'
import {
  type CliCommand,
  jsonOption,
  passwordIn,
  printAnswer,
  readArguments,
  readSeconds,
  required,
} from './arguments.ts'

/** Options of `parseArgs` that make a simulated node do something wrong. */
const faultOptions = {
  late: { type: 'string' },
  slow: { type: 'string' },
  'frozen-after': { type: 'string' },
  refusing: { type: 'boolean', default: false },
  deaf: { type: 'boolean', default: false },
  lying: { type: 'boolean', default: false },
  twice: { type: 'boolean', default: false },
  flapping: { type: 'boolean', default: false },
  'offline-after': { type: 'string' },
  'back-after': { type: 'string' },
} as const

const faultUsage =
  '[--late SECONDS] [--slow SECONDS] [--lying] [--twice] [--flapping] [--refusing] [--deaf] [--frozen-after SECONDS] [--offline-after SECONDS [--back-after SECONDS]]'

const options = {
  profile: { type: 'string', default: 'clown-model' },
  name: { type: 'string' },
  base: { type: 'string' },
  url: { type: 'string' },
  'password-file': { type: 'string' },
  ...jsonOption,
  ...faultOptions,
} as const

const usage = `simulate [--profile PROFILE] [--name NAME | --base BASE] --url mqtt://USER:PASSWORD@HOST:PORT [--password-file FILE] ${faultUsage} [--json]`

export const simulate: CliCommand = {
  usage,
  summary:
    'be a device of any convention that the hub reads, connected by MQTT, with faults to try a hub with',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () => parseArgs({ args, options }))
    const url = required(values.url, 'the URL of an MQTT broker', usage)
    const password = passwordIn(values['password-file'])
    const absence = readAbsence(values)
    const [{ startSimulatedNode }, { conventions, isConventionName }] = await Promise.all([
      import('../simulator/start-simulated-node.ts'),
      import('../simulator/conventions.ts'),
    ])
    const { profile } = values
    if (!isConventionName(profile)) {
      const known = Object.keys(conventions).join(', ')
      const sentence = `expected --profile to be one of ${known}, got ${quote(profile)}`
      throw new HubError('bad-command-line', sentence)
    }
    const convention = conventions[profile]
    const faults = readFaults(values, convention.canRefuse)
    const name = values.name ?? values.base ?? convention.name.usual
    const node = await startSimulatedNode({
      ...{ url, convention, name, faults },
      log: (said) =>
        printAnswer(terminal, values, { value: { name, said }, lines: [`${name}: ${said}`] }),
      ...(password && { password }),
      ...(absence && { absence }),
    })
    await terminal.stopped
    await node.close()
  },
}

interface FaultValues {
  readonly late?: string | undefined
  readonly slow?: string | undefined
  readonly 'frozen-after'?: string | undefined
  readonly refusing: boolean
  readonly deaf: boolean
  readonly lying: boolean
  readonly twice: boolean
  readonly flapping: boolean
  readonly 'offline-after'?: string | undefined
  readonly 'back-after'?: string | undefined
}

/** @throws HubError `bad-command-line` for what is no time, and for what cannot go together. */
function readFaults(values: FaultValues, canRefuse: boolean): NodeFaults {
  const { late, slow, deaf, lying, twice, flapping, refusing } = values
  const isObeying = [late, slow].some((each) => each !== undefined)
  if (deaf && (isObeying || lying || twice || flapping || refusing)) {
    const sentence =
      'expected --deaf without --late, --slow, --lying, --twice, --flapping and --refusing'
    throw new HubError('bad-command-line', `${sentence}: a deaf node obeys nothing`)
  }
  if (refusing && !canRefuse) {
    const sentence =
      'expected --refusing with tasmota, shelly or zigbee2mqtt: others have no word for it'
    throw new HubError('bad-command-line', sentence)
  }
  return {
    lateMs: timeIn(values, 'late'),
    slowMs: timeIn(values, 'slow'),
    frozenAfterMs: timeIn(values, 'frozen-after'),
    ...{ isDeaf: deaf, isLying: lying, isTwice: twice, isFlapping: flapping, isRefusing: refusing },
  }
}

function timeIn(values: FaultValues, name: 'late' | 'slow' | 'frozen-after'): number | undefined {
  const text = values[name]
  return text === undefined ? undefined : readTime(name, text)
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
