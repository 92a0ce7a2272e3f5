import type { IncomingMessage } from 'node:http'

const talk = 'clown.talk.v1'
const ticketPrefix = 'clown.ticket.'

/** The subprotocol to answer with; never one that carries a ticket. Chromium gives up without an answer. */
export function chooseTalk(offered: Set<string>): string | false {
  return offered.has(talk) ? talk : false
}

/** The names a request offers. */
export function offeredSubprotocols({ headers }: IncomingMessage): string[] {
  // Trimmed afterwards: a pattern with spaces on both sides takes quadratic time on many of them.
  return (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
}

/** The ticket among them, which a page of another origin cannot send in any other way. */
export function ticketIn(request: IncomingMessage): string | undefined {
  const name = offeredSubprotocols(request).find((offered) => offered.startsWith(ticketPrefix))
  return name?.slice(ticketPrefix.length)
}
