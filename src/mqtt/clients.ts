/** Who the clients of the broker are: their names, what they may do, and as whom they send. */
import { randomUUID } from 'node:crypto'
import { noRights, type Rights, rightsOf } from '../access/rights.ts'
import type { Sender } from '../access/sender.ts'
import { anonymousName, normalForm, type UserDirectory } from '../access/user.ts'
import { isFitName } from '../core/topic.ts'

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
  const areLevels = [user, clientId].every((level) => isFitName(level) && /^[^/+#]+$/.test(level))
  return areLevels ? `answers/${user}/${clientId}` : undefined
}

/** Where a client is told what it has lost; undefined when its id can be no level of a topic. */
export function droppedTopic(name: string): string | undefined {
  const { clientId } = partsOf(name)
  const isLevel = isFitName(clientId) && /^[^/+#]+$/.test(clientId)
  return isLevel ? `$SYS/hub/dropped/${clientId}` : undefined
}

/** What a client may do, and where it may be answered. */
export type ClientRights = Pick<Rights, 'mayPublish' | 'mayRead' | 'maySubscribe'> & {
  mayBeAnswered(topic: string): boolean
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
  return {
    get edition() {
      return directory.edition
    },
    rightsOf: (name) => {
      const { user: userName, clientId } = partsOf(name)
      const user = directory.find(userName)
      return user && withOwn(rightsOf(user, clientId), name)
    },
  }
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

/** A client may read its answers and its losses, too. */
function withOwn(rights: Rights, name: string): ClientRights {
  const { mayPublish } = rights
  const [answers, dropped] = [answersTopic(name), droppedTopic(name)]
  const isAnswer = (topic: string) =>
    answers !== undefined && (topic === answers || topic.startsWith(`${answers}/`))
  const isOwn = (topic: string) => topic === dropped || isAnswer(topic)
  return {
    mayPublish,
    mayRead: (topic) => rights.mayRead(topic) || isOwn(topic),
    maySubscribe: (filter) => {
      const decision = rights.maySubscribe(filter)
      if (decision.allowed || !isOwn(filter)) return decision
      return { allowed: true, reason: 'a client may read what is its own' }
    },
    mayBeAnswered: (topic) => isAnswer(topic) || mayPublish(topic, false).allowed,
  }
}
