import { parseArgs } from 'node:util'
import { HubError, quote, reasonOf } from '../core/errors.ts'
import { type CliCommand, readArguments, readSeconds, required } from './arguments.ts'
import { askHub, type HubAnswer } from './ask-hub.ts'
import { deviceNamed, type HubAddress, hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { endWords, exitCodeOf, isReceipt, type KnownEnd } from './receipts.ts'
import { interruptedCode, plainText } from './terminal.ts'

const usage = `set DEVICE VALUE [--base BASE] [--timeout 5s] [--force] [--json] ${hubUsage}`

/** As `schemas/command.schema.json` has it at least; nobody waits at a prompt for longer than minutes. */
const timeout = { name: '--timeout', minimumSeconds: 0.1, maximumSeconds: 240 }

export const setDevice: CliCommand = {
  usage,
  summary:
    'command a device, wait for what becomes of it, and say so (exit code 0 confirmed, 3 timed out, 4 refused, 5 node offline, 6 already so before)',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const [name, value, ...more] = positionals
    if (more.length > 0) required(undefined, 'one device and one value', usage)
    const device = deviceNamed(required(name, 'a device', usage), values.base)
    const payload = payloadText(device, required(value, 'a value', usage))
    const timeoutMs =
      values.timeout === undefined ? undefined : readSeconds(values.timeout, timeout)
    const json = requestText(device, payload, { timeoutMs, force: values.force })
    const hub = hubAddress(values, terminal)
    const answer = await askHub(hub, { path: '/api/command', json }, terminal)
    if (answer === undefined) {
      terminal.print(`${device} ${payload}: not waited for; the hub goes on with it`)
      return interruptedCode
    }
    const result = resultIn(answer, hub)
    const line = () => `${device} ${payload}: ${describeResult(result)}`
    terminal.print(values.json ? JSON.stringify(result.body) : line())
    return exitCodeOf(result.receipt)
  },
}

const options = {
  base: { type: 'string' },
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

/**
 * The JSON that commands the device with this topic to take `value`: `on` and `off`, or one of its words
 * for a led. What begins with `{` is that JSON itself, and stays as it was written.
 *
 * @throws HubError `bad-command-line`
 */
function payloadText(device: string, value: string): string {
  if (value.startsWith('{')) return checkedJson(value)
  if (device.split('/').at(-2) === 'led') return JSON.stringify({ state: value })
  if (value === 'on') return '{"state":true}'
  if (value === 'off') return '{"state":false}'
  const expected = 'expected a value of on, off or JSON that begins with {'
  throw new HubError('bad-command-line', `${expected}, got ${quote(value)}`)
}

function checkedJson(text: string): string {
  try {
    JSON.parse(text)
    return text
  } catch (cause) {
    const sentence = `expected a value that is JSON, got ${quote(text)}: ${reasonOf(cause)}`
    throw new HubError('bad-command-line', sentence.replaceAll('\n', ' '), { cause })
  }
}

/** How a command ended, as a hub tells it. */
interface Result {
  readonly receipt: KnownEnd
  /** The whole of it. */
  readonly body: HubAnswer['body']
}

/**
 * The result in an answer to `POST /api/command`.
 *
 * @throws HubError `cannot-connect` when there is none.
 */
function resultIn({ status, body }: HubAnswer, { url }: HubAddress): Result {
  const { receipt } = body
  if (isReceipt(receipt)) return { receipt, body }
  // Whoever has no right to a device leaves no trace, and has no receipt.
  if (status === 403 && body['code'] === 'forbidden') return { receipt: 'refused', body }
  const got = `got status ${status}${clauseOf(body['message'])}`
  throw new HubError('cannot-connect', `expected a receipt of the hub at ${url}, ${got}`)
}

/** The result in plain words, on one line. */
function describeResult({ receipt, body }: Result): string {
  const { afterMs, message } = body
  const after = typeof afterMs === 'number' ? `, after ${afterMs} ms` : ''
  return `${endWords(receipt)}${after}${clauseOf(message)}`
}

/** A sentence of the hub, which may quote what a stranger wrote. */
function clauseOf(message: unknown): string {
  return typeof message === 'string' ? `: ${plainText(message)}` : ''
}
