import type { IncomingMessage } from 'node:http'
import type { User } from '../access/user.ts'
import type { Route } from '../core/route.ts'
import { checkFilter } from '../core/topic.ts'
import type { Trace, TraceEntry, TraceQuery } from '../core/trace.ts'
import type { AsUser } from './as-user.ts'
import { answerJson, badQuery, limitIn, readQuery, sinceIn } from './json-exchange.ts'

export interface TraceRouteOptions {
  readonly asUser: AsUser
  readonly trace: Pick<Trace, 'read'>
}

const kinds = ['message', 'command', 'connection'] as const

/**
 * `GET /api/trace`: what became of the latest messages and connections, the latest first. Everybody is told of what they sent
 * and how their own connections ended; admins of all, and who received it.
 */
export function traceRoute({ asUser, trace }: TraceRouteOptions): Route {
  return {
    get: (exchange) =>
      asUser(exchange, (user) =>
        answerJson(exchange.response, () => {
          const entries = trace.read(queryOf(exchange.request, user))
          return { entries: user.role === 'admin' ? entries : entries.map(withoutReceivers) }
        }),
      ),
  }
}

/** @throws HubError `bad-query` or, for the topic, `bad-topic` */
function queryOf(request: IncomingMessage, asking: User): TraceQuery {
  const known = ['topic', 'user', 'kind', 'since', 'limit']
  const { topic, user, kind, since, limit } = readQuery(request, known)
  if (topic !== undefined) checkFilter(topic)
  return {
    topic,
    user: asking.role === 'admin' ? user : asking.name,
    kind: kind === undefined ? undefined : kindIn(kind),
    sinceMs: sinceIn(since),
    limit: limitIn(limit),
  }
}

function kindIn(text: string): TraceEntry['kind'] {
  const found = kinds.find((each) => each === text)
  if (found === undefined) throw badQuery(`kind to be ${kinds.join(', ')}`, text)
  return found
}

/** Who listens is nobody's business but an admin's. */
function withoutReceivers({ receivedBy: _, ...entry }: TraceEntry): TraceEntry {
  return entry
}
