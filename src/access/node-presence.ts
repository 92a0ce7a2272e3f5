import { createListeners } from '../core/callbacks.ts'
import type { SignedIn } from './signed-in.ts'
import type { UserDirectory } from './user.ts'

/** Which nodes are there: those that sign in as a user of role node, by the base of that user. */
export interface NodePresence {
  /** Whether such a user of this base is signed in; undefined when there is no such user. */
  isThere(base: string): boolean | undefined
  /** Whether one is, but nothing has been heard of it for long: what is sent to it may arrive. */
  isSilent(base: string): boolean
  /** Whether `user` may tell what became of the devices of a node: its own user, or anybody where there is none. */
  maySpeakFor(base: string, user: string): boolean
  /** The bases of all such users. */
  bases(): string[]
  /** Calls `listener` with each base of which `isThere` or `isSilent` may return something else now. */
  onChange(listener: (base: string) => void): () => void
  close(): void
}

export interface NodePresenceOptions {
  readonly directory: Pick<UserDirectory, 'all' | 'onChange'>
  readonly signedIn: Pick<SignedIn, 'countOf' | 'mayHear' | 'onPresence'>
}

/**
 * `isBesideBroker`: nodes come to a broker that somebody else runs, so that one of whom no user is signed in here may be
 * there all the same.
 */
export function followNodePresence(
  options: NodePresenceOptions,
  isBesideBroker = false,
): NodePresence {
  const { directory, signedIn } = options
  let nodes = nodeUsers(directory)
  const { add: onChange, tell } = createListeners<[base: string]>()
  const stopFollowingUsers = directory.onChange(() => {
    const before = nodes
    nodes = nodeUsers(directory)
    for (const base of new Set([...before.namesOf.keys(), ...nodes.namesOf.keys()])) tell(base)
  })
  const stopFollowingPresence = signedIn.onPresence((name) => {
    const base = nodes.baseOf.get(name)
    if (base !== undefined) tell(base)
  })
  const isThere = (base: string) => {
    const isSignedIn = nodes.namesOf.get(base)?.some(signedIn.mayHear)
    return isSignedIn === false && isBesideBroker ? undefined : isSignedIn
  }
  return {
    isThere,
    isSilent: (base) =>
      isThere(base) === true &&
      nodes.namesOf.get(base)?.every((name) => signedIn.countOf(name) === 0) === true,
    maySpeakFor: (base, user) => nodes.namesOf.get(base)?.includes(user) ?? true,
    bases: () => [...nodes.namesOf.keys()],
    onChange,
    close: () => {
      stopFollowingUsers()
      stopFollowingPresence()
    },
  }
}

/** The users of role node: the base of each, and the names for each base. */
function nodeUsers({ all }: NodePresenceOptions['directory']) {
  const baseOf = new Map<string, string>()
  const namesOf = new Map<string, string[]>()
  for (const { name, role, base } of all()) {
    if (role !== 'node' || base === undefined) continue
    baseOf.set(name, base)
    namesOf.set(base, [...(namesOf.get(base) ?? []), name])
  }
  return { baseOf, namesOf }
}
