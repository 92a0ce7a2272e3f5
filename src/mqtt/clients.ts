/** Who the clients of the broker are: their names, what they may do, and as whom they send. */
import { randomUUID } from 'node:crypto'
import {
  type Decision,
  noRights,
  type PublishDecision,
  type Rights,
  rightsOf,
} from '../access/rights.ts'
import type { Sender } from '../access/sender.ts'
import {
  anonymousName,
  normalForm,
  type Rule,
  type User,
  type UserDirectory,
} from '../access/user.ts'
import { isAtOrBelow, isFitName } from '../core/topic.ts'

/**
 * The name of a client inside the broker: the name of its user, and the client id that it gave itself.
 * So users never meet under one client id: whoever connects with the id of another user's client
 * neither ends that connection [MQTT-3.1.4-2] nor gets its session.
 */
export function clientName(user: string | undefined, clientId: string): string {
  // Who comes without an id gets one of its own [MQTT-3.1.3-6].
  return `${normalForm(user || anonymousName)}:${clientId || randomUUID()}`
}

/** What `clientName` was made of. The name of a user holds no colon; a client id may. */
export function partsOf(name: string): { readonly user: string; readonly clientId: string } {
  const colon = name.indexOf(':')
  return { user: name.slice(0, colon), clientId: name.slice(colon + 1) }
}

/**
 * Where a client may be answered, and read it, whatever its rules say [MQTT 5, 3.2.2.3.15]; undefined when its
 * user or its id can be no level of a topic.
 */
export function answersTopic(name: string): string | undefined {
  const { user, clientId } = partsOf(name)
  return isLevel(user) && isLevel(clientId) ? `answers/${user}/${clientId}` : undefined
}

/** Where a client is told what it has lost; undefined when its id can be no level of a topic. */
export function droppedTopic(name: string): string | undefined {
  const { clientId } = partsOf(name)
  return isLevel(clientId) ? `$SYS/hub/dropped/${clientId}` : undefined
}

function isLevel(name: string): boolean {
  return isFitName(name) && /^[^/+#]+$/.test(name)
}

/** What a client may do, and where it may be answered. */
export class ClientRights implements Pick<Rights, 'mayPublish' | 'mayRead' | 'maySubscribe'> {
  readonly #rights: Rights
  readonly #answers: string | undefined
  readonly #dropped: string | undefined

  /** Besides what `rights` say, the client `name` may read its answers and its losses. */
  constructor(rights: Rights, name: string) {
    this.#rights = rights
    this.#answers = answersTopic(name)
    this.#dropped = droppedTopic(name)
  }

  mayPublish(topic: string, retain: boolean): PublishDecision {
    return this.#rights.mayPublish(topic, retain)
  }

  mayRead(topic: string): boolean {
    return this.#rights.mayRead(topic) || this.#isOwn(topic)
  }

  maySubscribe(filter: string): Decision {
    const decision = this.#rights.maySubscribe(filter)
    if (decision.allowed || !this.#isOwn(filter)) return decision
    return { allowed: true, reason: 'a client may read what is its own' }
  }

  mayBeAnswered(topic: string): boolean {
    return this.#isAnswer(topic) || this.mayPublish(topic, false).allowed
  }

  #isOwn(topic: string): boolean {
    return topic === this.#dropped || this.#isAnswer(topic)
  }

  #isAnswer(topic: string): boolean {
    const answers = this.#answers
    return answers !== undefined && isAtOrBelow(answers, topic)
  }
}

/** What the clients may do, as of now: those that are there, and those with a session. */
export interface Clients {
  /**
   * Another value when any of their rights may have changed: to be compared, since whoever is told of a change
   * first must not be answered by what was before it.
   */
  readonly edition: unknown
  /** `name` is what `clientName` made; undefined when there is no such user any more. */
  rightsOf(name: string): ClientRights | undefined
}

export function createClients(directory: Pick<UserDirectory, 'find' | 'edition'>): Clients {
  /** Of users whose clients all have the same. */
  const shared = new WeakMap<User, Rights>()
  const rightsOfClient = (user: User, clientId: string) => {
    if (user.rules.some(isOfClient)) return rightsOf(user, clientId)
    const rights = shared.get(user) ?? rightsOf(user)
    shared.set(user, rights)
    return rights
  }
  return {
    get edition() {
      return directory.edition
    },
    rightsOf: (name) => {
      const { user: userName, clientId } = partsOf(name)
      const user = directory.find(userName)
      return user && new ClientRights(rightsOfClient(user, clientId), name)
    },
  }
}

/** Whether a rule means another topic for each client. */
function isOfClient({ topic }: Rule): boolean {
  return topic.split('/').includes('{client}')
}

/** A client as a sender, who comes from an address; without rights when its user is gone. */
export function senderOf(
  name: string,
  address: string,
  rights: Sender['rights'] = noRights,
): Sender {
  const { user, clientId } = partsOf(name)
  return { user, clientId, rights, address, way: 'mqtt' }
}
