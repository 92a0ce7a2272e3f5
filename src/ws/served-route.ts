import type { IncomingMessage } from 'node:http'
import type { Writable } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Until } from '../access/secrets.ts'
import type { User } from '../access/user.ts'
import { busy, refuseUpgrade } from '../core/refusal.ts'
import type { AnyRoute, Handshake } from '../core/route.ts'
import type { ServedAnswer, ServedDialect, Welcome } from '../dialects/served-dialect.ts'
import { repeatedBatch } from './batch.ts'
import { type ServedLinkOptions, serveLink } from './served-link.ts'
import { type ServedDoor, sendAnswer, sendUpgradeAnswer, servedRequest } from './served-request.ts'
import {
  createWebSockets,
  type WebSockets,
  type WebSocketsContext,
  type WebSocketsOptions,
} from './websockets.ts'

export interface ServedRouteOptions extends Omit<ServedLinkOptions, 'enter' | 'batchOf'> {
  readonly door: ServedDoor
  readonly websockets: ServedWebSockets
}

/**
 * Websockets whose subprotocol is chosen for each of them. When the hub ends they are cut: clients of
 * these systems come back after that, and some do not after a goodbye.
 */
export interface ServedWebSockets extends Pick<WebSockets, 'close'> {
  /** Completes the handshake of a welcome. */
  accept(handshake: Handshake, welcome: Welcome, serve: (websocket: WebSocket) => void): void
}

export function createServedWebSockets(
  options: WebSocketsOptions,
  context: WebSocketsContext,
): ServedWebSockets {
  const chosen = new WeakMap<IncomingMessage, string>()
  // Without an answer of ours, ws would take the first one that is offered.
  const handleProtocols = (_: Set<string>, request: IncomingMessage) => chosen.get(request) ?? false
  const { accept, close } = createWebSockets({ ...options, handleProtocols }, context)
  const open = new Set<WebSocket>()
  return {
    close: () => {
      for (const websocket of open) websocket.terminate()
      return close()
    },
    accept: (handshake, { subprotocol }, serve) => {
      if (subprotocol !== undefined) chosen.set(handshake.request, subprotocol)
      accept(handshake, (websocket) => {
        open.add(websocket)
        websocket.once('close', () => open.delete(websocket))
        serve(websocket)
      })
    },
  }
}

const nothing = Buffer.alloc(0)

/** Every path and method of a served dialect, and its websockets. */
export function servedRoute(dialect: ServedDialect, options: ServedRouteOptions): AnyRoute {
  const { door } = options
  const batchOf = repeatedBatch()
  return {
    checksOrigin: dialect.checksOrigin === true || door.isAnyPageGuest,
    any: async ({ request, response }, body) => {
      const asked = servedRequest({ request, body, gone: closeOf(response) }, door)
      sendAnswer(response, await dialect.answer(asked))
    },
    upgrade: async (handshake) => {
      const { request, socket } = handshake
      let until: Until | undefined
      const onSession = (found: Until) => {
        until = found
      }
      const asked = servedRequest(
        { request, body: nothing, gone: closeOf(socket), onSession },
        door,
      )
      const welcome = await dialect.greet(asked)
      if (isAnswer(welcome)) sendUpgradeAnswer(socket, welcome)
      else if (welcome.user && !door.mayEnter(socket, welcome.user.name))
        refuseUpgrade(socket, busy)
      else accept(handshake, welcome, { ...options, batchOf, address: asked.address, until })
    },
  }
}

function closeOf(stream: Writable): AbortSignal {
  const closing = new AbortController()
  stream.once('close', () => closing.abort())
  return closing.signal
}

function accept(
  handshake: Handshake,
  welcome: Welcome,
  options: ServedRouteOptions &
    Pick<ServedLinkOptions, 'batchOf'> & {
      readonly address: string
      readonly until: Until | undefined
    },
): void {
  const { socket } = handshake
  const { door, websockets, address, until } = options
  const { name, base } = door
  const enter = (user: User, ended: () => void) =>
    door.mayEnter(socket, user.name)
      ? door.dialectUsers.enter(
          { user, address, way: name, base, connection: socket, until },
          ended,
        )
      : undefined
  websockets.accept(handshake, welcome, (websocket) =>
    serveLink({ websocket, socket }, welcome, { ...options, enter }),
  )
}

function isAnswer(welcome: Welcome | ServedAnswer): welcome is ServedAnswer {
  return 'status' in welcome
}
