/** Who may come in, and how they prove who they are: the part of the composition that knows users. */
import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import { createDigestSignIn } from './access/digest.ts'
import type { Forwarding } from './access/forwarding.ts'
import { createLoginThrottle } from './access/login-throttle.ts'
import type { Origins } from './access/origin.ts'
import { hashPassword } from './access/passwords.ts'
import { cookieNameFor, createRequestSignIn, formChallenge } from './access/request-sign-in.ts'
import { createCookieSessions, createTickets } from './access/secrets.ts'
import { createSignIn } from './access/sign-in.ts'
import { createSignedIn } from './access/signed-in.ts'
import { anonymousWarning } from './access/user-check.ts'
import { hashInlineUsers, openUserDirectory } from './access/user-directory.ts'
import { createAsUser } from './api/as-user.ts'
import { signInRoutes } from './api/sign-in-routes.ts'
import type { Config } from './config.ts'
import type { Closers } from './core/callbacks.ts'
import type { SampledLog } from './core/sampled-log.ts'
import { createMessageSignIn } from './ws/message-sign-in.ts'

export interface AccessControlParts {
  readonly forwarding: Forwarding
  readonly origins: Pick<Origins, 'foreignOf'>
  readonly pathPrefix: string
  readonly log: Logger
  readonly sampledLog: SampledLog
  readonly onClose: Closers['add']
}

/** @throws HubError when the users file cannot be used. */
export async function openAccessControl(
  { users, usersFile: file, limits }: Config,
  parts: AccessControlParts,
) {
  const { forwarding, origins, pathPrefix, log, sampledLog, onClose } = parts
  const inline = await hashInlineUsers(users, hashPassword)
  const directory = openUserDirectory({ inline, file, log })
  const warning = anonymousWarning(directory.all())
  if (warning !== undefined) log.warn(warning)
  onClose(directory.close)
  const signedIn = createSignedIn(directory)
  onClose(signedIn.close)
  const throttle = createLoginThrottle({ limits, now: () => performance.now() })
  const signIn = createSignIn({ directory, limits, sampledLog, throttle })
  const peerOf = (request: IncomingMessage) => ({
    address: forwarding.clientAddress(request),
    isSecure: forwarding.isSecure(request),
    foreignOrigin: origins.foreignOf(request),
    cookieName: cookieNameFor(request, forwarding.isSecure(request), pathPrefix),
  })
  const common = { directory, limits: limits.signIn, sampledLog, signIn, peerOf }
  const sessions = createCookieSessions(common)
  const tickets = createTickets(common)
  const { ofRequest, ofUpgrade } = createRequestSignIn({ ...common, sessions, tickets })
  const quietChallenge = formChallenge(pathPrefix)
  const asUser = createAsUser(ofRequest, quietChallenge)
  const onSignedOut = signedIn.endAllOf
  return {
    directory,
    signedIn,
    signIn,
    digest: createDigestSignIn({ directory, throttle, sampledLog }),
    ofRequest,
    ways: { ofUpgrade, byMessage: createMessageSignIn(common) },
    asUser,
    peerOf,
    pages: signInRoutes({ ...common, asUser, quietChallenge, sessions, tickets, onSignedOut }),
  }
}
