import type { Socket } from 'node:net'
import type { CookieSessions } from '../access/secrets.ts'
import type { Present, SignedIn } from '../access/signed-in.ts'
import { isoTime } from '../core/clock.ts'
import { HubError, quote } from '../core/errors.ts'
import type { JsonLimits } from '../core/json.ts'
import type { Route } from '../core/route.ts'
import { validateDisconnectRequest } from '../generated/validate-requests.js'
import { type AsUser, asAdmin } from './as-user.ts'
import { readJson } from './json-exchange.ts'

export interface ConnectionRoutesOptions {
  readonly asUser: AsUser
  readonly signedIn: Pick<SignedIn, 'present'>
  readonly sessions: Pick<CookieSessions, 'list'>
  /** Ends all that a user has signed in to. */
  signOutEverywhere(user: string): void
  readonly jsonLimits: JsonLimits
}

/** By path: admins see who is connected and who has signed in with a page, and end one connection or all of a user. */
export function connectionRoutes(
  options: ConnectionRoutesOptions,
): readonly [path: string, route: Route][] {
  const { asUser, signedIn, sessions, signOutEverywhere, jsonLimits } = options
  const disconnect = (body: Buffer) => {
    const { id, user = '' } = readJson(body, validateDisconnectRequest, jsonLimits)
    const ended = signedIn.present().filter((one) => one.id === id || one.user === user)
    if (id === undefined) signOutEverywhere(user)
    else if (ended.length === 0) throw unknownConnection(id)
    for (const one of ended) one.end()
    return { ended: ended.length }
  }
  return [
    [
      '/api/connections',
      {
        get: (exchange) =>
          asAdmin(asUser, exchange, () => ({
            connections: signedIn.present().map(shown),
            sessions: sessions.list().map(({ user, sinceMs, isInUse }) => ({
              ...{ user, since: isoTime(sinceMs), isInUse },
            })),
          })),
      },
    ],
    [
      '/api/disconnect',
      { post: (exchange, body) => asAdmin(asUser, exchange, () => disconnect(body)) },
    ],
  ]
}

function shown({ id, user, transport: way, title, address, sinceMs, connection }: Present) {
  // Of a TCP or TLS socket, which is all that is known of it here.
  const bytes = (name: keyof Socket) => Number(Reflect.get(connection, name))
  return {
    ...{ id, user, way, title, address, since: isoTime(sinceMs) },
    bytesReceived: bytes('bytesRead'),
    bytesSent: bytes('bytesWritten'),
    /** What its reader has not taken yet; much of it for long is a slow reader. */
    bytesWaiting: bytes('writableLength'),
  }
}

function unknownConnection(id: number): HubError {
  const sentence = `expected the id of a connection that is open, got ${quote(String(id))}`
  return new HubError('bad-payload', sentence)
}
