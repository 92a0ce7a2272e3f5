/** HTTP to another system, and what every way there has in common: certificates, credentials, errors as sentences. */
import { type ClientRequest, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { quote, reasonOf, systemCodeOf } from '../core/errors.ts'
import { readTextFile } from '../core/files.ts'
import { guardEvents } from '../core/guard.ts'
import { parseJson } from '../core/json.ts'
import { resetConnection } from '../core/reset.ts'
import { type FarSystem, type LinkEnding, secretOf } from './upstream.ts'

/** Why something did not come to its end; it may end the link. */
export class FarFailure extends Error {
  readonly ending: LinkEnding

  constructor(reason: string, isRefused = false) {
    super(reason)
    this.ending = { reason, isRefused }
  }
}

/** What ends a link, of whatever was thrown. */
export function endingOf(thrown: unknown): LinkEnding {
  return thrown instanceof FarFailure ? thrown.ending : { reason: reasonOf(thrown) }
}

export interface FarRequest {
  readonly method?: 'GET' | 'POST' | 'PUT'
  /** Below the system's own. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
  /** 10 s unless given. */
  readonly timeoutMs?: number
}

export interface FarAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** More than this in one answer is taken of nobody. */
const mostBytes = 8 * 1_048_576

/** So long may it take, from the name to the last byte. */
const patienceMs = 10_000

/** So long may a command take. What has not been answered by then is not to arrive later. */
export const commandMs = 2000

/** Requests to one system: one connection each, since a kept one may end while a command is on its way. */
export class FarHttp {
  readonly #far: FarSystem
  readonly #base: URL
  readonly #open = new Set<ClientRequest>()
  readonly #pauses = new Set<() => void>()

  constructor(far: FarSystem) {
    this.#far = far
    this.#base = new URL(far.settings.url)
  }

  /** Waits. Who waits when all is ended never goes on. */
  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#far.clock.after(delayMs, () => {
        this.#pauses.delete(stop)
        resolve()
      })
      this.#pauses.add(stop)
    })
  }

  /** Ends all that is under way. */
  end(): void {
    for (const stop of this.#pauses) stop()
    for (const request of this.#open) request.destroy()
  }

  /**
   * The JSON of an answer.
   *
   * @throws FarFailure with what came instead.
   */
  async json(asked: FarRequest): Promise<unknown> {
    const { text, status } = await this.answer(asked)
    const value = parseJson(text)
    if (value === undefined) {
      throw new FarFailure(`expected JSON, got ${quote(text)} with HTTP ${status}`)
    }
    return value
  }

  /**
   * The answer of a system that lets us in: 401 and 403 are thrown, and a redirect is told and not followed.
   *
   * @throws FarFailure
   */
  async answer(asked: FarRequest): Promise<FarAnswer> {
    const answer = await this.anyAnswer(asked)
    const { status, headers } = answer
    const isLetIn = (status < 300 || status >= 400) && status !== 401 && status !== 403
    if (isLetIn) return answer
    const { reason, isRefused } = statusEnding(status, headers['location'])
    throw new FarFailure(reason, isRefused)
  }

  /** Whatever comes. */
  anyAnswer(asked: FarRequest): Promise<FarAnswer> {
    const { method = 'GET', path, json, timeoutMs = patienceMs } = asked
    const url = new URL(this.#base.pathname.replace(/\/$/, '') + path, this.#base)
    const body = json === undefined ? undefined : JSON.stringify(json)
    const headers = {
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...asked.headers,
    }
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? requestHttps : requestHttp
      const options = { method, headers, agent: false, ...certificatesOf(this.#far) } as const
      const request = guardEvents(send(url, options))
      this.#open.add(request)
      const stop = this.#far.clock.after(timeoutMs, () => {
        fail(new FarFailure(`expected an answer of ${quote(url.host)}, nothing came`))
        if (request.socket) resetConnection(request.socket)
        request.destroy()
      })
      const over = () => {
        stop()
        this.#open.delete(request)
      }
      const fail = (failure: FarFailure) => {
        over()
        reject(failure)
      }
      request
        .on('response', (response) => {
          let size = 0
          const chunks: Buffer[] = []
          guardEvents(response)
            .on('data', (chunk: Buffer) => {
              size += chunk.length
              chunks.push(chunk)
              if (size <= mostBytes) return
              fail(new FarFailure(`expected at most ${mostBytes} bytes, got more`))
              request.destroy()
            })
            .on('close', () => {
              if (!response.complete) fail(new FarFailure('expected a whole answer, it was cut'))
              over()
              const { statusCode: status = 0 } = response
              resolve({ status, headers: response.headers, text: String(Buffer.concat(chunks)) })
            })
        })
        .on('upgrade', () => {
          fail(new FarFailure('expected HTTP, got a websocket'))
          request.destroy()
        })
        .on('error', (error) => fail(new FarFailure(sentenceOnFailure(error, url))))
        .end(body)
    })
  }
}

/** As whom the hub comes there, by HTTP Basic. */
export function basicOf(far: FarSystem): Record<string, string> {
  const { user } = far.settings
  if (user === undefined) return {}
  const credentials = Buffer.from(`${user}:${secretOf(far, 'passwordFile')}`)
  return { Authorization: `Basic ${credentials.toString('base64')}` }
}

/** The authority that the system's certificate is of, as the file has it now. */
export function certificatesOf({ name, settings }: FarSystem): { readonly ca?: string } {
  const { caFile } = settings
  return caFile === undefined ? {} : { ca: readTextFile(`upstreams.${name}.caFile`, caFile).text }
}

/** What an answer says that is not the one that was expected. */
export function statusEnding(status: number | undefined, location: unknown): LinkEnding {
  if (status === 401 || status === 403) {
    return { reason: `expected to be let in, got HTTP ${status}`, isRefused: true }
  }
  if (typeof location !== 'string') {
    return { reason: `expected what was asked for, got HTTP ${status}` }
  }
  const place = quote(location)
  return {
    reason: `expected what was asked for, got HTTP ${status}: it is at ${place}, which url may say`,
    isRefused: true,
  }
}

/** What the system's errors mean, for those that are met most. */
const systemSentences: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it has cut the connection',
  EHOSTUNREACH: 'there is no way there',
  ENETUNREACH: 'there is no way there',
  ENOTFOUND: 'nobody knows this name',
  EAI_AGAIN: 'nobody could say whose name this is',
  ETIMEDOUT: 'nothing answers there',
}

/** A certificate that is good at another time. */
const clockCodes: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

const certificateCode = /CERT|SIGNATURE|ISSUER|ALTNAME|CHAIN/

/** What was expected, where it was not HTTP. */
const ways: Readonly<Record<string, string>> = {
  'ws:': 'a websocket',
  'wss:': 'a websocket',
  'serial:': 'a serial line',
}

/** Why `url` cannot be spoken to. */
export function sentenceOnFailure(error: unknown, { host, protocol }: URL): string {
  const code = String(systemCodeOf(error))
  const known = systemSentences[code]
  if (known !== undefined) return `expected ${quote(host)} to answer: ${known}`
  if (certificateCode.test(code)) {
    const hint = clockCodes.has(code) ? ': its clock or that of this machine may be wrong' : ''
    return `expected a certificate that fits ${quote(host)}, got another: ${reasonOf(error)}${hint}`
  }
  return `expected ${ways[protocol] ?? 'HTTP'}: ${reasonOf(error)}`
}
