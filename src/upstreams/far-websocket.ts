/** A websocket to another system, from its upgrade to its end. Whatever that system does, it ends in one sentence. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { AlarmClock } from '../core/clock.ts'
import { quote, systemCodeOf } from '../core/errors.ts'
import { guardEvents } from '../core/guard.ts'
import { utf8Text } from '../core/payload.ts'
import { resetConnection } from '../core/reset.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import { basicOf, certificatesOf, commandMs, sentenceOnFailure, statusEnding } from './far-http.ts'
import type { FarSystem, LinkEnding } from './upstream.ts'

export interface FarWebSocketOptions {
  readonly far: FarSystem
  readonly url: URL
  /** Instead of the user and password. */
  readonly headers?: Readonly<Record<string, string>>
  /** The subprotocol that is offered: none, unless given. */
  readonly protocol?: string
}

/** How a websocket ended: before it was one with an HTTP status, else with a code. */
export interface SocketEnding extends LinkEnding {
  readonly status?: number | undefined
  readonly code?: number
}

export interface FarWebSocketEvents {
  opened(): void
  /** A frame of text. */
  said(text: string): void
  gone(ending: SocketEnding): void
}

/** More than this in one frame is taken of nobody. */
const mostBytes = 4 * 1_048_576

/** So many frames are read, and no more: who sends faster waits. */
const rate = { perSecond: 5000, burst: 20_000 }

/** So long may an upgrade take; so often is asked whether the system is there; so long may it be silent. */
const patienceMs = { upgrade: 10_000, ask: 10_000, silent: 25_000 }

export class FarWebSocket {
  readonly #events: FarWebSocketEvents
  readonly #clock: AlarmClock
  readonly #url: URL
  readonly #bucket: TokenBucket
  readonly #socket: WebSocket
  #connection: Socket | undefined
  #heardMs: number
  #isOver = false
  #error: SocketEnding | undefined
  #stopLooking: () => void = () => {}
  #stopProbe: () => void = () => {}

  constructor(options: FarWebSocketOptions, events: FarWebSocketEvents) {
    const { far, url, protocol = [], headers = basicOf(far) } = options
    this.#events = events
    this.#clock = far.clock
    this.#url = url
    this.#heardMs = far.clock.nowMs()
    this.#bucket = new TokenBucket({ ...rate, now: far.clock.nowMs })
    this.#socket = guardEvents(
      new WebSocket(url, protocol, {
        followRedirects: false,
        handshakeTimeout: patienceMs.upgrade,
        maxPayload: mostBytes,
        perMessageDeflate: false,
        headers,
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
    this.#stopProbe = this.#clock.after(commandMs, () => {
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
        this.#error ??= { reason: reasonFor(error, this.#url) }
      })
      .on('close', (code, reason) => {
        const said = reason.length === 0 ? '' : `: ${quote(reason.toString())}`
        this.#gone(
          this.#error ?? { reason: `it has closed the connection with ${code}${said}`, code },
        )
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
    const { statusCode: status, headers } = response
    this.#error = { ...statusEnding(status, headers.location), status }
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

  #gone(ending: SocketEnding): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stop()
    this.#events.gone(ending)
  }
}

function reasonFor(error: unknown, url: URL): string {
  const isLarge = systemCodeOf(error) === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
  return isLarge
    ? `expected frames of at most ${mostBytes} bytes, got a larger one`
    : sentenceOnFailure(error, url)
}
