/** The seam between the HTTP server and all that it serves. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ErrorCode } from './errors.ts'

/** An answer that ends a request: a status, one sentence, and headers; plain text, or JSON where programs need a code. */
export interface HttpError {
  readonly status: number
  readonly reason: string
  readonly code?: ErrorCode
  readonly headers?: Readonly<Record<string, string>>
}

/** A request and where its answer goes. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Whether a page that is the answer may be shown inside of another one of the same origin. */
  readonly isFramed: boolean
  refuse(error: HttpError): void
}

/** What is served on a path: an answer to GET, an answer to POST and its body, websockets, or anything. */
export type Route = PlainRoute | UpgradeRoute

export type PlainRoute = GetRoute | PostRoute | (GetRoute & PostRoute) | AnyRoute

export interface GetRoute {
  readonly get: (exchange: Exchange) => Promise<void> | void
  /** Load balancers ask for it, some of them in HTTP/1.0 and without a Host. */
  readonly isProbe?: boolean
  /** It is the same for everybody and says nothing of this hub: pages of every origin may have it. */
  readonly isPublic?: boolean
}

export interface PostRoute {
  readonly post: (exchange: Exchange, body: Buffer) => Promise<void> | void
}

/** Answers every method, with its body, and takes websockets. */
export interface AnyRoute extends UpgradeRoute {
  readonly any: (exchange: Exchange, body: Buffer) => Promise<void> | void
  /** Whether the header Origin is for the route to look at, and not to be checked before. */
  readonly checksOrigin: boolean
}

export interface UpgradeRoute {
  readonly upgrade: (handshake: Handshake) => Promise<void> | void
  /**
   * Whether who asks like this is let in by nothing but credentials that are given in so many words: then a
   * page of a foreign origin may ask, too.
   */
  readonly isSignedInExplicitly?: (request: IncomingMessage) => boolean
}

/** A request for an upgrade, its socket, and what came after the request. */
export interface Handshake {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
  refuse(error: HttpError): void
  /** Ends the socket with an answer in place of a websocket. */
  answer(answer: UpgradeAnswer): void
}

export interface UpgradeAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The methods a route is asked by, the usual one first; undefined when it takes all. */
export function methodsOf(route: Route): string[] | undefined {
  if ('any' in route) return undefined
  const methods = ['get' in route ? ['GET', 'HEAD'] : [], 'post' in route ? ['POST'] : []].flat()
  return methods.length > 0 ? methods : ['GET']
}

/** Whether the body of a request matters to a route. */
export function readsBody(route: Route, { method }: Pick<IncomingMessage, 'method'>): boolean {
  return 'any' in route || ('post' in route && method === 'POST')
}
