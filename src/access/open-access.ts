/** Who may come in, and how they prove who they are: what is opened of this folder. */
import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import type { Closers } from '../core/callbacks.ts'
import type { DeepReadonly } from '../core/json.ts'
import { maxOpenFiles } from '../core/process-watch.ts'
import type { HttpError } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import type { Store } from '../store/store.ts'
import { type Bans, openBans } from './bans.ts'
import {
  type ConnectionLimiter,
  createConnectionLimiter,
  tooManyConnections,
} from './connection-limiter.ts'
import { createDigestSignIn } from './digest.ts'
import { createForwarding } from './forwarding.ts'
import { createIngress, withGuests } from './ingress.ts'
import { type KnownUsers, openKnownUsers } from './known-users.ts'
import { createLoginThrottle } from './login-throttle.ts'
import { createOrigins } from './origin.ts'
import { hashAsBefore } from './passwords.ts'
import { cookieNameFor, createRequestSignIn, formChallenge } from './request-sign-in.ts'
import { createCookieSessions, createTickets } from './secrets.ts'
import type { SecurityLog } from './security-log.ts'
import { openShareLinks } from './share-links.ts'
import { createSignIn } from './sign-in.ts'
import { createSignedIn, type SignedIn } from './signed-in.ts'
import { openTotpCodes } from './totp.ts'
import type { User } from './user.ts'
import { anonymousWarning } from './user-check.ts'
import { hashInlineUsers, openUserDirectory } from './user-directory.ts'
import { createUserRates } from './user-rates.ts'

export interface AccessParts {
  /** Everybody knows the passwords. */
  readonly isLab: boolean
  readonly store: Pick<Store, 'entries' | 'write'>
  isShortOfMemory(): boolean
  readonly log: Logger
  readonly sampledLog: SampledLog
  readonly securityLog: SecurityLog
  readonly onClose: Closers['add']
}

export type OpenAccess = Awaited<ReturnType<typeof openAccess>>

/** @throws HubError when the users file cannot be used. */
export async function openAccess(config: DeepReadonly<Config>, parts: AccessParts) {
  const { limits } = config
  const { sampledLog, securityLog, onClose } = parts
  const requests = requestRules(config, parts)
  const knownUsers = await openKnownUsers(parts)
  const opened = await openDirectory(config, { ...parts, knownUsers })
  const { links, directory: own } = await openShareLinks(opened.directory, parts)
  onClose(links.close)
  const directory = withGuests(own, requests.ingress)
  const signedIn = createSignedIn(directory)
  onClose(signedIn.close)
  // Behind what ends their connections.
  onClose(knownUsers.follow(directory))
  const throttle = createLoginThrottle({ limits, now: () => performance.now() })
  const codes = await openTotpCodes(parts)
  const signIn = createSignIn({ directory, limits, sampledLog, throttle, codes })
  const common = { ...requests, directory, limits: limits.signIn, sampledLog, securityLog, signIn }
  onClose(securityLog.follow(directory))
  onClose(followSignIns({ signedIn, knownUsers, securityLog }))
  const bans = await openBans({ ...parts, most: limits.signIn.bans })
  onClose(bans.onBan(() => signedIn.endBanned((somebody) => bans.of(somebody) !== undefined)))
  const limiter = createConnectionLimiter({
    ...parts,
    limits: limits.connections,
    maxOpenFiles: maxOpenFiles(),
  })
  const sessions = createCookieSessions(common)
  const tickets = createTickets(common)
  return {
    ...requests,
    ...createRequestSignIn({ ...common, sessions, tickets }),
    ...{ directory, links, knownUsers, signedIn, signIn, sessions, tickets },
    /** Those who have a name of their own: nobody who looks by a link. */
    ownUsers: opened.directory,
    setInlineUsers: opened.setInlineUsers,
    signOutEverywhere: (user: string) => {
      sessions.endAllOf(user)
      tickets.voidAllOf(user)
      signedIn.endAllOf(user)
    },
    digest: createDigestSignIn({ directory, throttle, sampledLog }),
    /** How a page or a program is refused. */
    quietChallenge: formChallenge(requests.pathPrefix),
    limiter,
    bans,
    rateOf: createUserRates({ limits: limits.users }),
    admit: createAdmission({ bans, limiter, isProxy: requests.forwarding.isProxy }),
  }
}

/** Tells of connections that are signed in, and of users who are not who they were. */
function followSignIns({
  signedIn,
  knownUsers,
  securityLog,
}: Pick<AccessParts, 'securityLog'> & {
  readonly signedIn: SignedIn
  readonly knownUsers: KnownUsers
}): () => void {
  knownUsers.onChange((user, change) =>
    securityLog.note(change === 'gone' ? 'user-removed' : 'password-changed', { user }),
  )
  return signedIn.onEntered(({ user, address, transport: way }) =>
    securityLog.note('signed-in', { user, address, way }),
  )
}

/** How a user is refused who is to have one more connection; undefined when it is one of that user's from now on. */
export type Admit = (connection: Connection, user: User) => HttpError | undefined

/** A socket, which has no address any more once it is closed. */
type Connection = object & { readonly remoteAddress?: string | undefined }

interface Admission {
  readonly bans: Pick<Bans, 'refusal'>
  readonly limiter: Pick<ConnectionLimiter, 'signedIn'>
  isProxy(address: string | undefined): boolean
}

function createAdmission({ bans, limiter, isProxy }: Admission): Admit {
  return (connection, user) => {
    const { remoteAddress } = connection
    // Who comes through a proxy is not on this machine; that address is looked at with each request.
    const address = isProxy(remoteAddress) ? 'unknown' : String(remoteAddress)
    const ban = bans.refusal({ user, address })
    if (ban !== undefined) return ban
    return limiter.signedIn(connection, user) ? undefined : tooManyConnections
  }
}

/** Which requests are meant for us, and where they come from. */
function requestRules({ http, mdns }: DeepReadonly<Config>, { isLab }: AccessParts) {
  const { origins: listed, trustProxy, userHeader, pathPrefix, hosts } = http
  const knownHosts = [...hosts, ...(mdns.enabled ? [`${mdns.name}.local`] : [])]
  const ingress = createIngress(http.ingress)
  const forwarding = createForwarding([...trustProxy, ...ingress.addresses])
  const origins = createOrigins({ listed, isLab })
  const proxyUserIn = ({ headers }: IncomingMessage) =>
    userHeader === undefined ? undefined : headers[userHeader.toLowerCase()]
  const peerOf = (request: IncomingMessage) => {
    const isProxied = forwarding.isProxy(request.socket.remoteAddress)
    return {
      address: forwarding.clientAddress(request),
      isSecure: forwarding.isSecure(request),
      foreignOrigin: origins.foreignOf(request),
      cookieName: cookieNameFor(
        request,
        forwarding.isSecure(request),
        ingress.pathOf(request) ?? pathPrefix,
      ),
      // What a proxy shows is its own, and nobody but a proxy vouches for a user.
      connection: isProxied ? undefined : request.socket,
      proxyUser: ingress.userOf(request) ?? (isProxied ? proxyUserIn(request) : undefined),
    }
  }
  return { pathPrefix, knownHosts, forwarding, ingress, origins, peerOf }
}

async function openDirectory(
  { users, usersFile: file }: DeepReadonly<Config>,
  { log, onClose, knownUsers }: AccessParts & { readonly knownUsers: KnownUsers },
) {
  const hashed = (inline: DeepReadonly<Config>['users']) =>
    hashInlineUsers(inline, (password, name) => hashAsBefore(password, knownUsers.hashOf(name)))
  const directory = openUserDirectory({
    inline: await hashed(users),
    file,
    log,
    onHashReplaced: knownUsers.hashReplaced,
  })
  const warning = anonymousWarning(directory.all())
  if (warning !== undefined) log.warn({ event: 'anonymous-open' }, warning)
  onClose(directory.close)
  return {
    directory,
    setInlineUsers: async (inline: typeof users) => directory.setInline(await hashed(inline)),
  }
}
