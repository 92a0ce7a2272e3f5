import type { Logger } from 'pino'
import type { Rights } from '../access/rights.ts'
import type { Bus } from '../bus/bus.ts'
import type { Message } from '../core/message.ts'
import { filterBelow, relativeTopic } from '../core/topic.ts'
import type { Dialect } from '../dialects/dialect.ts'

/** A session as its audience sees it. */
export interface Member {
  deliver(frame: string, message: Message): void
}

/** What a session wants to see, and may. */
export interface View {
  readonly dialect: Dialect
  readonly base: string
  readonly rights: Pick<Rights, 'key' | 'mayRead' | 'readsAll'>
}

/**
 * Sessions with the same base, dialect and rights to read share one subscription, and each frame is
 * encoded once.
 */
export interface Audiences {
  /** `member` receives each message of `view` from now on, until the answered function is called. */
  join(view: View, member: Member): () => void
}

interface Audience {
  readonly members: Set<Member>
  unsubscribe(): void
}

interface Source {
  readonly bus: Bus
  readonly log: Logger
}

export function createAudiences(bus: Bus, log: Logger): Audiences {
  const audiences = new Map<string, Audience>()
  return {
    join: (view, member) => {
      // No topic holds a line break, so two audiences never share a name.
      const name = [view.dialect.name, view.base, view.rights.key].join('\n')
      const audience = audiences.get(name) ?? openAudience({ bus, log }, view)
      audiences.set(name, audience)
      audience.members.add(member)
      return () => {
        audience.members.delete(member)
        if (audience.members.size > 0) return
        audience.unsubscribe()
        audiences.delete(name)
      }
    },
  }
}

function openAudience({ bus, log }: Source, { dialect, base, rights }: View): Audience {
  const members = new Set<Member>()
  const filter = filterBelow(base)
  const readsAll = rights.readsAll(filter)
  const deliver = (message: Message) => {
    if (!readsAll && !rights.mayRead(message.topic)) return
    const relative = relativeTopic(base, message.topic)
    if (relative === undefined) return
    const frame = dialect.encode(relative, message.payload)
    for (const member of members) {
      try {
        member.deliver(frame, message)
      } catch (error) {
        // What one member cannot take, the others still get.
        log.error({ err: error, base }, 'a member of an audience failed')
      }
    }
  }
  return { members, unsubscribe: bus.subscribe(filter, deliver) }
}
