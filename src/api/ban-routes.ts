import type { IncomingMessage } from 'node:http'
import type { Bans } from '../access/bans.ts'
import type { User } from '../access/user.ts'
import type { JsonLimits } from '../core/json.ts'
import type { Exchange, Route } from '../core/route.ts'
import { validateBanRequest, validateUnbanRequest } from '../generated/validate-requests.js'
import { type AsUser, asAdmin } from './as-user.ts'
import { readJson } from './json-exchange.ts'

export interface BanRoutesOptions {
  readonly asUser: AsUser
  readonly bans: Pick<Bans, 'add' | 'remove' | 'list' | 'stored'>
  clientAddress(request: IncomingMessage): string
  readonly jsonLimits: JsonLimits
}

/** By path: admins ban somebody, end that, and list whom they have banned. */
export function banRoutes(options: BanRoutesOptions): ReadonlyMap<string, Route> {
  const { asUser, bans, clientAddress, jsonLimits } = options
  const ban = async (body: Buffer, { request }: Exchange, user: User) => {
    const asked = readJson(body, validateBanRequest, jsonLimits)
    const added = bans.add(asked, { user, address: clientAddress(request) })
    await bans.stored()
    return added
  }
  const unban = async (body: Buffer, { name }: User) => {
    const target = readJson(body, validateUnbanRequest, jsonLimits)
    const unbanned = bans.remove(target, name) ?? null
    await bans.stored()
    return { ...target, unbanned }
  }
  return new Map<string, Route>([
    [
      '/api/ban',
      {
        post: (exchange, body) => asAdmin(asUser, exchange, (user) => ban(body, exchange, user)),
      },
    ],
    [
      '/api/unban',
      { post: (exchange, body) => asAdmin(asUser, exchange, (user) => unban(body, user)) },
    ],
    ['/api/bans', { get: (exchange) => asAdmin(asUser, exchange, () => ({ bans: bans.list() })) }],
  ])
}
