import type { Visitor } from '../nodes/served/dialect-users.ts'
import type { ServedLink } from './served-dialect.ts'

/** The links of a dialect that are told what happens. */
export interface Crowd {
  /** The answer takes the link away again. */
  join(link: ServedLink, visitor: Visitor): () => void
  /** Sends a frame about the device that reports on `topic` to all who may read that. See `ServedLink.send`. */
  tell(topic: string, frame: string, key?: string): void
  /** Calls `act` for each link: what it is told depends on who it is. */
  each(act: (link: ServedLink, visitor: Visitor) => void): void
}

export function createCrowd(): Crowd {
  const members = new Map<ServedLink, Visitor>()
  const each: Crowd['each'] = (act) => {
    for (const [link, visitor] of members) act(link, visitor)
  }
  return {
    join: (link, visitor) => {
      members.set(link, visitor)
      return () => {
        members.delete(link)
      }
    },
    tell: (topic, frame, key) =>
      each((link, visitor) => {
        if (visitor.mayRead(topic)) link.send(frame, key)
      }),
    each,
  }
}
