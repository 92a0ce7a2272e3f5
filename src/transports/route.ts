import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** A request and where its answer goes. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** What is served on a path: an answer to GET, an answer to POST and its body, websockets, or anything. */
export type Route = PlainRoute | UpgradeRoute

export type PlainRoute =
  | { readonly get: (exchange: Exchange) => Promise<void> | void }
  | { readonly post: (exchange: Exchange, body: Buffer) => Promise<void> | void }
  | AnyRoute

/** Answers every method, with its body, and takes websockets. */
export interface AnyRoute extends UpgradeRoute {
  readonly any: (exchange: Exchange, body: Buffer) => Promise<void> | void
  /** Whether the header Origin is for the route to look at, and not to be checked before. */
  readonly checksOrigin: boolean
}

export interface UpgradeRoute {
  readonly upgrade: (handshake: Handshake) => Promise<void> | void
}

/** A request for an upgrade, its socket, and what came after the request. */
export interface Handshake {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

/** The methods a route is asked by, the usual one first; undefined when it takes all. */
export function methodsOf(route: Route): string[] | undefined {
  if ('any' in route) return undefined
  if ('post' in route) return ['POST']
  return 'get' in route ? ['GET', 'HEAD'] : ['GET']
}

/** Whether the body of a request matters to a route. */
export function readsBody(route: Route): boolean {
  return 'post' in route || 'any' in route
}
