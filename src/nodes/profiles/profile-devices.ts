import type { NodePresence } from '../../access/node-presence.ts'
import { createListeners } from '../../core/callbacks.ts'
import type { Message } from '../../core/message.ts'
import { Payload } from '../../core/payload.ts'
import { isFitName, relativeTopic } from '../../core/topic.ts'
import type { ClownBases } from '../clown-bases.ts'
import type { ClownModel } from '../clown-model.ts'
import { deviceOf } from '../device.ts'
import type { OwnTitles } from '../registry/device-labels.ts'
import type { Registry } from '../registry/registry.ts'
import { canBeAsked, type Settable, settableOf } from './kinds.ts'
import { type ProfileDevice, placeOf, upstreamsPrefix } from './open-profile.ts'
import type { DevicePlace, Outgoing } from './profile.ts'

/** A cover has so long to arrive, unless its profile says otherwise. */
const coverMs = 60_000

/** The devices of all profiles as everybody else knows them: by the topics they stand on. */
export class ProfileDevices {
  /** The names of profiles, by what stands above them. */
  readonly #tops: readonly (readonly [prefix: string, profiles: ReadonlySet<string>])[]
  readonly #devices = new Map<string, ProfileDevice>()
  readonly #nodes = new Map<string, Map<string, ProfileDevice>>()
  /** Whether each node is there, by what its devices say. */
  readonly #presence = new Map<string, boolean>()
  readonly #changes = createListeners<[base: string]>()
  /** Calls a listener with each base of which `isThere` may return something else now. */
  readonly onChange = this.#changes.add
  /** What each calls itself. */
  readonly #titles = new Map<string, string>()
  readonly #retitled = createListeners<[topic: string]>()
  readonly titles: OwnTitles = {
    of: (topic) => this.#titles.get(topic),
    onChange: this.#retitled.add,
  }

  constructor(prefix: string, profiles: Iterable<string>, upstreams: Iterable<string> = []) {
    this.#tops = [
      [prefix, new Set(profiles)],
      [upstreamsPrefix, new Set(upstreams)],
    ]
  }

  /** Whether a topic is below one of the profiles: only the hub reports there. */
  hold(topic: string): boolean {
    return this.#tops.some(([prefix, profiles]) => {
      const below = relativeTopic(prefix, topic)
      return below !== undefined && profiles.has(below.slice(0, below.indexOf('/')))
    })
  }

  of(topic: string): ProfileDevice | undefined {
    return this.#devices.get(topic)
  }

  /** The places below the profile `name` that `topics` name. */
  placesOf(
    { top, name }: { readonly top: string; readonly name: string },
    topics: Iterable<string>,
  ): DevicePlace[] {
    return [...topics].flatMap((topic) => {
      const place = placeOf(top, topic)
      return place?.profile === name ? [place] : []
    })
  }

  set(device: ProfileDevice): void {
    this.#devices.set(device.topic, device)
    const base = baseOf(device)
    const devices = this.#nodes.get(base) ?? new Map()
    this.#nodes.set(base, devices.set(device.topic, device))
    this.changed(device)
    this.#called(device.topic, titleIn(device.facts.name))
  }

  delete(device: ProfileDevice): void {
    this.#devices.delete(device.topic)
    const base = baseOf(device)
    const devices = this.#nodes.get(base)
    devices?.delete(device.topic)
    if (devices?.size === 0) this.#nodes.delete(base)
    this.changed(device)
    this.#titles.delete(device.topic)
  }

  #called(topic: string, title: string | undefined): void {
    if (this.#titles.get(topic) === title) return
    if (title === undefined) this.#titles.delete(topic)
    else this.#titles.set(topic, title)
    this.#retitled.tell(topic)
  }

  /** Whether a device can be reached may be different now. */
  changed(device: ProfileDevice): void {
    const base = baseOf(device)
    const isThere = anyThere(this.#nodes.get(base)?.values() ?? [])
    if (isThere === this.#presence.get(base)) return
    if (isThere === undefined) this.#presence.delete(base)
    else this.#presence.set(base, isThere)
    this.#changes.tell(base)
  }

  /** Whether the node of `base` is there; undefined when its profile cannot tell. */
  isThere(base: string): boolean | undefined {
    return this.#presence.get(base)
  }

  /** Whether a device is known to be away, though others of its node may be there. */
  isAway(topic: string): boolean {
    return this.#devices.get(topic)?.isAvailable === false
  }

  /** Whether a device of a profile can be commanded; before it has told of it, whether its kind can. */
  takesCommands(topic: string): boolean {
    const device = this.#devices.get(topic)
    if (device !== undefined) return device.facts.ask !== undefined
    const places = this.#tops.flatMap(([prefix]) => placeOf(prefix, topic) ?? [])
    return places.some(({ kind }) => canBeAsked(kind))
  }

  /** What a device can be set to, by key; undefined of what cannot be commanded, or is not of a profile. */
  settableOf(topic: string): Readonly<Record<string, Settable>> | undefined {
    const facts = this.#devices.get(topic)?.facts
    return facts?.askKeys && settableOf(facts.kind, facts)
  }

  /** What asks a device for its state; undefined where nothing does. */
  questionTo(topic: string): Message | undefined {
    const [question] = this.#devices.get(topic)?.facts.question?.() ?? []
    return question && questionOf(question)
  }

  /** How long a device may take: as long as its profile says, and its rules at least. */
  timeoutMsOf(topic: string, leastMs: number): number {
    const facts = this.#devices.get(topic)?.facts
    return Math.max(facts?.timeoutMs ?? (facts?.kind === 'cover' ? coverMs : 0), leastMs)
  }
}

const mostOfTitle = 128

/** What came from outside as it can be shown; undefined of what cannot. */
function titleIn(name: string): string | undefined {
  const title = name.trim().slice(0, mostOfTitle)
  return title !== '' && isFitName(title) ? title : undefined
}

/** What goes to hardware is never kept: a relay would switch again, later. */
export function messageOf({ topic, payload, qos = 1 }: Outgoing): Message {
  return { topic, payload: new Payload(Buffer.from(payload)), qos, retain: false }
}

/** Whoever is away does not find a question when it comes back: it has no use for one that was asked long ago. */
export function questionOf(outgoing: Outgoing): Message {
  return messageOf({ ...outgoing, qos: 0 })
}

function baseOf({ topic }: ProfileDevice): string {
  return deviceOf(topic).base
}

/** A node is there when any of its devices is, and away when some are and the others cannot tell. */
function anyThere(devices: Iterable<ProfileDevice>): boolean | undefined {
  let isThere: boolean | undefined
  for (const { isAvailable } of devices) {
    if (isAvailable === true) return true
    if (isAvailable === false) isThere = false
  }
  return isThere
}

/** What a profile knows of its devices goes before what their topics look like. */
export function modelWith(model: ClownModel, devices: ProfileDevices): ClownModel {
  return {
    problemsOn: (topic) => (devices.hold(topic) ? undefined : model.problemsOn(topic)),
    takesCommands: (topic) =>
      devices.hold(topic) ? devices.takesCommands(topic) : model.takesCommands(topic),
    questionTo: (topic) => devices.questionTo(topic) ?? model.questionTo(topic),
  }
}

/** Whether nodes are there: those of users by their connections, those of profiles as their profiles say. */
export function presenceWith(ofUsers: NodePresence, devices: ProfileDevices): NodePresence {
  return {
    ...ofUsers,
    isThere: (base) => devices.isThere(base) ?? ofUsers.isThere(base),
    onChange: (listener) => {
      const stops = [ofUsers.onChange(listener), devices.onChange(listener)]
      return () => {
        for (const stop of stops) stop()
      }
    },
  }
}

interface KnownDevicesParts {
  readonly bases: Pick<ClownBases, 'binds'>
  readonly profileDevices: ProfileDevices
  readonly registry: Pick<Registry, 'isOffline'>
}

/** Whether any profile knows a device, Clown.Model too, and whether it is known to be away. */
export function knownDevices({ bases, profileDevices, registry }: KnownDevicesParts) {
  const isKnown = (device: string) =>
    profileDevices.hold(device) || bases.binds(device, deviceOf(device).base)
  // Of other hardware it is a guess by its reports, which must not stand in the way of a message.
  const isAway = (device: string) =>
    profileDevices.isAway(device) || (isKnown(device) && registry.isOffline(deviceOf(device).base))
  return { isKnown, isAway }
}
