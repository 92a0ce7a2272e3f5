import { parseArgs } from 'node:util'
import { checkTopic, joinTopic } from '../core/topic.ts'
import { type Command, readArguments, required } from './command.ts'
import { describeOutcome, exitCodeOf, outcomeIn } from './command-outcome.ts'
import { payloadText } from './command-payload.ts'
import { defaultBase, hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { answerOf, interruptedCode } from './hub-question.ts'
import { readSeconds } from './seconds.ts'

const usage = `set DEVICE VALUE [--base BASE] [--timeout 5s] [--force] [--json] ${hubUsage}`

/** As `schemas/command.schema.json` has it at least; `fetch` waits for five minutes at most. */
const timeout = { name: '--timeout', minimumSeconds: 0.1, maximumSeconds: 240 }

export const setDevice: Command = {
  usage,
  summary:
    'command a device, wait for what becomes of it, and say so (exit code 0 confirmed, 3 timed out, 4 refused, 5 node offline)',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const [name, value, ...more] = positionals
    if (more.length > 0) required(undefined, 'one device and one value', usage)
    const device = joinTopic(values.base, required(name, 'a device', usage))
    checkTopic(device)
    const payload = payloadText(device, required(value, 'a value', usage))
    const timeoutMs =
      values.timeout === undefined ? undefined : readSeconds(values.timeout, timeout)
    const json = requestText(device, payload, { timeoutMs, force: values.force })
    const hub = hubAddress(values, terminal)
    const answer = await answerOf(hub, { path: '/api/command', json }, terminal)
    if (answer === undefined) {
      terminal.print(`${device} ${payload}: not waited for; the hub goes on with it`)
      return interruptedCode
    }
    const outcome = outcomeIn(answer, hub)
    const line = () => `${device} ${payload}: ${describeOutcome(outcome)}`
    terminal.print(values.json ? JSON.stringify(outcome.body) : line())
    return exitCodeOf(outcome)
  },
}

const options = {
  base: { type: 'string', default: defaultBase },
  timeout: { type: 'string' },
  force: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  ...hubOptions,
} as const

/** The payload goes as it was written: parsing could change its numbers. */
function requestText(
  device: string,
  payload: string,
  { timeoutMs, force }: { readonly timeoutMs: number | undefined; readonly force: boolean },
): string {
  const seconds = timeoutMs === undefined ? '' : `,"timeoutSeconds":${timeoutMs / 1000}`
  const forced = force ? ',"force":true' : ''
  return `{"device":${JSON.stringify(device)},"payload":${payload}${seconds}${forced}}`
}
