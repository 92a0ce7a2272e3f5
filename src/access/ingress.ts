/**
 * Home Assistant shows pages of add-ons inside of its own (ingress). Its Supervisor passes requests on, takes the path off that the
 * browser has before ours, and says whose they are; it lets no client write these headers itself. Facts:
 * home-assistant/supervisor, supervisor/api/ingress.py; home-assistant/core, homeassistant/components/hassio/ingress.py.
 */
import { LRUCache } from 'lru-cache'
import type { DeepReadonly } from '../core/json.ts'
import type { Config } from '../generated/config.ts'
import { unmapped } from './address.ts'
import type { ForwardableRequest } from './forwarding.ts'
import { isSameName, normalForm, type User, type UserDirectory } from './user.ts'

export interface Ingress {
  /** From where the Supervisor connects; none where nobody is believed that. */
  readonly addresses: readonly string[]
  /** Whether a request came through Home Assistant, which has let its user in. */
  isBehind(request: ForwardableRequest): boolean
  /** The path that the browser has before ours; undefined for a request that came in any other way. */
  pathOf(request: ForwardableRequest): string | undefined
  /** Whose request it is; undefined where nobody says so. Who is no user of the hub is a guest from now on. */
  userOf(request: ForwardableRequest): string | undefined
  guest(name: string): User | undefined
}

/** So many people of Home Assistant without a user here are known at once. */
const mostGuests = 1000

const path = /^(\/[A-Za-z0-9._~-]+)+$/

export function createIngress(settings: DeepReadonly<Config['http']['ingress']>): Ingress {
  if (settings === undefined) return noIngress
  const { address, role, admins } = settings
  const guests = new LRUCache<string, User>({ max: mostGuests })
  const pathOf = ({ headers, socket }: ForwardableRequest) => {
    const told = headers['x-ingress-path']
    const isFromThere = unmapped(String(socket.remoteAddress)) === address
    return isFromThere && typeof told === 'string' && path.test(told) ? told : undefined
  }
  const guestCalled = (name: string): User => {
    const isAdmin = admins.some((admin) => isSameName(admin, name))
    return { name, role: isAdmin ? 'admin' : role, rules: [], tokens: [] }
  }
  return {
    addresses: [address],
    isBehind: (request) => pathOf(request) !== undefined,
    pathOf,
    userOf: (request) => {
      const name = pathOf(request) === undefined ? undefined : nameIn(request)
      if (name !== undefined && !guests.has(name)) guests.set(name, guestCalled(name))
      return name
    },
    guest: (name) => guests.get(normalForm(name)),
  }
}

const noIngress: Ingress = {
  addresses: [],
  isBehind: () => false,
  pathOf: () => undefined,
  userOf: () => undefined,
  guest: () => undefined,
}

/** The name with which somebody signs in there, or the number of who has none. What others read, anybody may call themselves. */
function nameIn({ headers }: ForwardableRequest): string | undefined {
  const named = headers['x-remote-user-name'] ?? headers['x-remote-user-id']
  if (named === undefined) return undefined
  // Node.js reads headers as Latin-1, and UTF-8 is what is sent.
  return normalForm(Buffer.from(String(named), 'latin1').toString())
}

/** The same directory with the guests besides, who have nothing to sign in with. */
export function withGuests<Directory extends UserDirectory>(
  directory: Directory,
  ingress: Pick<Ingress, 'guest'>,
): Directory {
  return {
    ...directory,
    get edition() {
      return directory.edition
    },
    find: (name) => directory.find(name) ?? ingress.guest(name),
  }
}
