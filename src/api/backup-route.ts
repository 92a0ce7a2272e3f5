import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { HubError } from '../core/errors.ts'
import type { Route } from '../core/route.ts'
import type { AsUser } from './as-user.ts'
import { sendError } from './json-answer.ts'

export interface BackupRouteOptions {
  readonly asUser: AsUser
  /** What is kept, line by line; undefined when nothing is. */
  readonly lines: (() => AsyncIterable<string>) | undefined
}

/** Sends an admin all that the hub keeps; who was cut off sees that by the missing last line. */
export function backupRoute({ asUser, lines }: BackupRouteOptions): Route {
  return {
    post: (exchange) =>
      asUser(exchange, async ({ role = 'none' }) => {
        const { response } = exchange
        if (role !== 'admin') return sendError(response, forbidden(role))
        if (lines === undefined) return sendError(response, nothingKept, 409)
        response.writeHead(200, {
          'Content-Type': 'application/x-ndjson',
          'Cache-Control': 'no-store',
        })
        await pipeline(Readable.from(lines()), response)
      }),
  }
}

function forbidden(role: string): HubError {
  return new HubError('forbidden', `expected a user of role admin, got role ${role}`)
}

const nothingKept = new HubError(
  'cannot-read-store',
  'expected a hub with a data folder, got one that keeps everything in memory',
)
