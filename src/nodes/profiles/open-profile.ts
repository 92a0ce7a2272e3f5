import type { AlarmClock } from '../../core/clock.ts'
import { HubError, quote } from '../../core/errors.ts'
import { isAtOrBelow, joinTopic, relativeTopic } from '../../core/topic.ts'
import type { Claims } from './claims.ts'
import { isDeviceKind } from './kinds.ts'
import type {
  Ask,
  DeviceFacts,
  DevicePlace,
  HeardMessage,
  Outgoing,
  Profile,
  ProfileHub,
  Report,
  ReportSource,
} from './profile.ts'

/** A device that a profile has told of. */
export interface ProfileDevice {
  readonly profile: string
  /** The profile's own name of it. */
  readonly id: string
  /** Where it reports to everybody else. */
  readonly topic: string
  readonly facts: DeviceFacts
  /** All that it has said last, by key. */
  readonly values: Report
  readonly isAvailable: boolean | null
}

/** Who is told what the devices of profiles do. */
export interface DeviceSink {
  /** What is told from now on follows from this; undefined when a time has come. */
  hearing(message: HeardMessage | undefined): void
  /** There is a device, or its facts have changed. */
  declared(device: ProfileDevice): void
  /** It has said `report`; `device.values` has the rest. */
  reported(device: ProfileDevice, report: Report, from: ReportSource): void
  availabilityChanged(device: ProfileDevice): void
  refused(device: ProfileDevice, reason: string): void
  accepted(device: ProfileDevice, withinMs: number): void
  observed(device: ProfileDevice, asked: Ask): void
  /** It is no more, or another profile tells of it. */
  forgotten(device: ProfileDevice): void
  /**
   * Somebody's config is about to have a profile hear a topic, of the device on `device` if that is known.
   *
   * @throws HubError `forbidden` when it may not.
   */
  checkClaim(pattern: string, device: string | undefined, isGeneric: boolean): void
  send(profile: string, outgoing: Outgoing): void
  leftOut(profile: string, what: string, reason: string): void
}

export interface ProfileParts {
  readonly claims: Claims
  readonly sink: DeviceSink
  readonly clock: AlarmClock
  /** Above the devices of all profiles, such as `devices`. */
  readonly prefix: string
  /** See `ProfileHub.known`. */
  readonly known: readonly DevicePlace[]
  /** What a profile has thrown when its time had come. */
  failed(profile: string, error: unknown): void
}

/** What one profile may have: a device of Zigbee2MQTT has up to 232 entities, and a house some thousands. */
export const profileBudgets = { claims: 50_000, devices: 10_000, devicesOfNode: 512 } as const

/** The devices of one profile, by its own names of them. */
export type OpenProfile = ReadonlyMap<string, ProfileDevice>

export function openProfile(profile: Profile, parts: ProfileParts): OpenProfile {
  const { claims } = parts
  const devices = new Devices(profile, parts)
  const clock: AlarmClock = {
    ...parts.clock,
    after: (delayMs, act) =>
      parts.clock.after(delayMs, () => {
        try {
          parts.sink.hearing(undefined)
          claims.run(act)
        } catch (error) {
          parts.failed(profile.name, error)
        }
      }),
  }
  claims.run(() => profile.open(createHub(profile, devices, { ...parts, clock })))
  return devices.shown
}

function createHub(
  { name, isGeneric = false }: Profile,
  devices: Devices,
  { claims, sink, clock, known }: ProfileParts,
): ProfileHub {
  let claimed = 0
  const ofOwners = new Map<string, number>()
  const add = (owner: string, isOwned: boolean): ProfileHub['listen'] => {
    return (pattern, hear) => {
      if (claimed >= profileBudgets.claims) throw budget(`${profileBudgets.claims} claims`)
      claimed++
      ofOwners.set(owner, (ofOwners.get(owner) ?? 0) + 1)
      const hearNow: typeof hear = (message) => {
        sink.hearing(message)
        devices.hearing(message.isPast, () => hear(message))
      }
      claims.add({ profile: name, owner, pattern, isOwned, hear: hearNow })
    }
  }
  return {
    clock,
    known,
    listen: add('', false),
    claim: (owner, pattern, hear) => {
      sink.checkClaim(pattern, devices.topicOf(owner), isGeneric)
      add(`of ${owner}`, true)(pattern, hear)
    },
    release: (owner) => {
      const key = `of ${owner}`
      claimed -= ofOwners.get(key) ?? 0
      ofOwners.delete(key)
      claims.release({ profile: name, owner: key })
    },
    device: (id, facts) => devices.declare(id, facts),
    forget: (id) => devices.forget(id),
    report: (...reported) => devices.report(...reported),
    available: (id, isAvailable) => devices.available(id, isAvailable),
    refuse: (id, reason) => devices.about(id, (device) => sink.refused(device, reason)),
    accept: (id, withinMs) => devices.about(id, (device) => sink.accepted(device, withinMs)),
    observe: (id, asked) => devices.about(id, (device) => sink.observed(device, asked)),
    send: (outgoing) => sink.send(name, outgoing),
    leaveOut: (what, reason) => sink.leftOut(name, what, reason),
  }
}

type Kept = { -readonly [Key in keyof ProfileDevice]: ProfileDevice[Key] }

/** The devices of one profile: those that are shown, and those of which another profile tells. */
class Devices {
  readonly shown = new Map<string, Kept>()
  readonly #hidden = new Map<string, Kept>()
  readonly #idOn = new Map<string, string>()
  /** How many each node has. */
  readonly #counts = new Map<string, number>()
  /** Those that are hidden while somebody else owns a topic. */
  readonly #byState = new Map<string, Set<Kept>>()
  readonly #profile: Profile
  readonly #parts: ProfileParts
  #isPast = false

  constructor(profile: Profile, parts: ProfileParts) {
    this.#profile = profile
    this.#parts = parts
    parts.claims.onOwned((pattern) => {
      for (const device of this.#byState.get(pattern) ?? []) this.#look(device)
    })
  }

  /** While `act` is called, what is reported comes from the past if `isPast` says so. */
  hearing(isPast: boolean, act: () => void): void {
    this.#isPast = isPast
    try {
      act()
    } finally {
      this.#isPast = false
    }
  }

  declare(id: string, facts: DeviceFacts): void {
    const topic = deviceTopic(this.#parts.prefix, this.#profile.name, facts)
    const other = this.#idOn.get(topic)
    if (other !== undefined && other !== id) {
      throw new HubError(
        'too-many',
        `expected one device on ${quote(topic)}, ${quote(other)} is it`,
      )
    }
    const device = this.#find(id)
    if (device?.topic !== topic) {
      this.forget(id)
      this.#add(id, topic, facts)
      return
    }
    this.#index(device, false)
    device.facts = facts
    this.#index(device, true)
    this.#show(device, !this.#isElsewhere(device))
  }

  forget(id: string): void {
    const device = this.#find(id)
    if (device === undefined) return
    this.#idOn.delete(device.topic)
    this.#index(device, false)
    this.#hidden.delete(id)
    if (this.shown.delete(id)) this.#parts.sink.forgotten(device)
  }

  report(id: string, report: Report, from: ReportSource = 'device'): void {
    const device = this.#find(id)
    if (device === undefined) return
    device.values = { ...device.values, ...report }
    if (!this.shown.has(id)) return
    this.#parts.sink.reported(device, report, this.#isPast ? 'memory' : from)
  }

  available(id: string, isAvailable: boolean | null): void {
    const device = this.#find(id)
    if (device === undefined || device.isAvailable === isAvailable) return
    device.isAvailable = isAvailable
    if (this.shown.has(id)) this.#parts.sink.availabilityChanged(device)
  }

  topicOf(id: string): string | undefined {
    return this.#find(id)?.topic
  }

  /** Calls `act` with a device that is shown. */
  about(id: string, act: (device: ProfileDevice) => void): void {
    const device = this.shown.get(id)
    if (device !== undefined) act(device)
  }

  #find(id: string): Kept | undefined {
    return this.shown.get(id) ?? this.#hidden.get(id)
  }

  #add(id: string, topic: string, facts: DeviceFacts): void {
    const { devices, devicesOfNode } = profileBudgets
    if (this.#idOn.size >= devices) throw budget(`${devices} devices`)
    if ((this.#counts.get(facts.node) ?? 0) >= devicesOfNode) {
      throw budget(`${devicesOfNode} devices of a node`)
    }
    const profile = this.#profile.name
    const device = { profile, id, topic, facts, values: {}, isAvailable: null }
    this.#idOn.set(topic, id)
    this.#index(device, true)
    this.#show(device, !this.#isElsewhere(device))
  }

  #index(device: Kept, isThere: boolean): void {
    const { node, stateTopics = [] } = device.facts
    const count = (this.#counts.get(node) ?? 0) + (isThere ? 1 : -1)
    if (count === 0) this.#counts.delete(node)
    else this.#counts.set(node, count)
    for (const topic of stateTopics) {
      const devices = this.#byState.get(topic) ?? new Set()
      if (isThere) devices.add(device)
      else devices.delete(device)
      if (devices.size === 0) this.#byState.delete(topic)
      else this.#byState.set(topic, devices)
    }
  }

  /** Whether another profile tells of the device. */
  #isElsewhere({ facts: { stateTopics = [] } }: Kept): boolean {
    const { name, isGeneric } = this.#profile
    return (
      isGeneric === true && stateTopics.some((topic) => this.#parts.claims.isTaken(topic, name))
    )
  }

  #look(device: Kept): void {
    const isShown = !this.#isElsewhere(device)
    if (isShown !== this.shown.has(device.id)) this.#show(device, isShown)
  }

  #show(device: Kept, isShown: boolean): void {
    const { id } = device
    const { sink } = this.#parts
    const wasShown = this.shown.has(id)
    if (isShown) {
      this.#hidden.delete(id)
      this.shown.set(id, device)
      sink.declared(device)
    } else {
      this.shown.delete(id)
      this.#hidden.set(id, device)
      if (wasShown) sink.forgotten(device)
    }
  }
}

function budget(most: string): HubError {
  return new HubError('too-many', `expected at most ${most} in a profile, there is one more`)
}

/** Above the devices of all systems that the hub dials. Never another one: what is below it goes back to none of them. */
export const upstreamsPrefix = 'upstreams'

/** Whether `topic` is of a system that a hub dials: brought in by another hub, it could go round and round. */
export function isOfUpstream(topic: string): boolean {
  return isAtOrBelow(upstreamsPrefix, topic)
}

/**
 * Where a device stands: what is in a level, and may not be, is percent-encoded. Of another system a node may be a
 * topic of several levels, as it is there.
 */
export function deviceTopic(prefix: string, profile: string, place: DevicePlace): string {
  const { node, kind, part = '-' } = place
  const levels = prefix === upstreamsPrefix ? node.split('/') : [node]
  return joinTopic(prefix, [profile, ...levels.map(levelOf), kind, levelOf(part)].join('/'))
}

/** The place that `topic` names below `prefix`, and of which profile; undefined when it is none. */
export function placeOf(
  prefix: string,
  topic: string,
): (DevicePlace & { readonly profile: string }) | undefined {
  const [profile = '', ...levels] = relativeTopic(prefix, topic)?.split('/') ?? []
  const node = levels.slice(0, -2)
  const [kind = '', part = ''] = levels.slice(-2)
  const isNode = prefix === upstreamsPrefix ? node.length > 0 : node.length === 1
  if (!isNode || !isDeviceKind(kind)) return undefined
  return { profile, node: node.map(textOf).join('/'), kind, part: textOf(part) }
}

/** What no level may hold, or what makes two look alike; an empty one would be none. */
const unfitInLevel = /[%/+#\s\p{Cc}\p{Cf}\p{Cs}\p{Noncharacter_Code_Point}\u{fffd}]/gu

function levelOf(text: string): string {
  const level = text.replace(unfitInLevel, (character) =>
    [...Buffer.from(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  )
  return level === '' ? '%' : level
}

function textOf(level: string): string {
  try {
    return level === '%' ? '' : decodeURIComponent(level)
  } catch {
    return level
  }
}
