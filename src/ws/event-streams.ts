import type { ServerResponse } from 'node:http'
import { WebSocket } from 'ws'
import type { Until } from '../access/secrets.ts'
import type { User } from '../access/user.ts'
import type { NewShare } from '../core/byte-budget.ts'
import { every } from '../core/clock.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Dialect } from '../dialects/dialect.ts'
import type { LinkTraffics } from './link-traffic.ts'
import { openTalkSession, type TalkSessionContext } from './talk-session.ts'
import { type FrameWriter, WebSocketLink, type WriteLimits } from './websocket-link.ts'

/** Sends what a websocket would be told, to those that cannot do websockets. */
export interface EventStreams {
  /** @throws HubError for filters, before anything is sent. */
  open(response: ServerResponse, reader: EventReader): void
}

/** Whose stream it is, and what of. */
export interface EventReader {
  readonly user: User
  readonly until: Until | undefined
  readonly address: string
  readonly filters: readonly string[]
  /** The position after which to go on. */
  readonly after: string | undefined
}

export interface EventStreamsOptions {
  readonly dialect: Dialect
  readonly newOutboundShare: NewShare
  readonly limits: WriteLimits & { readonly pingSeconds: number }
  readonly sampledLog: SampledLog
  readonly linkTraffics: LinkTraffics
}

export function createEventStreams(
  context: TalkSessionContext,
  options: EventStreamsOptions,
): EventStreams {
  const { dialect, newOutboundShare, limits, sampledLog, linkTraffics } = options
  const { encodeMissed } = dialect
  return {
    open: (response, { user, until, address, filters, after }) => {
      const writer = new ResponseWriter(response)
      const share = newOutboundShare(() => user.name)
      const traffic = linkTraffics.of('http', dialect.name)
      traffic.follow(response.req.socket)
      const reader = { user: user.name, address, way: dialect.name }
      const link = new WebSocketLink(writer, {
        ...{ limits, share, sampledLog, traffic, encodeMissed, reader },
      })
      const session = openTalkSession(context, {
        ...{ dialect, base: '', link, user, until, address },
        connection: response,
        ended: () => writer.close(),
      })
      const close = () => {
        stopPulse()
        session.close()
        link.close()
      }
      // A comment, by which both ends and all proxies between them tell that the other is there.
      const stopPulse = every(limits.pingSeconds * 1000, () => response.write(':\n\n'))
      try {
        session.show({ filters, ages: true, presence: true, labels: true, positions: true })
      } catch (error) {
        close()
        throw error
      }
      response.on('close', close)
      response.writeHead(200, {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'Cache-Control': 'no-store',
        // nginx would collect it.
        'X-Accel-Buffering': 'no',
      })
      response.flushHeaders()
      if (after === undefined) session.catchUp()
      else session.recover(after)
    },
  }
}

/** An answer by HTTP in place of a websocket. */
class ResponseWriter implements FrameWriter {
  /** Until the link is closed. */
  readonly readyState = WebSocket.OPEN
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    this.#response = response
  }

  get bufferedAmount(): number {
    return this.#response.writableLength
  }

  /**
   * Who reads too slowly comes back by itself, and tells where it was. Cut, and not ended behind what waits: who does not
   * read would keep it for ever, and what is written behind an end is an error, where behind a cut it goes nowhere.
   */
  close(): void {
    this.#response.destroy()
  }

  send(frame: string, written: () => void): void {
    this.#response.write(frame, written)
  }

  write(bytes: Buffer, written: () => void): void {
    this.#response.write(bytes, written)
  }

  offer(bytes: Buffer): boolean {
    const isFree = this.bufferedAmount === 0
    if (isFree) this.#response.write(bytes)
    return isFree
  }
}
