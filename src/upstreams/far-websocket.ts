/** A websocket to another system, from its upgrade to its end. Whatever that system does, it ends in one sentence. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { AlarmClock } from '../core/clock.ts'
import { quote, reasonOf, systemCodeOf } from '../core/errors.ts'
import { readTextFile } from '../core/files.ts'
import { guardEvents } from '../core/guard.ts'
import { utf8Text } from '../core/payload.ts'
import { resetConnection } from '../core/reset.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import { type FarSystem, type LinkEnding, passwordOf } from './upstream.ts'

export interface FarWebSocketOptions {
  readonly far: FarSystem
  readonly url: URL
}

export interface FarWebSocketEvents {
  opened(): void
  /** A frame of text. */
  said(text: string): void
  gone(ending: LinkEnding): void
}

/** More than this in one frame is taken of nobody. */
const mostBytes = 4 * 1_048_576

/** So many frames are read, and no more: who sends faster waits. */
const rate = { perSecond: 5000, burst: 20_000 }

/** So long may an upgrade take; so often is asked whether the system is there; so long may it be silent. */
const patienceMs = { upgrade: 10_000, ask: 10_000, silent: 25_000, command: 2000 }

export class FarWebSocket {
  readonly #events: FarWebSocketEvents
  readonly #clock: AlarmClock
  readonly #url: URL
  readonly #bucket: TokenBucket
  readonly #socket: WebSocket
  #connection: Socket | undefined
  #heardMs: number
  #isOver = false
  #error: LinkEnding | undefined
  #stopLooking: () => void = () => {}
  #stopProbe: () => void = () => {}

  constructor(options: FarWebSocketOptions, events: FarWebSocketEvents) {
    const { far, url } = options
    this.#events = events
    this.#clock = far.clock
    this.#url = url
    this.#heardMs = far.clock.nowMs()
    this.#bucket = new TokenBucket({ ...rate, now: far.clock.nowMs })
    this.#socket = guardEvents(
      new WebSocket(url, {
        followRedirects: false,
        handshakeTimeout: patienceMs.upgrade,
        maxPayload: mostBytes,
        perMessageDeflate: false,
        headers: basicOf(far),
        ...certificatesOf(far),
      }),
    )
    this.#listen()
  }

  /** What cannot be sent now is never sent. */
  send(text: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(text)
  }

  /** The same of what switches something: where the system does not answer soon, it is not to arrive later either. */
  command(text: string): void {
    this.send(text)
    this.#stopProbe()
    const sentMs = this.#clock.nowMs()
    this.#ping()
    this.#stopProbe = this.#clock.after(patienceMs.command, () => {
      if (this.#heardMs < sentMs) this.end('expected an answer to a command, nothing came')
    })
  }

  /** Ends it by RST: what has not arrived yet never does. Tells `reason`, if there is one. */
  end(reason?: string, isRefused = false): void {
    if (this.#isOver) return
    if (reason === undefined) this.#isOver = true
    if (this.#connection === undefined) this.#socket.terminate()
    else resetConnection(this.#connection)
    if (reason !== undefined) this.#gone({ reason, isRefused })
    this.#stop()
  }

  #listen(): void {
    this.#socket
      .on('upgrade', ({ socket }) => {
        // TLS itself cannot be reset.
        if (this.#url.protocol === 'ws:') this.#connection = socket
      })
      .on('open', () => {
        this.#heard()
        this.#look()
        this.#events.opened()
      })
      .on('message', (bytes: Buffer, isBinary) => this.#said(bytes, isBinary))
      .on('pong', () => this.#heard())
      .on('unexpected-response', (_request, response) => this.#unexpected(response))
      .on('error', (error) => {
        this.#error ??= { reason: sentenceOn(error, this.#url) }
      })
      .on('close', (code, reason) => {
        const said = reason.length === 0 ? '' : `: ${quote(reason.toString())}`
        this.#gone(this.#error ?? { reason: `it has closed the connection with ${code}${said}` })
      })
  }

  #said(bytes: Buffer, isBinary: boolean): void {
    this.#heard()
    const text = isBinary ? undefined : utf8Text(bytes)
    if (text === undefined) {
      this.end('expected frames of text, got one of bytes')
      return
    }
    if (!this.#bucket.take()) this.#wait()
    if (!this.#isOver) this.#events.said(text)
  }

  #wait(): void {
    this.#bucket.spend(1)
    if (this.#socket.isPaused) return
    this.#socket.pause()
    this.#clock.after(this.#bucket.waitMs(), () => this.#socket.resume())
  }

  #unexpected(response: IncomingMessage): void {
    this.#error = statusEnding(response.statusCode, response.headers.location)
    response.destroy()
    this.#gone(this.#error)
  }

  #heard(): void {
    this.#heardMs = this.#clock.nowMs()
  }

  #ping(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping()
  }

  #look(): void {
    this.#stopLooking = this.#clock.after(patienceMs.ask, () => {
      const silentMs = this.#clock.nowMs() - this.#heardMs
      if (silentMs >= patienceMs.silent) {
        this.end(`expected a sign of life, nothing came for ${Math.round(silentMs / 1000)} s`)
        return
      }
      this.#ping()
      this.#look()
    })
  }

  #stop(): void {
    this.#stopLooking()
    this.#stopProbe()
  }

  #gone(ending: LinkEnding): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stop()
    this.#events.gone(ending)
  }
}

function basicOf(far: FarSystem): Record<string, string> {
  const { user } = far.settings
  if (user === undefined) return {}
  const credentials = Buffer.from(`${user}:${passwordOf(far)}`)
  return { Authorization: `Basic ${credentials.toString('base64')}` }
}

/** The authority that the system's certificate is of, as the file has it now. */
function certificatesOf({ name, settings }: FarSystem): { readonly ca?: string } {
  const { caFile } = settings
  return caFile === undefined ? {} : { ca: readTextFile(`upstreams.${name}.caFile`, caFile).text }
}

/** What an answer says that is not the one that was expected. */
function statusEnding(status: number | undefined, location: string | undefined): LinkEnding {
  if (status === 401 || status === 403) {
    return { reason: `expected to be let in, got HTTP ${status}`, isRefused: true }
  }
  if (location === undefined) return { reason: `expected what was asked for, got HTTP ${status}` }
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

const certificateCode = /CERT|SIGNATURE|ISSUER|ALTNAME|CHAIN/

/** Why `url` cannot be spoken to. */
function sentenceOn(error: unknown, { host }: URL): string {
  const code = String(systemCodeOf(error))
  const known = systemSentences[code]
  if (known !== undefined) return `expected ${quote(host)} to answer: ${known}`
  if (certificateCode.test(code)) {
    return `expected a certificate that fits ${quote(host)}, got another: ${reasonOf(error)}`
  }
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
    return `expected frames of at most ${mostBytes} bytes, got a larger one`
  }
  return `expected a websocket: ${reasonOf(error)}`
}
