import type { NodePresence } from '../../access/node-presence.ts'
import { noRights, type Rights, rightsOf } from '../../access/rights.ts'
import type { Sender } from '../../access/sender.ts'
import type { UserDirectory } from '../../access/user.ts'
import { HubError, quote } from '../../core/errors.ts'
import { isAtOrBelow, isTopic } from '../../core/topic.ts'
import type { ClownBases } from '../clown-bases.ts'
import { commandedDevice, deviceOf } from '../device.ts'
import type { DeviceOrigin, Publisher } from './publishers.ts'

export interface TrustParts {
  /** Where announcements are believed on a broker on which nobody knows who speaks; undefined on our own. */
  readonly believed?: readonly string[] | undefined
  readonly directory: Pick<UserDirectory, 'find' | 'all'>
  readonly presence: Pick<NodePresence, 'bases' | 'maySpeakFor'>
  readonly bases: Pick<ClownBases, 'binds'>
  /** The user who has made a device known that stands on a topic; undefined where that is not known. */
  ownerOf(topic: string): string | undefined
  /** Whether only the hub speaks on a topic. */
  isOfProfiles(topic: string): boolean
}

/**
 * What announces a device may name any topic as the one that it is commanded on. So a command goes only where its
 * sender may write, whose topic everybody may read who has said what the device is, and to no device of a node that
 * is somebody else. Else whoever may announce a lamp has an operator open a door by it.
 *
 * @throws HubError `forbidden` with the reason.
 */
export function checkTrusted(
  topic: string,
  { sender, origin }: { readonly sender: Sender; readonly origin: DeviceOrigin },
  parts: TrustParts,
): void {
  if (!isTopic(topic) || parts.isOfProfiles(topic)) {
    throw distrusted(topic, 'no device is commanded there')
  }
  const { allowed, reason } = sender.rights.mayPublish(topic, false)
  if (!allowed) throw distrusted(topic, reason)
  const doubt = doubtOf(origin, topic, parts)
  if (doubt !== undefined) throw distrusted(topic, doubt)
  const other = otherNodeOf(topic, origin, parts)
  if (other !== undefined) throw distrusted(topic, `it is a device of the node ${quote(other)}`)
}

/**
 * What announces a device may name any topic as the one where its state is told, too. It is heard there only where
 * everybody may read who has said so, and where no node reports a device that is somebody else: else whoever may
 * announce a lamp reads what is not for them by it, or takes a door away from everybody.
 *
 * @throws HubError `forbidden` with the reason.
 */
export function checkClaimed(
  pattern: string,
  { origin, isGeneric }: { readonly origin: DeviceOrigin; readonly isGeneric: boolean },
  parts: TrustParts,
): void {
  const isByKnown = origin.by.length > 0
  const isOurs = parts.believed === undefined || isByKnown
  // A node may report where it reads nothing but commands: what it says there itself is for it.
  const mayHear = (rights: Rights) =>
    rights.mayRead(pattern) || rights.mayPublish(pattern, false).allowed
  const stranger = isGeneric && isOurs ? strangerAmong(origin, mayHear, parts) : undefined
  if (stranger !== undefined) {
    throw unclaimable(pattern, `${quote(stranger)}, who says so, may not read what is said there`)
  }
  const other = otherNodeOf(pattern, origin, parts)
  if (other !== undefined) {
    throw unclaimable(pattern, `it is a device of the node ${quote(other)}`)
  }
  if (parts.isOfProfiles(pattern)) throw unclaimable(pattern, 'only the hub reports there')
  const owner = parts.ownerOf(pattern)
  if (!owner) return
  const isItsOwn = (publisher: Publisher) =>
    publisher.user === owner ||
    rightsOfPublisher(publisher, parts).mayPublish(pattern, false).allowed
  if (!origin.by.every(isItsOwn)) throw unclaimable(pattern, `it is a device of ${quote(owner)}`)
}

/** Those of now. */
function rightsOfPublisher({ user, clientId }: Publisher, { directory }: TrustParts): Rights {
  const found = directory.find(user)
  return found === undefined ? noRights : rightsOf(found, clientId)
}

function unclaimable(topic: string, reason: string): HubError {
  return new HubError('forbidden', `expected a state on ${quote(topic)} that is its own: ${reason}`)
}

function distrusted(topic: string, reason: string): HubError {
  return new HubError(
    'forbidden',
    `expected a device that may be commanded on ${quote(topic)}: ${reason}`,
  )
}

function doubtOf(origin: DeviceOrigin, topic: string, parts: TrustParts): string | undefined {
  const { believed } = parts
  if (believed === undefined || origin.by.length > 0) {
    const stranger = strangerAmong(origin, ({ mayRead }) => mayRead(topic), parts)
    return stranger && `${quote(stranger)}, who says so, may not read what is said there`
  }
  const said = origin.topics.find((each) => !isBelieved(each, topic, believed))
  if (said === undefined && origin.topics.length > 0) return undefined
  return said === undefined ? 'nobody has said so' : `bus.trust has nothing about ${quote(said)}`
}

/** What is said beside the very topic that it names could be said there as well. */
function isBelieved(said: string, topic: string, believed: readonly string[]): boolean {
  return believed.some((each) => isAtOrBelow(each, said)) || firstLevel(said) === firstLevel(topic)
}

function firstLevel(topic: string): string {
  return topic.split('/', 1).join()
}

/** Somebody who has said what the device is, or may have, and of whom `isFit` does not hold. */
function strangerAmong(
  { by, topics }: DeviceOrigin,
  isFit: (rights: Rights) => boolean,
  parts: TrustParts,
): string | undefined {
  const known = by.find((publisher) => !isFit(rightsOfPublisher(publisher, parts)))
  if (known !== undefined) return known.user
  if (by.length === 0 && topics.length === 0) return 'nobody knows who'
  const mayHaveSaidSo = parts.directory.all().filter((user) => {
    const rights = rightsOf(user)
    return topics.some((said) => rights.mayPublish(said, false).allowed)
  })
  return mayHaveSaidSo.find((user) => !isFit(rightsOf(user)))?.name
}

/** The node that `topic` commands a device of, unless it has said itself what its devices are. */
function otherNodeOf(
  topic: string,
  { by }: DeviceOrigin,
  { presence, bases }: TrustParts,
): string | undefined {
  const ofUser = presence.bases().find((base) => isAtOrBelow(base, topic))
  if (ofUser !== undefined) {
    const isItself = by.length > 0 && by.every(({ user }) => presence.maySpeakFor(ofUser, user))
    return isItself ? undefined : ofUser
  }
  const device = commandedDevice(topic) ?? topic
  const { base } = deviceOf(device)
  return bases.binds(device, base) ? base : undefined
}
