import { Audience, type AudienceContext, type Member, type View } from './audience.ts'

/** One member's part in an audience. */
export interface Membership {
  /** Hands over at once what was collected, ahead of what the member gets from elsewhere. */
  settle(): void
  /** Settles, and hands over nothing more. */
  leave(): void
}

/**
 * Sessions with the same base, dialect and rights to read share one subscription. Each message is
 * encoded and framed once, and what comes in one turn of the event loop is handed over at its end, as a
 * whole.
 */
export interface Audiences {
  /** `member` receives each message of `view` from now on, until it leaves. */
  join(view: View, member: Member): Membership
}

export function createAudiences(context: AudienceContext): Audiences {
  const audiences = new Map<string, Audience>()
  return {
    join: (view, member) => {
      // No topic holds a line break, so two audiences never share a name.
      const name = [view.dialect.name, view.base, view.rights.key].join('\n')
      const audience = audiences.get(name) ?? new Audience(context, view)
      audiences.set(name, audience)
      audience.add(member)
      return {
        settle: () => audience.settle(member),
        leave: () => {
          audience.remove(member)
          if (audience.isEmpty) audiences.delete(name)
        },
      }
    },
  }
}
