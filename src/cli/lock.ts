import { parseArgs } from 'node:util'
import { HubError } from '../core/errors.ts'
import { isRecord } from '../core/record.ts'
import { checkTopic, joinTopic } from '../core/topic.ts'
import { type Command, onlyOne, readArguments, required, type Terminal } from './command.ts'
import { refusedCode } from './command-outcome.ts'
import { defaultBase, hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import type { HubAnswer } from './hub-client.ts'
import { answerOf, interruptedCode, refusalIn, wordOf } from './hub-question.ts'

const common = {
  base: { type: 'string', default: defaultBase },
  json: { type: 'boolean', default: false },
  ...hubOptions,
} as const

const lockUsage = `lock DEVICE --reason TEXT [--base BASE] [--json] ${hubUsage}`

export const lockDevice: Command = {
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
    const device = deviceIn(positionals, values.base, lockUsage)
    const reason = required(values.reason, 'a --reason', lockUsage)
    const question = { path: '/api/lock', json: JSON.stringify({ device, reason }) }
    const answer = await answerOf(hubAddress(values, terminal), question, terminal)
    return told(answer, { device, isJson: values.json, describe: describeLock }, terminal)
  },
}

const unlockUsage = `unlock DEVICE [--base BASE] [--json] ${hubUsage}`

export const unlockDevice: Command = {
  usage: unlockUsage,
  summary: 'take the lock off a device, whoever hung it there',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(unlockUsage, () =>
      parseArgs({ args, options: common, allowPositionals: true }),
    )
    const device = deviceIn(positionals, values.base, unlockUsage)
    const question = { path: '/api/unlock', json: JSON.stringify({ device }) }
    const answer = await answerOf(hubAddress(values, terminal), question, terminal)
    return told(answer, { device, isJson: values.json, describe: describeUnlock }, terminal)
  },
}

function deviceIn(positionals: readonly string[], base: string, usage: string): string {
  const device = joinTopic(base, onlyOne(positionals, 'one device', usage))
  checkTopic(device)
  return device
}

interface Telling {
  readonly device: string
  readonly isJson: boolean
  /** What has been done, in plain words; undefined when `body` does not say so. */
  describe(body: HubAnswer['body']): string | undefined
}

/** Prints what came and answers the exit code. @throws HubError `cannot-connect` */
function told(
  answer: HubAnswer | undefined,
  { device, isJson, describe }: Telling,
  { print }: Terminal,
): number {
  if (answer === undefined) {
    print(`${device}: not waited for; the hub may have done it, or not`)
    return interruptedCode
  }
  const refusal = refusalIn(answer)
  const words = refusal === undefined ? describe(answer.body) : `refused: ${refusal}`
  if (words === undefined || answer.status >= 500) throw badAnswer(answer)
  print(isJson ? JSON.stringify(answer.body) : `${device}: ${words}`)
  return refusal === undefined ? 0 : refusedCode
}

function badAnswer({ status }: HubAnswer): HubError {
  return new HubError('cannot-connect', `expected a hub that has locks, got status ${status}`)
}

function describeLock({ by, reason, since }: HubAnswer['body']): string | undefined {
  if (since === undefined) return undefined
  return `locked by ${wordOf(by)} since ${wordOf(since)}: ${wordOf(reason)}`
}

function describeUnlock({ unlocked }: HubAnswer['body']): string | undefined {
  if (unlocked === null) return 'was not locked'
  return isRecord(unlocked) ? `unlocked; it was ${describeLock(unlocked)}` : undefined
}
