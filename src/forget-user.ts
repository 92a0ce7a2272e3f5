/** All that the hub keeps of a user, wherever that is, is removed for good. */
import type { OpenAccess } from './access/open-access.ts'
import type { SecurityLog } from './access/security-log.ts'
import { normalForm, type User } from './access/user.ts'
import { notInFile } from './access/user-directory.ts'
import { HubError, quote } from './core/errors.ts'
import type { Hardware } from './nodes/open-hardware.ts'
import type { OpenBus } from './open-bus.ts'
import type { OpenedDialects } from './served-dialects.ts'

export interface ForgetUserParts {
  readonly access: Pick<OpenAccess, 'directory' | 'links' | 'bans'>
  readonly own: Pick<OpenBus, 'endSessionsOf' | 'retainedOf'>
  readonly dialects: Pick<OpenedDialects, 'endKeysOf'>
  readonly hardware: Pick<Hardware, 'kept'>
  readonly securityLog: Pick<SecurityLog, 'note' | 'forget'>
}

export interface ForgetUser {
  /**
   * Removes a user from the users file, what that user has open and told, and each line that names the user, for `admin`.
   * Resolves with how much of what that was.
   *
   * @throws HubError `unknown-user` when nothing is kept; `forbidden` for `admin`; `not-in-users-file` for a user of the
   * configuration, which who runs the hub changes first.
   */
  forget(admin: User, user: string): Promise<object>
  /**
   * Removes what a user has told and commanded, and ends the sessions; whoever it is may go on at once.
   *
   * @throws HubError `unknown-user` for nobody of the hub.
   */
  forgetReports(admin: User, user: string): Promise<object>
}

export function createForgetUser(parts: ForgetUserParts): ForgetUser {
  const { access, own, dialects, hardware, securityLog } = parts
  const { directory, links, bans } = access
  const forgetTold = async (user: string) => {
    const retained = own.retainedOf(user)
    const told = await hardware.kept.forgetReportsOf(user, retained)
    return { ...told, retained: retained.length }
  }
  return {
    forget: async (admin, asked) => {
      const user = normalForm(asked)
      if (user === admin.name) {
        throw new HubError('forbidden', `expected another user than who asks, got ${quote(user)}`)
      }
      const place = directory.placeOf(user)
      if (place === 'configuration') throw notInFile(user)
      const account = place === 'file'
      const keys = dialects.endKeysOf(user)
      const sessions = own.endSessionsOf(user)
      const ownLinks = links.list().filter(({ by }) => by === user)
      for (const { id } of ownLinks) links.remove(id, admin)
      const ban = bans.remove({ what: 'user', who: user }, admin.name)
      // Who is signed in is signed out by that.
      if (account) directory.change(user, () => undefined)
      const removed = {
        ...{ account, sessions, keys, links: ownLinks.length, bans: ban === undefined ? 0 : 1 },
        ...(await forgetTold(user)),
        events: securityLog.forget(user),
      }
      if (!Object.values(removed).some(Boolean)) {
        const expected = 'expected a user of whom something is kept'
        throw new HubError('unknown-user', `${expected}, got ${quote(user)}`)
      }
      securityLog.note('user-forgotten', { by: admin.name })
      return { user, ...removed }
    },
    forgetReports: async (admin, asked) => {
      const user = normalForm(asked)
      if (directory.find(user) === undefined) {
        throw new HubError('unknown-user', `expected a user of the hub, got ${quote(user)}`)
      }
      const sessions = own.endSessionsOf(user)
      const told = await forgetTold(user)
      securityLog.note('reports-forgotten', { user, by: admin.name })
      return { user, sessions, ...told }
    },
  }
}
