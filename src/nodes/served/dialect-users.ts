import { noRights, type Rights, rightsOf } from '../../access/rights.ts'
import type { Until } from '../../access/secrets.ts'
import type { SignedIn } from '../../access/signed-in.ts'
import type { User } from '../../access/user.ts'
import type { AlarmClock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import type { Receipt } from '../../core/message.ts'
import { Payload } from '../../core/payload.ts'
import { commandTopic } from '../device.ts'
import type { MessagePath } from '../message-path.ts'

/** A user of the hub who speaks the language of another system. */
export interface DialectUser {
  /** The name of the user. */
  readonly user: string
  /** Whether the reports of a device may be seen; `topic` is complete. */
  mayRead(topic: string): boolean
  /** Whether the device that reports on `topic` may be commanded. */
  mayCommand(topic: string): boolean
  /**
   * Commands the device that reports on `topic`. Returns how that ended, or how far it is after a second; a
   * refusal is an end like others. Rejects only for a defect of ours.
   */
  command(topic: string, payload: unknown): Promise<Receipt>
}

/** Where a user comes from, and in which language. */
interface Caller {
  readonly user: User
  readonly address: string
  /** The name of a dialect. */
  readonly way: string
}

interface StayingCaller extends Caller {
  /** What topics are below that the dialect tells of. */
  readonly base: string
  /** The socket that carries it. */
  readonly connection: object
  /** How long it is signed in, when that may end before. */
  readonly until?: Until | undefined
}

export interface DialectUsers {
  /** The same user in the hands of a stranger's page, by which nothing but reading is done. */
  readOnly(user: User): User
  /** Somebody who asks once; the answer may be long in coming, and the rights are those of then. */
  of(caller: Caller): DialectUser
  /**
   * Somebody who stays: the rights follow those of the user. `ended` is called when the user is gone, or
   * what was signed in with is not valid any more.
   */
  enter(
    caller: StayingCaller,
    ended: () => void,
  ): { readonly dialectUser: DialectUser; leave(): void }
}

interface DialectUsersOptions {
  readonly enter: MessagePath['enter']
  readonly signedIn: Pick<SignedIn, 'register'>
  findUser(name: string): User | undefined
  readonly clock: Pick<AlarmClock, 'after'>
}

export function createDialectUsers(options: DialectUsersOptions): DialectUsers {
  const readers = new WeakSet<User>()
  const limited = (rights: Rights, user: User) => (readers.has(user) ? readingOnly(rights) : rights)
  const { findUser } = options
  return {
    readOnly: (user) => {
      const reader = { ...user }
      readers.add(reader)
      return reader
    },
    of: (caller) => {
      let current = findUser(caller.user.name)
      let rights = limited(rightsOf(caller.user), caller.user)
      const rightsNow = () => {
        const user = findUser(caller.user.name)
        if (user !== current) rights = limited(user ? rightsOf(user) : noRights, caller.user)
        current = user
        return rights
      }
      return dialectUser(caller, rightsNow, options)
    },
    enter: (caller, ended) => {
      const { address, way: transport, base: title, connection } = caller
      const registered = options.signedIn.register({
        user: caller.user,
        connectionInfo: { transport, title, address, connection },
        until: caller.until,
        ended,
        rightsChanged: (changed) => {
          rights = limited(changed, caller.user)
        },
      })
      let rights = limited(registered.rights, caller.user)
      return { dialectUser: dialectUser(caller, () => rights, options), leave: registered.leave }
    },
  }
}

/** What the rights of a user are asked. */
type UserRights = Pick<Rights, 'mayRead' | 'mayPublish'>

function readingOnly({ mayRead }: UserRights): UserRights {
  const denied = { allowed: false, reason: 'the page of a stranger may read only' }
  return { mayRead, mayPublish: () => denied }
}

function dialectUser(
  caller: Caller,
  rights: () => UserRights,
  options: DialectUsersOptions,
): DialectUser {
  const { user, address, way } = caller
  return {
    user: user.name,
    mayRead: (topic) => rights().mayRead(topic),
    mayCommand: (topic) => rights().mayPublish(commandTopic(topic), false).allowed,
    command: (topic, payload) =>
      resultOf(options.clock, (notify, ended) => {
        const sender = {
          user: user.name,
          rights: rights(),
          address,
          way,
          watcher: { changed: notify, ended },
        }
        const message = {
          topic: commandTopic(topic),
          payload: Payload.ofValue(payload),
          qos: 1,
          retain: false,
        } as const
        options.enter(message, sender)
      }),
  }
}

/** So long the clients of other systems are made to wait; most devices answer sooner. */
const resultWaitMs = 1000

type Notify = (receipt: Receipt) => void

/** What `send` notifies of at the end, or last before the time is over. */
function resultOf(
  clock: Pick<AlarmClock, 'after'>,
  send: (notify: Notify, ended: Notify) => void,
): Promise<Receipt> {
  return new Promise((resolve, reject) => {
    let latest: Receipt = { receipt: 'accepted', afterMs: 0 }
    const stop = clock.after(resultWaitMs, () => resolve(latest))
    const notify = (receipt: Receipt) => {
      latest = receipt
    }
    const ended = (receipt: Receipt) => {
      stop()
      resolve(receipt)
    }
    try {
      send(notify, ended)
    } catch (error) {
      stop()
      if (error instanceof HubError) resolve(refusedReceipt(error))
      else reject(error)
    }
  })
}

/** Of a device that one has no right to, the life of a command tells nothing. */
function refusedReceipt({ code, message }: HubError): Receipt {
  return { receipt: 'refused', code, message, afterMs: 0, final: true }
}
