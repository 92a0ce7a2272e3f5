import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** A request and where its answer goes. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** What is served on a path: an answer to GET, an answer to POST and its body, or websockets. */
export type Route =
  | { readonly get: (exchange: Exchange) => Promise<void> | void }
  | { readonly post: (exchange: Exchange, body: Buffer) => Promise<void> | void }
  | UpgradeRoute

export type PlainRoute = Exclude<Route, UpgradeRoute>

export interface UpgradeRoute {
  readonly upgrade: (handshake: Handshake) => Promise<void> | void
}

/** A request for an upgrade, its socket, and what came after the request. */
export interface Handshake {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

/** The methods a route is asked by, the usual one first. */
export function methodsOf(route: Route): string[] {
  if ('post' in route) return ['POST']
  return 'get' in route ? ['GET', 'HEAD'] : ['GET']
}
