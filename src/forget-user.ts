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

/**
 * Removes a user from the users file, what that user has open and told, and each line that names the user, for `admin`.
 * Resolves with how much of what that was.
 *
 * @throws HubError `unknown-user` when nothing is kept; `forbidden` for `admin`; `not-in-users-file` for a user of the
 * configuration, which who runs the hub changes first.
 */
export function createForgetUser({
  access,
  own,
  dialects,
  hardware,
  securityLog,
}: ForgetUserParts) {
  const { directory, links, bans } = access
  return async (admin: User, asked: string) => {
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
    const retained = own.retainedOf(user)
    const told = await hardware.kept.forgetReportsOf(user, retained)
    const removed = {
      ...{ account, sessions, keys, links: ownLinks.length, bans: ban === undefined ? 0 : 1 },
      ...{ ...told, retained: retained.length, events: securityLog.forget(user) },
    }
    if (!Object.values(removed).some(Boolean)) {
      const expected = 'expected a user of whom something is kept'
      throw new HubError('unknown-user', `${expected}, got ${quote(user)}`)
    }
    securityLog.note('user-forgotten', { by: admin.name })
    return { user, ...removed }
  }
}
