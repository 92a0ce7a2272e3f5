import type { DialectUser } from '../nodes/served/dialect-users.ts'
import type { ServedLink } from './served-dialect.ts'

/** The links of a dialect that are told what happens. */
export interface Subscribers {
  /** The answer takes the link away again. */
  join(link: ServedLink, dialectUser: DialectUser): () => void
  /** Sends a frame about the device that reports on `topic` to all who may read that. See `ServedLink.send`. */
  tell(topic: string, frame: string, key?: string): void
  /** Calls `act` for each link: what it is told depends on who it is. */
  each(act: (link: ServedLink, dialectUser: DialectUser) => void): void
}

export function createSubscribers(): Subscribers {
  const members = new Map<ServedLink, DialectUser>()
  const each: Subscribers['each'] = (act) => {
    for (const [link, dialectUser] of members) act(link, dialectUser)
  }
  return {
    join: (link, dialectUser) => {
      members.set(link, dialectUser)
      return () => {
        members.delete(link)
      }
    },
    tell: (topic, frame, key) =>
      each((link, dialectUser) => {
        if (dialectUser.mayRead(topic)) link.send(frame, key)
      }),
    each,
  }
}
