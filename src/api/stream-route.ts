import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Until } from '../access/secrets.ts'
import type { User } from '../access/user.ts'
import type { GetRoute } from '../core/route.ts'
import type { AsUser } from './as-user.ts'
import { orSendError, readQuery } from './json-exchange.ts'

export interface StreamRouteOptions {
  readonly asUser: AsUser
  clientAddress(request: IncomingMessage): string
  /** @throws HubError for filters. */
  open(response: ServerResponse, reader: StreamReader): void
}

interface StreamReader {
  readonly user: User
  readonly until: Until | undefined
  readonly address: string
  readonly filters: readonly string[]
  readonly after: string | undefined
}

/** `GET /api/stream`: the lines of a websocket as Server-Sent Events, of what the filters match. */
export function streamRoute({ asUser, clientAddress, open }: StreamRouteOptions): GetRoute {
  return {
    get: (exchange) =>
      asUser(exchange, (user, until) => {
        const { request, response } = exchange
        return orSendError(response, () => {
          readQuery(request, ['filter'])
          const query = new URLSearchParams(String(request.url).replace(/^[^?]*/, ''))
          const given = query.getAll('filter')
          const filters = given.length > 0 ? given : ['#']
          // The HTML standard, 9.2.4: what a browser sends when it connects again.
          const last = request.headers['last-event-id']
          const after = typeof last === 'string' && last !== '' ? last : undefined
          const address = clientAddress(request)
          open(response, { user, until, address, filters, after })
        })
      }),
  }
}
