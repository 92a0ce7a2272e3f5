/** The one HTTP client of the command line: what a hub is asked, and what it says. */
import { type IncomingMessage, request as requestByHttp } from 'node:http'
import { request as requestByTls } from 'node:https'
import { text } from 'node:stream/consumers'
import { HubError, reasonOf, systemCodeOf } from '../core/errors.ts'
import { isRecord, parseJson } from '../core/json.ts'
import { checkFilter } from '../core/topic.ts'
import type { HubAddress } from './hub-address.ts'
import { interruptedCode, plainText, stopSignal, type Terminal } from './terminal.ts'

export interface HubRequest {
  /** Below the hub's address, such as `/api/command`. */
  readonly path: string
  /** The body of a POST, JSON; without one it is a GET. */
  readonly json?: string
}

/** What a hub answered: its status, and the JSON object that came with it. */
export interface HubAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** Who may not want to wait any longer. */
type Waiting = Pick<Terminal, 'stopped'>

/**
 * What a running hub answers, whatever its status; undefined when the user did not wait for it.
 *
 * @throws HubError `cannot-connect` when the hub is not reached, does not know the user, or answers no JSON
 * object.
 */
export async function askHub(
  hub: HubAddress,
  request: HubRequest,
  terminal: Waiting,
): Promise<HubAnswer | undefined> {
  const signal = stopSignal(terminal)
  try {
    const response = await responseTo(hub, request, signal)
    return objectIn(hub, Number(response.statusCode), await text(arriving(hub, response)))
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  }
}

function objectIn(hub: HubAddress, status: number, text: string): HubAnswer {
  if (status === 401) throw cannotConnect(hub, wrongCredentials)
  const body = parseJson(text)
  if (isRecord(body)) return { status, body }
  const fix = fixesByStatus[status] ?? 'check that a Clown.Hub of this version answers there'
  throw cannotConnect(hub, { got: `status ${status} without a JSON object`, fix })
}

/**
 * What a running hub sends for a request, as it comes.
 *
 * @throws HubError `cannot-connect`, also with the hub's own sentence when it refuses, and when the user
 * does not wait for it; `bad-command-line` with its sentence when it does not know what is asked for.
 */
export function streamFromHub(
  hub: HubAddress,
  request: HubRequest,
  terminal: Waiting,
): Promise<AsyncIterable<Uint8Array>> {
  return streamed(hub, request, stopSignal(terminal))
}

async function streamed(
  hub: HubAddress,
  request: HubRequest,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const response = await responseTo(hub, request, signal)
  const status = Number(response.statusCode)
  if (status === 200) return arriving(hub, response)
  if (status === 401) throw cannotConnect(hub, wrongCredentials)
  const answer = parseJson(await text(arriving(hub, response)))
  const message = isRecord(answer) ? String(answer['message']) : `status ${status}`
  if (status === 400) throw new HubError('bad-command-line', message)
  throw cannotConnect(hub, { got: message, fix: 'ask one that keeps its data, as an admin' })
}

/** What is asked of a hub's history, as its parameters are called; what is undefined is left out. */
export interface HistoryWanted {
  readonly topic: string
  readonly quantity?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly format: 'csv' | 'ndjson'
  readonly bom?: 'true' | undefined
  readonly resolution?: string | undefined
  readonly follow?: 'true'
}

/**
 * Hands the text that a hub sends to `take`, as it comes, until that returns false; returns whether it
 * came to its end, and nobody stopped it.
 *
 * @throws HubError `bad-topic`, `bad-command-line`, `cannot-connect`
 */
export async function streamHistory(
  hub: HubAddress,
  { wanted, stopped }: { readonly wanted: HistoryWanted } & Waiting,
  take: (text: string) => Promise<boolean>,
): Promise<boolean> {
  checkFilter(wanted.topic)
  const signal = stopSignal({ stopped })
  const asked = Object.entries(wanted).filter(([, value]) => value !== undefined)
  const path = `/api/history?${new URLSearchParams(asked)}`
  // What is printed has the mark that a spreadsheet is to find.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  try {
    for await (const bytes of await streamed(hub, { path }, signal)) {
      if (!(await take(decoder.decode(bytes, { stream: true })))) return false
    }
    return true
  } catch (error) {
    if (signal.aborted) return false
    throw error
  }
}

// Not by `fetch`, which takes an answer that was broken off for a whole one when the connection was to be
// closed after it.
async function responseTo(
  hub: HubAddress,
  { path, json }: HubRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const url = new URL(hub.url + path)
  const method = json === undefined ? 'GET' : 'POST'
  const open = url.protocol === 'https:' ? requestByTls : requestByHttp
  const asked = open(url, { method, headers: headersOf(hub, json), signal })
  try {
    return await new Promise((resolve, reject) => {
      asked.on('response', resolve).on('error', reject).end(json)
    })
  } catch (cause) {
    throw unreachable(hub, cause)
  }
}

function headersOf({ user, password }: HubAddress, json: string | undefined) {
  const credentials = Buffer.from(`${user}:${password}`).toString('base64')
  const type = json === undefined ? {} : { 'Content-Type': 'application/json' }
  return { Authorization: `Basic ${credentials}`, ...type }
}

async function* arriving(hub: HubAddress, body: AsyncIterable<Uint8Array>) {
  try {
    yield* body
  } catch (cause) {
    throw unreachable(hub, cause)
  }
}

interface Remedy {
  readonly got: string
  readonly fix: string
}

const wrongCredentials: Remedy = {
  got: 'a refusal of the user name or password',
  fix: 'correct them',
}

/** For what a hub answers in plain words, before it knows whose request it is. */
const fixesByStatus: Readonly<Record<number, string>> = {
  421: 'use an IP address, or list the name in http.hosts of its configuration',
  429: 'wait a while, there were too many requests or wrong passwords',
  503: 'try again later, it has too much to do',
}

const unknownHost: Remedy = { got: 'an unknown host name', fix: 'correct it' }
const withoutTls: Remedy = { got: 'an answer without TLS', fix: 'write http:// there' }
const untrusted: Remedy = {
  got: 'a certificate that is not trusted',
  fix: 'name a file with it in the variable NODE_EXTRA_CA_CERTS',
}

/** By the code of what keeps from an answer. */
const remedies: ReadonlyMap<unknown, Remedy> = new Map<unknown, Remedy>([
  ['ECONNREFUSED', { got: 'nobody listening', fix: 'start it, or correct the address' }],
  ['ECONNRESET', { got: 'a closed connection', fix: 'see its log; with TLS write https://' }],
  ['ENOTFOUND', unknownHost],
  ['EAI_AGAIN', unknownHost],
  ['EPROTO', withoutTls],
  ['ERR_SSL_WRONG_VERSION_NUMBER', withoutTls],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', untrusted],
  ['SELF_SIGNED_CERT_IN_CHAIN', untrusted],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', untrusted],
])

function unreachable(hub: HubAddress, thrown: unknown): HubError {
  const other = { got: reasonOf(thrown), fix: 'check that a Clown.Hub answers there' }
  return cannotConnect(hub, remedies.get(systemCodeOf(thrown)) ?? other)
}

function cannotConnect({ url }: HubAddress, { got, fix }: Remedy): HubError {
  return new HubError('cannot-connect', `expected a hub at ${url}, got ${got}: ${fix}`)
}

/** By which a script can tell that what it asked for was refused. */
export const refusedCode = 4

/** What a command asks of a hub, and how it says what came. */
export interface Asking {
  readonly request: HubRequest
  /** What a hub that can be asked so does, such as `lists commands`. */
  readonly does: string
  readonly isJson: boolean
  /** What each line begins with, such as a device and a colon; nothing unless given. */
  readonly about?: string
  /** What the body says, in plain words; undefined when it does not say what was asked for. */
  linesOf(body: HubAnswer['body']): readonly string[] | undefined
}

/**
 * Asks a hub and prints what it says; returns the exit code.
 *
 * @throws HubError `cannot-connect`, also when the answer is none to what was asked.
 */
export async function tellAnswer(
  hub: HubAddress,
  { request, does, isJson, about = '', linesOf }: Asking,
  terminal: Terminal,
): Promise<number> {
  const answer = await askHub(hub, request, terminal)
  if (answer === undefined) {
    const isDone = request.json !== undefined
    if (isDone) terminal.print(`${about}not waited for; the hub may have done it, or not`)
    return interruptedCode
  }
  const { status, body } = answer
  const refusal = refusalIn(answer)
  const lines = refusal === undefined ? linesOf(body) : [`refused: ${refusal}`]
  if (lines === undefined || (refusal === undefined && status !== 200)) {
    throw new HubError('cannot-connect', `expected a hub that ${does}, got status ${status}`)
  }
  if (isJson) terminal.print(JSON.stringify(body))
  else for (const line of lines) terminal.print(about + line)
  return refusal === undefined ? 0 : refusedCode
}

/** The sentence with which a hub refuses a question; undefined when it does not refuse it. */
function refusalIn({ status, body: { message } }: HubAnswer): string | undefined {
  const isRefused = status >= 400 && status < 500 && typeof message === 'string'
  return isRefused ? plainText(message) : undefined
}

/** The objects of a list in an answer; undefined when it is none. */
export function rowsIn(list: unknown): Readonly<Record<string, unknown>>[] | undefined {
  return Array.isArray(list) ? list.filter(isRecord) : undefined
}
