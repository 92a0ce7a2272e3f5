import { type IncomingMessage, request } from 'node:http'
import { request as requestByTls } from 'node:https'
import { text } from 'node:stream/consumers'
import { HubError, reasonOf, systemCodeOf } from '../core/errors.ts'
import { parseJson } from '../core/parse-json.ts'
import { isRecord } from '../core/record.ts'
import type { HubAddress } from './hub-address.ts'

/** What a hub answered: its status, and the JSON object that came with it. */
export interface HubAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

export interface HubRequest {
  /** Below the hub's address, such as `/api/command`. */
  readonly path: string
  /** The body of a POST, JSON; without one it is a GET. */
  readonly json?: string | undefined
  /** Gives the request up. */
  readonly signal: AbortSignal
}

/**
 * Asks a running hub and answers what came, whatever its status.
 *
 * @throws HubError `cannot-connect` when the hub is not reached, does not know the user, or answers no JSON
 * object; also when `signal` gave it up.
 */
export async function askHub(hub: HubAddress, request: HubRequest): Promise<HubAnswer> {
  const { status, text } = await fetched(hub, request)
  if (status === 401) throw cannotConnect(hub, wrongCredentials)
  const body = parseJson(text)
  if (isRecord(body)) return { status, body }
  const mend = mendsByStatus[status] ?? 'check that a Clown.Hub of this version answers there'
  throw cannotConnect(hub, { got: `status ${status} without a JSON object`, mend })
}

/**
 * What a running hub sends for a request, as it comes. Not by `fetch`, which takes an answer that was
 * broken off for a whole one when the connection was to be closed after it.
 *
 * @throws HubError `cannot-connect`, also with the hub's own sentence when it refuses; `bad-command-line`
 * with its sentence when it does not know what is asked for.
 */
export async function streamFromHub(
  hub: HubAddress,
  request: HubRequest,
): Promise<AsyncIterable<Uint8Array>> {
  const response = await streamedFrom(hub, request)
  const status = Number(response.statusCode)
  if (status === 200) return arriving(hub, response)
  if (status === 401) throw cannotConnect(hub, wrongCredentials)
  const answer = parseJson(await text(arriving(hub, response)))
  const message = isRecord(answer) ? String(answer['message']) : `status ${status}`
  if (status === 400) throw new HubError('bad-command-line', message)
  throw cannotConnect(hub, { got: message, mend: 'ask one that keeps its data, as an admin' })
}

async function* arriving(hub: HubAddress, body: AsyncIterable<Uint8Array>) {
  try {
    yield* body
  } catch (cause) {
    throw unreachable(hub, { cause })
  }
}

async function streamedFrom(
  hub: HubAddress,
  { path, json, signal }: HubRequest,
): Promise<IncomingMessage> {
  const url = new URL(hub.url + path)
  const method = json === undefined ? 'GET' : 'POST'
  const open = url.protocol === 'https:' ? requestByTls : request
  const asked = open(url, { method, headers: headersOf(hub, json), signal })
  try {
    return await new Promise((resolve, reject) => {
      asked.on('response', resolve).on('error', reject).end(json)
    })
  } catch (cause) {
    throw unreachable(hub, { cause })
  }
}

function headersOf({ user, password }: HubAddress, json: string | undefined) {
  const credentials = Buffer.from(`${user}:${password}`).toString('base64')
  const type = json === undefined ? {} : { 'Content-Type': 'application/json' }
  return { Authorization: `Basic ${credentials}`, ...type }
}

async function fetched(hub: HubAddress, request: HubRequest) {
  const response = await responseTo(hub, request)
  return { status: response.status, text: await textOf(hub, response) }
}

async function responseTo(hub: HubAddress, { path, json, signal }: HubRequest): Promise<Response> {
  const body = json === undefined ? {} : { method: 'POST', body: json }
  const headers = headersOf(hub, json)
  try {
    return await fetch(hub.url + path, { ...body, headers, redirect: 'manual', signal })
  } catch (thrown) {
    throw unreachable(hub, thrown)
  }
}

async function textOf(hub: HubAddress, response: Response): Promise<string> {
  try {
    return await response.text()
  } catch (thrown) {
    throw unreachable(hub, thrown)
  }
}

interface Remedy {
  readonly got: string
  readonly mend: string
}

const wrongCredentials: Remedy = {
  got: 'a refusal of the user name or password',
  mend: 'correct them',
}

/** For what a hub answers in plain words, before it knows whose request it is. */
const mendsByStatus: Readonly<Record<number, string>> = {
  421: 'use an IP address, or list the name in http.hosts of its configuration',
  429: 'wait a while, there were too many requests or wrong passwords',
  503: 'try again later, it has too much to do',
}

const unknownHost: Remedy = { got: 'an unknown host name', mend: 'correct it' }
const untrusted: Remedy = {
  got: 'a certificate that is not trusted',
  mend: 'name a file with it in the variable NODE_EXTRA_CA_CERTS',
}

/** By the code of what keeps from an answer. */
const remedies: ReadonlyMap<unknown, Remedy> = new Map<unknown, Remedy>([
  ['ECONNREFUSED', { got: 'nobody listening', mend: 'start it, or correct the address' }],
  ['ECONNRESET', { got: 'a closed connection', mend: 'see its log; with TLS write https://' }],
  ['ENOTFOUND', unknownHost],
  ['EAI_AGAIN', unknownHost],
  ['UND_ERR_SOCKET', { got: 'a closed connection', mend: 'see its log; with TLS write https://' }],
  ['ERR_SSL_WRONG_VERSION_NUMBER', { got: 'an answer without TLS', mend: 'write http:// there' }],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', untrusted],
  ['SELF_SIGNED_CERT_IN_CHAIN', untrusted],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', untrusted],
])

function unreachable(hub: HubAddress, thrown: unknown): HubError {
  // What happened to the socket is the cause of what `fetch` throws.
  const { cause }: { cause?: unknown } = Object(thrown)
  const other = { got: reasonOf(cause), mend: 'check that a Clown.Hub answers there' }
  return cannotConnect(hub, remedies.get(systemCodeOf(cause)) ?? other)
}

function cannotConnect({ url }: HubAddress, { got, mend }: Remedy): HubError {
  return new HubError('cannot-connect', `expected a hub at ${url}, got ${got}: ${mend}`)
}
