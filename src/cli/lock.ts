import { parseArgs } from 'node:util'
import { isRecord } from '../core/json.ts'
import { type CliCommand, onlyOne, readArguments, required } from './arguments.ts'
import { type HubAnswer, tellAnswer } from './ask-hub.ts'
import { deviceNamed, hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { type Terminal, wordOf } from './terminal.ts'

const common = {
  base: { type: 'string' },
  json: { type: 'boolean', default: false },
  ...hubOptions,
} as const

const lockUsage = `lock DEVICE --reason TEXT [--base BASE] [--json] ${hubUsage}`

export const lockDevice: CliCommand = {
  usage: lockUsage,
  summary: 'keep everybody from commanding a device, until an operator or admin unlocks it',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(lockUsage, () =>
      parseArgs({
        args,
        options: { ...common, reason: { type: 'string' } },
        allowPositionals: true,
      }),
    )
    const device = deviceNamed(onlyOne(positionals, 'one device', lockUsage), values.base)
    const reason = required(values.reason, 'a --reason', lockUsage)
    return asked({ verb: 'lock', device, reason, describe: describeLock }, values, terminal)
  },
}

const unlockUsage = `unlock DEVICE [--base BASE] [--json] ${hubUsage}`

export const unlockDevice: CliCommand = {
  usage: unlockUsage,
  summary: 'take the lock off a device, whoever hung it there',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(unlockUsage, () =>
      parseArgs({ args, options: common, allowPositionals: true }),
    )
    const device = deviceNamed(onlyOne(positionals, 'one device', unlockUsage), values.base)
    return asked({ verb: 'unlock', device, describe: describeUnlock }, values, terminal)
  },
}

interface HubRequest {
  readonly verb: 'lock' | 'unlock'
  readonly device: string
  readonly reason?: string
  /** What has been done, in plain words; undefined when `body` does not say so. */
  describe(body: HubAnswer['body']): string | undefined
}

function asked(
  { verb, describe, ...parameters }: HubRequest,
  values: Parameters<typeof hubAddress>[0] & { readonly json: boolean },
  terminal: Terminal,
): Promise<number> {
  const request = { path: `/api/${verb}`, json: JSON.stringify(parameters) }
  const linesOf = (body: HubAnswer['body']) => {
    const words = describe(body)
    return words === undefined ? undefined : [words]
  }
  const about = `${parameters.device}: `
  const asking = { request, does: 'has locks', isJson: values.json, about, linesOf }
  return tellAnswer(hubAddress(values, terminal), asking, terminal)
}

function describeLock({ by, reason, since }: HubAnswer['body']): string | undefined {
  if (since === undefined) return undefined
  return `locked by ${wordOf(by)} since ${wordOf(since)}: ${wordOf(reason)}`
}

function describeUnlock({ unlocked }: HubAnswer['body']): string | undefined {
  if (unlocked === null) return 'was not locked'
  return isRecord(unlocked) ? `unlocked; it was ${describeLock(unlocked)}` : undefined
}
