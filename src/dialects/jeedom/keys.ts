/** Whose key it is: keys of Jeedom belong to users, and nobody else has one. */
import { createHash, randomBytes } from 'node:crypto'
import type { User } from '../../access/user.ts'
import type { ServedContext, ServedRequest } from '../served-dialect.ts'

export interface UserKeys {
  /** The user of a key, of the SHA-512 of one in hex, or of a token of the hub. */
  ownerOf(key: string, request: ServedRequest): User | undefined
  /** The key of somebody who has given a password: the same one until the hub ends. */
  keyOf(user: User, request: ServedRequest): Promise<string>
}

type Context = Pick<ServedContext, 'keys' | 'ownerOfToken' | 'settings'>

export function createUserKeys({ keys, ownerOfToken, settings }: Context): UserKeys {
  const { guestKey, allowedHosts } = settings.jeedom
  /** A key that everybody knows is none in the hands of a stranger's page. */
  const isOfGuest = (key: string, request: ServedRequest) =>
    guestKey !== undefined &&
    (key === guestKey || key === sha512(guestKey)) &&
    (request.headers['origin'] === undefined || isHostAllowed(request, allowedHosts))
  const made = new Map<string, string>()
  return {
    ownerOf: (key, request) => {
      const guest = isOfGuest(key, request) ? request.guest() : undefined
      return guest ?? ownerOfToken(key) ?? keys.use(key, request.address)
    },
    keyOf: async ({ name: user }, { address }) => {
      const known = made.get(user)
      if (known !== undefined && keys.find(known) !== undefined) return known
      const key = newKey()
      made.set(user, key)
      await keys.add(sha512(key), { user, label: 'user::getHash (SHA-512)', address })
      await keys.add(key, { user, label: 'user::getHash', address })
      return key
    },
  }
}

function sha512(key: string): string {
  return createHash('sha512').update(key).digest('hex')
}

/** 64 characters, as those of Jeedom. */
function newKey(): string {
  return randomBytes(32).toString('hex')
}

// --- pages ---

/** The names of this machine. */
const ownHosts = ['localhost', '127.0.0.1', '[::1]']

/** As Ratchet looks at it: the host of the Origin has to be in the list, and none is the empty one. */
export function isHostAllowed(
  { headers, isOriginAllowed }: ServedRequest,
  listed: readonly string[] | undefined,
): boolean {
  const { origin = '' } = headers
  const host = hostOf(origin)
  if (listed !== undefined) return (listed.length === 0 ? [''] : listed).includes(host)
  if (origin === '') return false
  return isOriginAllowed || host === hostOf(`http://${headers['host']}`) || ownHosts.includes(host)
}

/** The host of a URL; what is none stays as it is. */
function hostOf(origin: string): string {
  const host = URL.canParse(origin) ? new URL(origin).hostname : ''
  return host === '' ? origin : host
}
