import type { Logger } from 'pino'
import type { Bus } from '../bus/bus.ts'
import type { Message } from '../core/message.ts'
import { filterBelow, relativeTopic } from '../core/topic.ts'
import type { Dialect } from '../dialects/dialect.ts'

/** A session as its audience sees it. */
export interface Member {
  deliver(frame: string, message: Message): void
}

/** Sessions with the same base and dialect share one subscription, and each frame is encoded once. */
export interface Audiences {
  /** `member` receives every message below `base` from now on, until the answered function is called. */
  join(dialect: Dialect, base: string, member: Member): () => void
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
    join: (dialect, base, member) => {
      // No topic holds a line break, so two audiences never share a name.
      const name = `${dialect.name}\n${base}`
      const audience = audiences.get(name) ?? openAudience({ bus, log }, dialect, base)
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

function openAudience({ bus, log }: Source, dialect: Dialect, base: string): Audience {
  const members = new Set<Member>()
  const deliver = (message: Message) => {
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
  return { members, unsubscribe: bus.subscribe(filterBelow(base), deliver) }
}
