/**
 * What a profile is, and what the hub does for it. To write one, read this file, `kinds.ts`, and
 * `src/profiles/hardwario.ts`, the smallest; then call `test/profiles/contract.ts` with its conversations.
 *
 * A profile says what the topics and payloads of one convention of hardware mean, in both directions. It has
 * no socket, no timer of its own and no memory of other profiles. It is called with one message at a time, and
 * while it is called nothing else calls it: what a claim tells of the past comes when it has returned.
 */
import type { AlarmClock } from '../../core/clock.ts'
import type { Payload } from '../../core/payload.ts'
import type { AskRanges, DeviceKind } from './kinds.ts'

export interface Profile {
  /** A level of topics: its devices stand at `devices/<name>/<node>/<kind>/<part>`. */
  readonly name: string
  /**
   * Whether it reads a convention that others describe their devices in, as Home Assistant's discovery is. A
   * device of such a profile is not shown while another profile has claimed one of its `stateTopics`.
   */
  readonly isGeneric?: boolean
  /**
   * Whether it is another system that the hub dials: its devices stand at `upstreams/<name>/<node>/<kind>/<part>`, and
   * their nodes may have several levels.
   */
  readonly isUpstream?: boolean
  /**
   * Begins: listens for what announces devices, and claims what belongs to nobody else. What `hub` is told is
   * of this profile alone. Everything that it keeps lives in this call.
   */
  open(hub: ProfileHub): void
}

/** What a profile hears. */
export interface HeardMessage {
  readonly topic: string
  /** Decoded once for all: use `value`, and only read it. */
  readonly payload: Payload
  /**
   * Whether it was said before it was claimed: a retained or last known value. What is reported while it is
   * heard counts as `memory`.
   */
  readonly isPast: boolean
}

/** May throw: that is counted and logged, and loses this message for this hearing alone. */
export type Hearing = (message: HeardMessage) => void

/**
 * A pattern of topics: a topic; one with `+` for any one level; `first/levels/#` for what is below; or
 * `#/last/+/levels` for what ends so, with one level at least before them (Shelly's prefix is free text).
 */
type TopicPattern = string

export interface ProfileHub {
  readonly clock: AlarmClock
  /** Hears what announces devices. Such a topic stays what it is for everybody else, a sensor perhaps. */
  listen(pattern: TopicPattern, hear: Hearing): void
  /**
   * Hears what belongs to this profile: such a topic is no device of its own any more, whoever subscribes to
   * it still gets it. `owner` is what it is released by, such as the id of a device or the topic of a config.
   * The last value is heard as soon as the profile has returned: what tells that a device is there may have
   * come before what tells what it is.
   */
  claim(owner: string, pattern: TopicPattern, hear: Hearing): void
  /** Gives up all claims of `owner`. */
  release(owner: string): void
  /**
   * There is a device, or it is not as it was. `id` is the profile's own name of it, which it is told by in
   * all other calls. What was reported stays.
   */
  device(id: string, facts: DeviceFacts): void
  /** The device is no more. */
  forget(id: string): void
  /**
   * The device has said this; what it has not said stays as it was.
   *
   * `memory` is what a gateway, a broker or a cache repeats: it is shown, and confirms no command.
   */
  report(id: string, values: Report, from?: ReportSource): void
  /** Whether the device can be reached; null when that cannot be told, as it is at the beginning. */
  available(id: string, isAvailable: boolean | null): void
  /** The device, or its gateway, has refused its last command, and says why. */
  refuse(id: string, reason: string): void
  /** The device has taken its last command, and has not reported the state yet: it may take `withinMs` more. */
  accept(id: string, withinMs: number): void
  /**
   * Somebody else has commanded the device, by its own topics. The hub follows that as it does its own, and
   * never tells a profile of what it has sent itself.
   */
  observe(id: string, asked: Ask): void
  /**
   * Asks devices to tell of themselves, or greets them. Never a command, never retained, and at QoS 0. What is asked while the
   * profile is opened is asked each time the hub has come to its broker.
   */
  send(outgoing: Outgoing): void
  /** Something that was announced is left out, and why, in a sentence for whoever looks for it. */
  leaveOut(what: string, reason: string): void
  /**
   * The devices of this profile that were known before the hub was started, for conventions whose devices
   * announce nothing: declare again what can be said by this alone.
   */
  readonly known: readonly DevicePlace[]
}

/** Where a device stands. */
export interface DevicePlace {
  /** What never changes of the thing that it is a part of: a MAC, an IEEE address, a `unique_id`. Any text. */
  readonly node: string
  readonly kind: DeviceKind
  /** Which of those of its kind on its node; `-` unless given. Any text. */
  readonly part?: string
}

export interface DeviceFacts extends DevicePlace {
  /** What it calls itself; people may call it something else in the hub. */
  readonly name: string
  /** What it is about, as Home Assistant's device classes say it: `door`, `motion`, `power`. */
  readonly about?: string
  /** What it is, for people: the maker's name of the thing. */
  readonly model?: string
  /** Its firmware's version. */
  readonly firmware?: string
  /**
   * What to publish so that the device does what is asked; of one that is not on the bus, what sends it. Undefined
   * for what cannot be commanded. `asked` has passed what its kind says (`kinds.ts`), and has one of `askKeys` at least
   * and no other key.
   *
   * @throws HubError `bad-payload` with what was expected, for a value that the device does not have.
   */
  readonly ask?: (asked: Ask) => readonly Outgoing[] | SendsIt
  /** The keys that can be asked of it, none of a button; not given of one that is far away, which knows by itself. */
  readonly askKeys?: readonly string[]
  /** What of those keys is known beyond what the kind says: the options of a select, the least and the most of a number. */
  readonly ranges?: AskRanges
  /** Asks the device what its state is. */
  readonly question?: () => readonly Outgoing[]
  /** Whether a report will tell what became of a command; one that cannot be confirmed ends as sent. Always, unless given. */
  readonly isConfirmable?: (asked: Ask) => boolean
  /** How long it may take to report what was asked; 5 seconds unless given, a minute for covers. */
  readonly timeoutMs?: number
  /** By how much a number may be reported otherwise than asked, such as 1 for a brightness out of 254 steps. */
  readonly tolerance?: Readonly<Record<string, number>>
  /** Where its state comes from: of generic profiles, see `Profile.isGeneric`. */
  readonly stateTopics?: readonly string[]
}

/** What is measured, and in what; null is not known, or without unit. */
export type MeasuredValue = readonly [value: number | string | boolean | null, unit: string | null]

/** A state; null is not known. */
export type StateValue =
  | boolean
  | number
  | string
  | null
  | { readonly [key: string]: StateValue }
  | readonly StateValue[]

/** What a device says, by key: states plain, what is measured as `[value, unit]`. */
export type Report = Readonly<Record<string, StateValue | MeasuredValue>>

export type ReportSource = 'device' | 'memory'

/** What is asked of a device, by the keys of its reports. */
export type Ask = Readonly<Record<string, unknown>>

/** Sends what was asked, in a way of its own, now or never. Throws nothing: what cannot be sent is not confirmed either. */
type SendsIt = () => void

/** What goes to a device: never retained. */
export interface Outgoing {
  readonly topic: string
  readonly payload: string | Buffer
  /** 1 unless given; questions go out at 0. */
  readonly qos?: 0 | 1
}
