import { type Rights, rightsOf } from '../../access/rights.ts'
import type { Until } from '../../access/secret-table.ts'
import type { SignedIn } from '../../access/signed-in.ts'
import type { User } from '../../access/user.ts'
import type { AlarmClock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import type { Receipt } from '../../core/message.ts'
import { Payload } from '../../core/payload.ts'
import { commandTopic } from '../device.ts'
import type { MessagePath } from '../message-path.ts'

/** A user of the hub who speaks the language of another system. */
export interface Visitor {
  /** The name of the user. */
  readonly user: string
  /** Whether the reports of a device may be seen; `topic` is complete. */
  mayRead(topic: string): boolean
  /** Whether the device that reports on `topic` may be commanded. */
  mayCommand(topic: string): boolean
  /**
   * Commands the device that reports on `topic`. Answers how that ended, or how far it is after a second; a
   * refusal is an end like others. Rejects only for a defect of ours.
   */
  command(topic: string, payload: unknown): Promise<Receipt>
}

/** Where a visitor comes from, and in which language. */
interface Arrival {
  readonly user: User
  readonly address: string
  /** The name of a dialect. */
  readonly way: string
}

interface StayingArrival extends Arrival {
  /** What topics are below that the dialect tells of. */
  readonly base: string
  /** The socket that carries it. */
  readonly connection: object
  /** How long it is signed in, when that may end before. */
  readonly until?: Until | undefined
}

export interface Visitors {
  /** The same user in the hands of a stranger's page, by which nothing but reading is done. */
  asStranger(user: User): User
  /** Somebody who asks once, with the rights of now. */
  of(arrival: Arrival): Visitor
  /**
   * Somebody who stays: the rights follow those of the user. `ended` is called when the user is gone, or
   * what was signed in with is not valid any more.
   */
  enter(arrival: StayingArrival, ended: () => void): { readonly visitor: Visitor; leave(): void }
}

interface VisitorsOptions {
  readonly enter: MessagePath['enter']
  readonly signedIn: Pick<SignedIn, 'enter'>
  readonly clock: Pick<AlarmClock, 'after'>
}

export function createVisitors(options: VisitorsOptions): Visitors {
  const strangers = new WeakSet<User>()
  const limited = (rights: Rights, user: User) =>
    strangers.has(user) ? onlyReading(rights) : rights
  return {
    asStranger: (user) => {
      const stranger = { ...user }
      strangers.add(stranger)
      return stranger
    },
    of: (arrival) => {
      const rights = limited(rightsOf(arrival.user), arrival.user)
      return visitor(arrival, () => rights, options)
    },
    enter: (arrival, ended) => {
      const entrance = options.signedIn.enter({
        user: arrival.user,
        arrival: { ...arrival, title: arrival.base },
        until: arrival.until,
        ended,
        rightsChanged: (changed) => {
          rights = limited(changed, arrival.user)
        },
      })
      let rights = limited(entrance.rights, arrival.user)
      return { visitor: visitor(arrival, () => rights, options), leave: entrance.leave }
    },
  }
}

/** What the rights of a visitor are asked. */
type VisitorRights = Pick<Rights, 'mayRead' | 'mayPublish'>

function onlyReading({ mayRead }: VisitorRights): VisitorRights {
  const denied = { allowed: false, reason: 'the page of a stranger may read only' }
  return { mayRead, mayPublish: () => denied }
}

function visitor(arrival: Arrival, rights: () => VisitorRights, options: VisitorsOptions): Visitor {
  const { user, address, way } = arrival
  return {
    user: user.name,
    mayRead: (topic) => rights().mayRead(topic),
    mayCommand: (topic) => rights().mayPublish(commandTopic(topic), false).allowed,
    command: (topic, payload) =>
      outcomeOf(options.clock, (told, ended) => {
        const sender = {
          user: user.name,
          rights: rights(),
          address,
          way,
          watcher: { told, ended },
        }
        const message = {
          topic: commandTopic(topic),
          payload: Payload.ofJson(JSON.stringify(payload), payload),
          qos: 1,
          retain: false,
        } as const
        options.enter(message, sender)
      }),
  }
}

/** So long the clients of other systems are made to wait; most devices answer sooner. */
const outcomeWaitMs = 1000

type Told = (receipt: Receipt) => void

/** What `send` is told at the end, or last before the time is over. */
function outcomeOf(
  clock: Pick<AlarmClock, 'after'>,
  send: (told: Told, ended: Told) => void,
): Promise<Receipt> {
  return new Promise((resolve, reject) => {
    let latest: Receipt = { receipt: 'accepted', afterMs: 0 }
    const stop = clock.after(outcomeWaitMs, () => resolve(latest))
    const told = (receipt: Receipt) => {
      latest = receipt
    }
    const ended = (receipt: Receipt) => {
      stop()
      resolve(receipt)
    }
    try {
      send(told, ended)
    } catch (error) {
      stop()
      if (error instanceof HubError) resolve(refusalOf(error))
      else reject(error)
    }
  })
}

/** Of a device that one has no right to, the life of a command tells nothing. */
function refusalOf({ code, message }: HubError): Receipt {
  return { receipt: 'refused', code, message, afterMs: 0, final: true }
}
