import { HubError, quote } from '../core/errors.ts'
import { parseJson } from '../core/json.ts'
import type { Route } from '../core/route.ts'
import type { Operation } from '../dialects/served-dialect.ts'
import { asOperator } from './as-operator.ts'
import type { AsUser } from './as-user.ts'
import { sendError } from './json-answer.ts'

/** What operators may ask of one dialect. */
export interface Operated {
  readonly dialect: string
  readonly operations: ReadonlyMap<string, Operation>
}

const folder = '/api/dialects/'

/** What is asked of a dialect that is not served here; undefined for other paths. */
export function unservedRoute(path: string): Route | undefined {
  if (!path.startsWith(folder)) return undefined
  const [dialect = ''] = path.slice(folder.length).split('/')
  const sentence = `expected an entry for ${quote(dialect)} under dialects in the configuration`
  const error = new HubError('not-served', sentence)
  return { post: ({ response }) => sendError(response, error, 404) }
}

/**
 * `POST /api/dialects/<dialect>/<operation>`, for operators and admins. Where a dialect is served more
 * than once each of them is asked, and the last one answers.
 */
export function operationRoutes(asUser: AsUser, served: readonly Operated[]): Map<string, Route> {
  const byPath = new Map<string, Operation[]>()
  for (const { dialect, operations } of served) {
    for (const [name, operation] of operations) {
      const path = `${folder}${dialect}/${name}`
      byPath.set(path, [...(byPath.get(path) ?? []), operation])
    }
  }
  const routes = [...byPath].map(([path, operations]) => [path, route(asUser, operations)] as const)
  return new Map(routes)
}

function route(asUser: AsUser, operations: readonly Operation[]): Route {
  return {
    post: (exchange, body) =>
      asOperator(asUser, exchange, async (user) => {
        const asked = parseJson(body)
        if (asked === undefined) throw new HubError('bad-payload', 'expected JSON as the body')
        let answer: unknown
        for (const operation of operations) answer = await operation(asked, user)
        return answer
      }),
  }
}
