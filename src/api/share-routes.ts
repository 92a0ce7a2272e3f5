import type { ShareLinks } from '../access/share-links.ts'
import type { User } from '../access/user.ts'
import type { JsonLimits } from '../core/json.ts'
import type { Route } from '../core/route.ts'
import { validateShareRequest, validateUnshareRequest } from '../generated/validate-requests.js'
import { type AsUser, asOperator } from './as-user.ts'
import { readJson } from './json-exchange.ts'

export interface ShareRoutesOptions {
  readonly asUser: AsUser
  readonly links: ShareLinks
  readonly jsonLimits: JsonLimits
}

/**
 * By path: operators and admins make links by which others may look, list them, and end them: admins those of everybody, operators
 * their own.
 */
export function shareRoutes(options: ShareRoutesOptions): ReadonlyMap<string, Route> {
  const { asUser, links, jsonLimits } = options
  const share = async (body: Buffer, user: User) => {
    const made = links.add(readJson(body, validateShareRequest, jsonLimits), user)
    // Whoever is sent it may open it after the next start, too.
    await links.stored()
    return made
  }
  const unshare = async (body: Buffer, user: User) => {
    const { id } = readJson(body, validateUnshareRequest, jsonLimits)
    const unshared = links.remove(id, user) ?? null
    await links.stored()
    return { id, unshared }
  }
  const listFor = ({ name, role }: User) => ({
    links: links.list().filter(({ by }) => role === 'admin' || by === name),
  })
  return new Map<string, Route>([
    [
      '/api/share',
      { post: (exchange, body) => asOperator(asUser, exchange, (user) => share(body, user)) },
    ],
    [
      '/api/unshare',
      { post: (exchange, body) => asOperator(asUser, exchange, (user) => unshare(body, user)) },
    ],
    ['/api/shares', { get: (exchange) => asOperator(asUser, exchange, listFor) }],
  ])
}
