import { type Rights, rightsOf } from '../access/rights.ts'
import type { UserDirectory } from '../access/user.ts'
import { partsOf } from './client-name.ts'

/** What the clients of the broker may do, as of now: those that are there, and those with a session. */
export interface ClientRights {
  /** `name` is what `clientName` made; undefined when there is no such user any more. */
  of(name: string): Rights | undefined
  /** The client has gone; if its session stays, it is looked up anew. */
  forget(name: string): void
}

export function createClientRights(
  directory: Pick<UserDirectory, 'find' | 'onChange'>,
): ClientRights {
  const known = new Map<string, Rights>()
  directory.onChange(() => known.clear())
  return {
    of: (name) => {
      const found = known.get(name)
      if (found !== undefined) return found
      const { user, clientId } = partsOf(name)
      const entry = directory.find(user)
      if (entry === undefined) return undefined
      const rights = rightsOf(entry, clientId)
      known.set(name, rights)
      return rights
    },
    forget: (name) => known.delete(name),
  }
}
