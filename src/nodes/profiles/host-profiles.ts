/** Opens profiles, and tells the rest of the hub in its own words what their devices say and are asked. */
import { noRights } from '../../access/rights.ts'
import type { Sender } from '../../access/sender.ts'
import { type Bus, busStateTopic } from '../../bus/bus.ts'
import type { AlarmClock } from '../../core/clock.ts'
import { HubError, quote, reasonOf } from '../../core/errors.ts'
import { isRecord } from '../../core/json.ts'
import type { Message } from '../../core/message.ts'
import { Payload } from '../../core/payload.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { switchesActuator } from '../../core/switching.ts'
import { isTopic } from '../../core/topic.ts'
import type { Store } from '../../store/store.ts'
import type { Commands, Request } from '../commands/commands.ts'
import { observeCommand } from '../commands/observe-command.ts'
import type { LastValues } from '../last-values.ts'
import type { MessagePath, PathProfiles } from '../message-path.ts'
import type { KnownStates } from '../registry/known-states.ts'
import type { Registry } from '../registry/registry.ts'
import type { RelayGuard } from '../relay-guard/relay-guard.ts'
import { Claims, type Past } from './claims.ts'
import { byKeysOf, goalOf, inTermsOf, lastingPart, readAsk, settledPart } from './kinds.ts'
import {
  type DeviceSink,
  openProfile,
  type ProfileDevice,
  upstreamsPrefix,
} from './open-profile.ts'
import type { Ask, HeardMessage, Outgoing, Profile, Report } from './profile.ts'
import { messageOf, type ProfileDevices, questionOf } from './profile-devices.ts'
import { type DeviceOrigin, openPublishers, type Publishers } from './publishers.ts'
import { checkClaimed, checkTrusted, type TrustParts } from './trust.ts'

interface HostParts {
  readonly bus: Bus
  readonly values: Pick<LastValues, 'on' | 'topicsBelow'>
  readonly registry: Pick<Registry, 'declare' | 'forget' | 'device' | 'devicesBelow'>
  readonly states: Pick<KnownStates, 'heard'>
  readonly profileDevices: ProfileDevices
  readonly publishers: Publishers
  readonly trust: TrustParts
  /** Above the devices of all profiles. */
  readonly prefix: string
  readonly clock: AlarmClock
  readonly sampledLog: SampledLog
}

/** What hears of the devices of profiles. */
export interface ProfileAudience {
  readonly commands: Pick<Commands, 'reported' | 'denied' | 'taken' | 'observe' | 'isFollowed'>
  readonly relayGuard: Pick<RelayGuard, 'reported' | 'check'>
  readonly ownChanges: { reported(device: string, payload: Pick<Payload, 'value'>): void }
  readonly path: Pick<MessagePath, 'learn'>
}

interface OpenHostParts
  extends Omit<HostParts, 'publishers' | 'trust'>,
    Omit<TrustParts, 'isOfProfiles' | 'ownerOf'> {
  readonly store: Store
}

/** So many devices are remembered with who has said what they are. */
const remembered = 10_000

export async function openProfileHost(parts: OpenHostParts): Promise<ProfileHost> {
  const publishers = await openPublishers({ ...parts, devices: remembered })
  const isOfProfiles = (topic: string) => parts.profileDevices.hold(topic)
  const ownerOf = (topic: string) => parts.registry.device(topic)?.owner
  return new ProfileHost({ ...parts, publishers, trust: { ...parts, isOfProfiles, ownerOf } })
}

/** Stands in a payload that the hub has sent to a device itself: no profile hears it. */
const sentByHub = {}

/** Whoever brought it, as `enters` has noted. */
const isSender = (origin?: object): origin is Sender => origin !== undefined && origin !== sentByHub

/** What is heard at the moment, and who has said so, if that is known. */
interface Cause extends Pick<HeardMessage, 'topic'> {
  readonly sender: Sender | undefined
  readonly client: string | undefined
  readonly qos: Message['qos']
}

/** What was asked of a device last, and what it has said since. */
interface Asked {
  readonly goal: Ask
  said: Report
}

/** The profiles of a hub, which are opened when everything is there that hears of their devices. */
export class ProfileHost implements PathProfiles {
  readonly claims: Claims
  readonly #parts: HostParts
  readonly #asked = new Map<string, Asked>()
  #audience: ProfileAudience | undefined
  /** What profiles ask everybody while they are opened; undefined afterwards, when they ask at once. */
  #greetings: Message[] | undefined
  #arriving: Message | undefined
  #cause: Cause | undefined

  constructor(parts: HostParts) {
    const { registry, sampledLog } = parts
    this.#parts = parts
    this.claims = new Claims({
      past: pastOf(parts),
      // It was learned as a device of its own before its profile knew it.
      owned: (topic) => registry.forget(topic),
      failed: ({ profile }, topic, error) => {
        const fields = { profile, topic, reason: reasonOf(error) }
        sampledLog.warn('profile-failed', fields, 'a profile could not deal with a message')
      },
    })
  }

  /** Returns what closes them: nothing is heard any more then, and no profile's time comes. */
  open(profiles: readonly Profile[], audience: ProfileAudience): () => void {
    const { profileDevices: devices, registry, prefix, sampledLog } = this.#parts
    this.#audience = audience
    const clock = this.#clock()
    const topicsBelow = (top: string) => registry.devicesBelow(top).map(({ topic }) => topic)
    const [ofProfiles, ofUpstreams] = [topicsBelow(prefix), topicsBelow(upstreamsPrefix)]
    const greetings: Message[] = []
    this.#greetings = greetings
    for (const profile of profiles) {
      const { name, isUpstream = false } = profile
      const top = isUpstream ? upstreamsPrefix : prefix
      openProfile(profile, {
        claims: this.claims,
        sink: this.#sinkOf(audience),
        clock,
        prefix: top,
        known: devices.placesOf({ top, name }, isUpstream ? ofUpstreams : ofProfiles),
        failed: (name, error) => {
          const fields = { profile: name, reason: reasonOf(error) }
          sampledLog.warn('profile-failed', fields, 'a profile failed when its time had come')
        },
      })
    }
    this.#greetings = undefined
    const stopGreeting = this.#greetWhenever(greetings)
    return () => {
      stopGreeting()
      this.#audience = undefined
    }
  }

  /** Beside the broker of somebody else that is each time the hub has come to it: what has changed meanwhile was told to nobody. */
  #greetWhenever(greetings: readonly Message[]): () => void {
    const { bus } = this.#parts
    const greet = () => greetings.forEach((each) => void this.#send(each))
    if (bus.refusalOf('any') === undefined) greet()
    return bus.subscribe(busStateTopic, ({ payload: { value } }) => {
      if (isRecord(value) && value['state'] === 'connected') greet()
    })
  }

  #clock(): AlarmClock {
    const { clock } = this.#parts
    const unlessClosed = (act: () => void) => () => {
      if (this.#audience !== undefined) act()
    }
    return { ...clock, after: (delayMs, act) => clock.after(delayMs, unlessClosed(act)) }
  }

  enters({ payload }: Message, sender: Sender): void {
    payload.origin = sender
  }

  hear(claimed: Parameters<Claims['hear']>[0], message: Message): void {
    if (this.#audience === undefined || this.isOwn(message)) return
    this.#arriving = message
    this.claims.hear(claimed, message)
    this.#arriving = undefined
    this.#cause = undefined
  }

  isOwn({ payload, client }: Message): boolean {
    return client === undefined && payload.origin === sentByHub
  }

  translate(request: Request): Request {
    const { device: topic, message, sender } = request
    const read = this.askIn(topic, message.payload)
    if (read === undefined) return request
    const { kind, asked, out, isConfirmable } = read
    const way = typeof out === 'function' ? { outgoing: [], send: out } : this.#onBus(out)
    const goal = goalOf(kind, asked)
    const translation = { ...way, goal, isConfirmable: isConfirmable(asked) }
    const translated = {
      ...request,
      message: { ...message, payload: Payload.ofValue(asked) },
      translation,
    }
    this.checkTrust({ ...translated, sender })
    this.#asked.set(topic, { goal, said: {} })
    return translated
  }

  askIn(topic: string, payload: Payload) {
    const device = this.#parts.profileDevices.of(topic)
    if (device === undefined) {
      if (!this.#parts.profileDevices.hold(topic)) return undefined
      throw new HubError('unknown-device', `expected a device that is known, got ${quote(topic)}`)
    }
    const { kind, ask, isConfirmable = () => true } = device.facts
    if (ask === undefined) {
      throw new HubError('bad-payload', `expected what can be commanded, got the ${kind} ${topic}`)
    }
    const asked = readAsk(kind, payload.value, device.facts)
    return { kind, asked, out: ask(asked), isConfirmable }
  }

  #onBus(out: readonly Outgoing[]) {
    const outgoing = out.map(messageOf)
    for (const each of outgoing) each.payload.origin = sentByHub
    return { outgoing }
  }

  /** @throws HubError `forbidden` when a command may not go where its device is told to be commanded. */
  checkTrust({ device, sender, translation }: Request): void {
    const { publishers, trust } = this.#parts
    const origin = publishers.of(device)
    for (const { topic } of translation?.outgoing ?? []) {
      checkTrusted(topic, { sender, origin }, trust)
    }
  }

  ask(device: string): void {
    const question = this.#parts.profileDevices.questionTo(device)
    if (question !== undefined) this.#send(question)
  }

  #askAll(question: Message): void {
    if (this.#greetings === undefined) this.#send(question)
    else this.#greetings.push(question)
  }

  #send(message: Message): void {
    message.payload.origin = sentByHub
    this.#parts.bus.publish(message)
  }

  #sinkOf(audience: ProfileAudience): DeviceSink {
    const { profileDevices: devices, publishers, registry, trust, sampledLog } = this.#parts
    const { commands } = audience
    return {
      hearing: (message) => {
        this.#cause = message && this.#causeOf(message)
      },
      declared: (device) => {
        const { topic, sender } = this.#cause ?? {}
        publishers.said(device.topic, topic, sender)
        devices.set(device)
        registry.declare(device.topic)
      },
      forgotten: (device) => {
        devices.delete(device)
        publishers.forget(device.topic)
        this.#asked.delete(device.topic)
        // [MQTT-3.3.1-10] Who takes a device's value away takes the device away.
        const nothing = new Payload(Buffer.alloc(0))
        this.#parts.bus.publish({ topic: device.topic, payload: nothing, qos: 0, retain: true })
      },
      availabilityChanged: (device) => devices.changed(device),
      reported: (device, report, from) => {
        if (from === 'device') this.#reported(device, report, audience)
        else this.#tell(device, report, audience)
      },
      refused: ({ topic }, reason) => commands.denied(topic, reason),
      accepted: ({ topic }, withinMs) => commands.taken(topic, withinMs),
      observed: (device, asked) => this.#observed(device, asked, audience),
      checkClaim: (pattern, device, isGeneric) => {
        const origin = this.#originOf(device)
        if (origin !== undefined) checkClaimed(pattern, { origin, isGeneric }, trust)
      },
      send: (profile, outgoing) => {
        const { topic } = outgoing
        const isQuestion = isTopic(topic) && !switchesActuator(topic) && !devices.hold(topic)
        if (isQuestion) this.#askAll(questionOf(outgoing))
        else sampledLog.warn('profile-question-refused', { profile, topic }, 'not a question')
      },
      leftOut: (profile, what, reason) => {
        const fields = { profile, what, reason }
        sampledLog.warn('profile-left-out', fields, 'something that was announced is left out')
      },
    }
  }

  /** Who has said what a device is, or what is heard now; undefined where nobody has said anything. */
  #originOf(device: string | undefined): DeviceOrigin | undefined {
    if (device !== undefined) {
      const origin = this.#parts.publishers.of(device)
      return origin.by.length + origin.topics.length > 0 ? origin : undefined
    }
    if (this.#cause === undefined) return undefined
    const { sender, topic } = this.#cause
    return sender === undefined ? { by: [], topics: [topic] } : { by: [sender], topics: [] }
  }

  #causeOf(message: HeardMessage): Cause {
    const { topic, isPast } = message
    const { client, qos = 0, payload } = (isPast ? undefined : this.#arriving) ?? {}
    const origin = payload?.origin
    return { topic, sender: isSender(origin) ? origin : undefined, client, qos }
  }

  /** Tells everybody who listens where the device is now. */
  #tell(device: ProfileDevice, report: Report, { relayGuard }: ProfileAudience): Payload {
    const { topic, facts } = device
    const whole = inTermsOf(facts.kind, wholeOf(device, report))
    const payload = Payload.ofValue(whole)
    relayGuard.reported(topic, whole)
    this.#parts.bus.publish({ topic, payload, qos: 0, retain: false })
    return payload
  }

  /** The device itself has said so: that tells what became of commands, and is history. */
  #reported(device: ProfileDevice, report: Report, audience: ProfileAudience): void {
    const { topic, facts, values } = device
    const { commands, ownChanges, path } = audience
    const { client, qos = 0 } = this.#cause ?? {}
    const isAnswer = commands.isFollowed(topic) && this.#isAnswer(device, report, commands)
    if (!isAnswer && facts.ask !== undefined) {
      ownChanges.reported(topic, { value: inTermsOf(facts.kind, values) })
    }
    this.#parts.states.heard(topic)
    const told = this.#tell(device, report, audience)
    const isAll = Object.keys(report).length === Object.keys(values).length
    const learned = isAll ? told : Payload.ofValue(inTermsOf(facts.kind, report))
    path.learn({ topic, payload: learned, qos, retain: false, client })
  }

  #isAnswer(
    { topic, facts }: ProfileDevice,
    report: Report,
    commands: ProfileAudience['commands'],
  ): boolean {
    const asked = this.#asked.get(topic) ?? { goal: {}, said: {} }
    asked.said = { ...asked.said, ...settledPart(facts.kind, report) }
    const said = withinTolerance(asked, byKeysOf(facts.kind, facts.tolerance ?? {}))
    return commands.reported(topic, Payload.ofValue(said), this.#cause?.client)
  }

  #observed(device: ProfileDevice, said: Ask, { commands, relayGuard }: ProfileAudience): void {
    const { topic, facts } = device
    const asked = byKeysOf(facts.kind, said)
    const { sender, client } = this.#cause ?? {}
    const [user = 'unknown'] = [sender?.user ?? client?.split(':')[0]].flat()
    // What was said already needs no rights.
    const by: Sender = { user, rights: noRights, address: '', way: 'observed' }
    const goal = goalOf(facts.kind, asked)
    this.#asked.set(topic, { goal, said: {} })
    const isConfirmable = facts.isConfirmable?.(asked) ?? true
    const message: Message = { topic, payload: Payload.ofValue(asked), qos: 0, retain: false }
    const translation = { outgoing: [], goal, isConfirmable }
    const request = { device: topic, message, sender: by, translation }
    observeCommand(request, { ...this.#parts, commands, relayGuard })
  }
}

/** All that a device has said, with what has just happened and without what is over: `values` has the report already. */
function wholeOf({ facts, values }: ProfileDevice, report: Report): Report {
  const lasting = lastingPart(facts.kind, values)
  return lasting === values ? values : { ...lasting, ...report }
}

/** What was said since, with what is near enough to what was asked as if it were that. */
function withinTolerance(
  { goal, said }: Asked,
  tolerance: Readonly<Record<string, number>>,
): Report {
  const near = Object.entries(tolerance).flatMap(([key, most]) => {
    const [asked, got] = [goal[key], said[key]]
    const isNear =
      typeof asked === 'number' && typeof got === 'number' && Math.abs(asked - got) <= most
    return isNear ? [[key, asked]] : []
  })
  return { ...said, ...Object.fromEntries(near) }
}

/** What was said before a claim: what is retained, or the last value. */
function pastOf({ values, bus, sampledLog }: HostParts): Past {
  const tellAll = async (isMatch: (topic: string) => boolean, tell: (message: Message) => void) => {
    for await (const topic of values.topicsBelow('')) {
      const message = isMatch(topic) ? values.on(topic) : undefined
      if (message !== undefined) tell(message)
    }
  }
  return {
    on: (topic) => values.on(topic) ?? bus.retainedOn(topic),
    matching: (...matching) => {
      tellAll(...matching).catch((error: unknown) => {
        const fields = { reason: reasonOf(error) }
        sampledLog.warn('profile-failed', fields, 'what was said before could not be told')
      })
    },
  }
}
