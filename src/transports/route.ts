import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** What is served on a path: an answer to GET, or websockets. */
export type Route =
  | { readonly get: (response: ServerResponse) => void }
  | { readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void }
