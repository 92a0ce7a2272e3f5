import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import type { WebSocket } from 'ws'
import type { User } from '../access/user.ts'
import type { NewShare } from '../core/byte-budget.ts'
import type { EndOfTick } from '../core/callbacks.ts'
import { busy } from '../core/refusal.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { ServedLink, Welcome } from '../dialects/served-dialect.ts'
import type { DialectUser } from '../nodes/served/dialect-users.ts'
import type { Batch } from './batch.ts'
import { closeCodes } from './close-codes.ts'
import { type InboundLimits, WebSocketInbound } from './websocket-inbound.ts'
import { type OutboundLimits, WebSocketLink } from './websocket-link.ts'
import { writeOnceATurn } from './write-once-a-turn.ts'

export interface ServedLinkOptions {
  readonly limits: InboundLimits & OutboundLimits & { readonly overRateSeconds: number }
  readonly newOutboundShare: NewShare
  /** Whether the hub has to save memory. */
  isShortOfMemory(): boolean
  readonly sampledLog: SampledLog
  readonly log: Logger
  readonly endOfTick: EndOfTick
  /** All links of a dialect share it, for most frames are for many of them. */
  batchOf(text: string, topic?: string): Batch
  /** See `ServedLink.enter`. */
  enter(user: User, ended: () => void): { dialectUser: DialectUser; leave(): void } | undefined
}

/** Lets a websocket and a dialect converse until one of them has enough. */
export function serveLink(
  { websocket, socket }: { readonly websocket: WebSocket; readonly socket: Duplex },
  welcome: Welcome,
  options: ServedLinkOptions,
): void {
  const { limits, sampledLog, log } = options
  const outlet = writeOnceATurn(websocket, socket, options.endOfTick)
  let owner = ''
  const share = options.newOutboundShare(() => owner)
  const frames = new WebSocketLink(outlet, {
    limits,
    share,
    sampledLog,
    encodeMissed: () => undefined,
  })
  const leaves: (() => void)[] = []
  const link: ServedLink = {
    send: (text, key) => frames.deliver(options.batchOf(text, key)),
    signIn: (user) => {
      // RFC 6455, 7.4.1: 1008, a message that breaks the policy; these clients know no codes of ours.
      owner = user.name
      const entered = options.enter(user, () => websocket.close(1008, 'signed out'))
      if (entered === undefined) websocket.close(closeCodes.later.code, busy.reason)
      else leaves.push(entered.leave)
      return entered?.dialectUser
    },
    close: (code, reason) => websocket.close(code, reason),
    cut: () => websocket.terminate(),
  }
  const conversation = opened(() => welcome.open(link), { websocket, log })
  if (conversation === undefined) return
  const inbound = new WebSocketInbound(websocket, {
    limits,
    sampledLog,
    receive: (frame) =>
      opened(() => conversation.receive(frame.toString('utf8')), { websocket, log }),
    giveUp: {
      afterSeconds: limits.overRateSeconds,
      isShortOfMemory: options.isShortOfMemory,
      tell: ({ message }) => {
        websocket.close(closeCodes.tooMuch.code, message)
        websocket.resume()
      },
    },
  })
  listen(websocket, inbound)
  websocket.on('close', () => {
    for (const leave of leaves) leave()
    frames.close()
    inbound.close()
    conversation.closed()
  })
}

function listen(websocket: WebSocket, inbound: WebSocketInbound): void {
  websocket.on('message', (frame) => {
    // Never anything else with the default binaryType.
    if (Buffer.isBuffer(frame)) inbound.message(frame)
  })
  websocket.on('ping', (data) => inbound.ping(data))
  websocket.on('pong', () => inbound.noise())
  websocket.on('fragments', (count: number) => inbound.noise(count))
  // Their languages have no word for it.
  websocket.on('excess', () => inbound.noise())
}

/** What `act` answers. A defect of ours must not end the hub: it ends the websocket. */
function opened<T>(
  act: () => T,
  { websocket, log }: { readonly websocket: WebSocket; readonly log: Logger },
): T | undefined {
  try {
    return act()
  } catch (error) {
    log.error({ err: error }, 'a frame could not be dealt with')
    websocket.close(closeCodes.defect.code, 'the hub could not deal with a frame')
    return undefined
  }
}
