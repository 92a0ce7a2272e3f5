import { type Rights, rightsOf } from '../access/rights.ts'
import type { User, UserDirectory } from '../access/user.ts'
import { partsOf } from './client-name.ts'

/** What the clients of the broker may do, as of now: those that are there, and those with a session. */
export interface ClientRights {
  /** `name` is what `clientName` made; undefined when there is no such user any more. */
  of(name: string): Rights | undefined
  /** The client has gone; if its session stays, it is looked up anew. */
  forget(name: string): void
}

export function createClientRights(directory: Pick<UserDirectory, 'find'>): ClientRights {
  const known = new Map<string, { readonly user: User; readonly rights: Rights }>()
  return {
    of: (name) => {
      const { user: userName, clientId } = partsOf(name)
      const user = directory.find(userName)
      if (user === undefined) return undefined
      const found = known.get(name)
      // Compared, since whoever is told of a change first must not be answered by what was before it.
      if (found?.user === user) return found.rights
      const rights = rightsOf(user, clientId)
      known.set(name, { user, rights })
      return rights
    },
    forget: (name) => known.delete(name),
  }
}
