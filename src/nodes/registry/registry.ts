import { LRUCache } from 'lru-cache'
import type { NodePresence } from '../../access/node-presence.ts'
import type { Clock } from '../../core/clock.ts'
import type { Message } from '../../core/message.ts'
import type { Payload } from '../../core/payload.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { relativeTopic } from '../../core/topic.ts'
import type { ClownModel } from '../clown-model.ts'
import type { TopicRecord } from '../topic-records.ts'
import {
  createDeviceTable,
  type Heard,
  type KnownDevice,
  type KnownNode,
  type Online,
  roleOf,
} from './device-table.ts'
import { type NodeTopic, readIntroduction, readList, readNodeTopic } from './node-message.ts'
import { expectedIntervalOf, onlineByReports, withInterval } from './offline-detection.ts'
import type { StoredDevice, StoredNode } from './stored-nodes.ts'

/** Hears what becomes different in a registry. */
export interface RegistryEvents {
  heard(device: KnownDevice): void
  /** What is told of a node is different, but for whether it is online. */
  changed(node: KnownNode): void
  online(node: KnownNode): void
  forgotten(device: KnownDevice): void
  /** A node speaks Clown.Model: it has introduced itself, or listed its devices. Told again and again. */
  introduced(node: KnownNode): void
  gone(node: KnownNode): void
  /** Another MQTT client than before reports of a node. */
  speaks(node: KnownNode, client: string): void
}

export interface RegistryOptions {
  readonly model: Pick<ClownModel, 'takesCommands'>
  readonly limits: { readonly devices: number }
  readonly presence: Pick<NodePresence, 'isThere' | 'isSilent' | 'maySpeakFor'>
  readonly clock: Clock
  readonly sampledLog: SampledLog
  readonly events: RegistryEvents
}

/** The first report of a device may be what a command asked for. So many are remembered. */
const rememberedObedience = 256

/** What a topic says about a node, and not about a device. */
type NodeAnswer = Exclude<NodeTopic, { topic: string }>

/** What is remembered of a topic for the next message there. */
type TopicMemory = Pick<TopicRecord, 'shape' | 'device'> & Partial<Pick<TopicRecord, 'user'>>

/** Who told of something; undefined when that is not known. */
interface Teller {
  readonly user?: string | undefined
}

interface Reporting extends Teller {
  readonly device?: KnownDevice | undefined
}

/** What the bus tells about hardware, without configuration. It holds no values. */
export class Registry {
  readonly #options: RegistryOptions
  readonly #table = createDeviceTable()
  readonly #obedient = new LRUCache<string, true>({ max: rememberedObedience })
  #isClosed = false

  constructor(options: RegistryOptions) {
    this.#options = options
  }

  get nodes(): ReadonlyMap<string, KnownNode> {
    return this.#table.nodes
  }

  /** The device that reports on `topic`. */
  device(topic: string): KnownDevice | undefined {
    return this.#table.get(topic)
  }

  /** All devices whose topics are below `base`. */
  devicesBelow(base: string): KnownDevice[] {
    return this.#devices().filter(({ topic }) => relativeTopic(base, topic) !== undefined)
  }

  #devices(): KnownDevice[] {
    return [...this.#table.nodes.values()].flatMap(({ devices }) => [...devices.values()])
  }

  /** Whether the node of `base` is known not to be there. */
  isOffline(base: string): boolean {
    const isThere = this.#options.presence.isThere(base)
    return isThere === undefined ? this.#table.nodes.get(base)?.online === false : !isThere
  }

  /** The bases of the nodes of which the MQTT client `name` has reported last. */
  spokenForBy(name: string): string[] {
    const nodes = [...this.#table.nodes.values()]
    return nodes.filter(({ speaker }) => speaker === name).map(({ base }) => base)
  }

  /** The device on `topic` has reported what a command asked of it. */
  obeyed(topic: string): void {
    this.#obedient.set(topic, true)
    const device = this.#table.get(topic)
    if (device === undefined || device.hasObeyed) return
    device.hasObeyed = true
    this.#settle(device)
    this.#options.events.heard(device)
  }

  /** Learns from a message on the bus that was `heard` then, and notes in the record of its topic which device it is of. */
  learn(message: Message, record: TopicMemory, heard = this.#hearNow()): void {
    const { topic, payload } = message
    if (this.#isClosed) return
    if (record.shape === 'report') {
      this.#learnReport(message, record, heard)
      return
    }
    const about = readNodeTopic(topic)
    if (about === undefined) return
    if ('topic' in about) {
      const device = this.#report(topic, heard, { user: record.user })
      if (device !== undefined) this.#introduce(device.node.base, payload.value)
    } else this.#answer(about, payload, record.user)
  }

  /** A profile has a device on `topic`, which may never report. */
  declare(topic: string): void {
    const device = this.#deviceOn(topic)
    if (device === undefined) return
    this.#settle(device)
    this.#options.events.heard(device)
  }

  /** There is no device on `topic`, or it is none. */
  forget(topic: string): void {
    this.#forget(this.#table.get(topic))
  }

  /** Somebody who is the node of `base` came or left, or may do so from now on, or no longer. */
  presenceChanged(base: string): void {
    const isThere = this.#options.presence.isThere(base)
    if (isThere !== undefined) {
      const there = this.#table.node(base)
      this.#setSilent(there, this.#options.presence.isSilent(base))
      this.#setOnline(there, isThere)
    }
    const node = this.#table.nodes.get(base)
    if (isThere !== undefined || node === undefined) return
    if (this.#isEmpty(node)) this.#removeNode(node)
    else this.#setOnline(node, this.#judge(node))
  }

  /** Whether any node is to be told offline, or unknown, by its reports. */
  isAnyNewlyOffline(): boolean {
    for (const node of this.#table.nodes.values()) if (this.#isNewlyOffline(node)) return true
    return false
  }

  /** Tells the nodes offline, or unknown, that have been silent for too long. */
  settleOffline(): void {
    for (const node of this.#table.nodes.values()) {
      if (this.#isNewlyOffline(node)) this.#setOnline(node, this.#judge(node))
    }
  }

  /** Nothing more is learned. */
  close(): void {
    this.#isClosed = true
  }

  // --- before a restart ---

  restoreDevice({ topic, user, ...stored }: StoredDevice & Teller): void {
    const { atMs, listed, hasObeyed = false, intervalsMs } = stored
    const device = this.#table.add(topic, user)
    device.heard = this.#heardAt(atMs)
    device.listed = listed
    device.hasObeyed = hasObeyed
    device.intervalsMs = intervalsMs
    this.#settle(device)
    if (listed !== undefined) this.#introducedByList(device.node)
    this.#makeRoom()
  }

  /** Only of a node with devices: others are not known. */
  restoreNode({ base, atMs, speaker, ...introduction }: StoredNode): void {
    const node = this.#table.nodes.get(base)
    if (node === undefined) return
    node.introduction = introduction
    node.speaker = speaker
    node.heard = this.#heardAt(atMs)
    if (Object.keys(introduction).length > 0) this.#options.events.introduced(node)
  }

  // --- what messages tell ---

  #learnReport({ topic, payload, retain, client }: Message, record: TopicMemory, heard: Heard) {
    // [MQTT-3.3.1-10] Who takes a device's value away takes the device away.
    if (retain && payload.bytes.length === 0) this.#forget(this.#table.get(topic))
    else {
      record.device = this.#report(topic, heard, record)
      if (record.device !== undefined) this.#speaks(record.device.node, client)
    }
  }

  /** `known`: what reported here before, and may be forgotten meanwhile. Undefined when there is no room for what reports. */
  #report(topic: string, heard: Heard, { device: known, user }: Reporting) {
    const isKnown = known !== undefined && !known.isForgotten
    const device = isKnown ? known : this.#deviceOn(topic, user)
    if (device === undefined) return undefined
    if (device.heard?.isRestored === false)
      this.#hearAfter(device, heard.nowMs - device.heard.nowMs)
    device.heard = heard
    this.#table.touch(device)
    this.#hear(device.node, heard)
    this.#options.events.heard(device)
    return device
  }

  /** `client` is named by its user, which has no colon, and its id. */
  #speaks(node: KnownNode, client: string | undefined): void {
    if (client === undefined || client === node.speaker) return
    const user = client.slice(0, client.indexOf(':'))
    if (!this.#options.presence.maySpeakFor(node.base, user)) return
    node.speaker = client
    this.#options.events.speaks(node, client)
  }

  #hearAfter(device: KnownDevice, intervalMs: number): void {
    const intervalsMs = withInterval(device.intervalsMs, intervalMs)
    if (intervalsMs === device.intervalsMs) return
    device.intervalsMs = intervalsMs
    device.reportIntervalMs = expectedIntervalOf(device)
  }

  #answer({ about, base }: NodeAnswer, payload: Payload, user?: string): void {
    // What speaks below no base may be a node, but has no name.
    if (about === 'introduction' && base !== '') this.#introduce(base, payload.value)
    if (about === 'list') this.#list(base, payload.value, user)
    const node = this.#table.nodes.get(base)
    if (node !== undefined) this.#hear(node, this.#hearNow())
  }

  #introduce(base: string, value: unknown): void {
    const { nodes } = this.#table
    // A node may tell of itself before its first report; whoever invents nodes gets no more of them.
    if (!nodes.has(base) && nodes.size >= this.#options.limits.devices) return
    const node = this.#table.node(base)
    const introduction = { ...node.introduction, ...readIntroduction(value) }
    node.introduction = introduction
    // Anybody's firmware may say `boot`; only one that says what it is speaks Clown.Model.
    if (Object.keys(introduction).length > 0) this.#options.events.introduced(node)
    this.#options.events.changed(node)
  }

  #list(base: string, value: unknown, user?: string): void {
    const listed = readList(base, value)
    const before = new Set(base === '' ? this.#devices().filter(isShort) : this.#devicesOf(base))
    for (const [place, { topic, role }] of listed.entries()) {
      const device = this.#deviceOn(topic, user)
      if (device === undefined) continue
      before.delete(device)
      device.listed = { role, place }
      this.#table.touch(device)
      this.#settle(device)
      this.#options.events.heard(device)
    }
    for (const device of before) if (device.listed !== undefined) this.#unlist(device)
    // What speaks below no base lists the devices of several nodes, each named by its first level.
    const nodes = base === '' ? listed.map(({ topic }) => this.#table.get(topic)?.node) : []
    if (listed.length > 0) nodes.push(this.#table.nodes.get(base))
    const hasAll = listed.every(({ topic }) => this.#table.get(topic) !== undefined)
    for (const node of new Set(nodes)) if (node !== undefined) this.#introducedByList(node, hasAll)
  }

  #introducedByList(node: KnownNode, hasListed = true): void {
    node.hasListed = hasListed
    this.#options.events.introduced(node)
  }

  #devicesOf(base: string): Iterable<KnownDevice> {
    return this.#table.nodes.get(base)?.devices.values() ?? []
  }

  /** Its node does not list it any more. */
  #unlist(device: KnownDevice): void {
    device.listed = undefined
    this.#settle(device)
    if (device.heard === undefined) this.#forget(device)
    else this.#options.events.heard(device)
  }

  #hear(node: KnownNode, heard: Heard): void {
    node.heard = heard
    this.#setOnline(node, this.#judge(node))
  }

  // --- devices ---

  /** Known from now on; undefined when a new one is itself what gives way, since its user has as many as anybody. */
  #deviceOn(topic: string, user?: string): KnownDevice | undefined {
    const device = this.#table.get(topic) ?? this.#add(topic, user)
    return device.isForgotten ? undefined : device
  }

  #add(topic: string, user?: string): KnownDevice {
    const device = this.#table.add(topic, user)
    device.hasObeyed = this.#obedient.has(topic)
    this.#settle(device)
    this.#options.events.changed(device.node)
    this.#makeRoom()
    return device
  }

  /** Concludes what follows from the rest. */
  #settle(device: KnownDevice): void {
    const { role } = device
    device.role = roleOf(device, this.#options.model)
    device.reportIntervalMs = expectedIntervalOf(device)
    if (device.role !== role) this.#options.events.changed(device.node)
  }

  #makeRoom(): void {
    const { limits, sampledLog } = this.#options
    if (this.#table.size <= limits.devices) return
    const given = this.#table.givesWay()
    const fields = { topic: given?.topic }
    const text = 'a device is forgotten: of the user who has most, the one that was silent longest'
    sampledLog.warn('devices-forgotten', fields, text)
    this.#forget(given)
  }

  #forget(device: KnownDevice | undefined): void {
    if (device === undefined) return
    const { node } = device
    // Its node has it still: what is not known is not missing.
    if (device.listed !== undefined) node.hasListed = false
    this.#table.remove(device)
    this.#options.events.forgotten(device)
    const isKnownBesides = this.#options.presence.isThere(node.base) !== undefined
    if (this.#isEmpty(node) && !isKnownBesides) this.#removeNode(node)
    else this.#options.events.changed(node)
  }

  // --- nodes ---

  #isEmpty({ devices }: KnownNode): boolean {
    return devices.size === 0
  }

  #removeNode(node: KnownNode): void {
    this.#table.removeNode(node)
    this.#options.events.gone(node)
  }

  #setSilent(node: KnownNode, isSilent: boolean): void {
    if (node.isSilent === isSilent) return
    node.isSilent = isSilent
    this.#options.events.changed(node)
  }

  #setOnline(node: KnownNode, online: Online): void {
    if (node.online === online) return
    node.online = online
    this.#options.events.online(node)
  }

  /** Only what is heard makes a node online. */
  #isNewlyOffline(node: KnownNode): boolean {
    const online = this.#judge(node)
    return online !== true && online !== node.online
  }

  #judge(node: KnownNode): Online {
    const isThere = this.#options.presence.isThere(node.base)
    return isThere ?? onlineByReports(node, this.#options.clock.nowMs())
  }

  #hearNow(): Heard {
    const { clock } = this.#options
    return { atMs: clock.wallMs(), nowMs: clock.nowMs(), isRestored: false }
  }

  #heardAt(atMs: number | undefined): Heard | undefined {
    if (atMs === undefined) return undefined
    const { clock } = this.#options
    // A clock that was set back meanwhile would make it come from the future.
    const agoMs = Math.max(0, clock.wallMs() - atMs)
    return { atMs, nowMs: clock.nowMs() - agoMs, isRestored: true }
  }
}

/** Whether a device has the topic that a node without a base gives one: two levels at most. */
function isShort({ topic }: KnownDevice): boolean {
  return topic.indexOf('/') === topic.lastIndexOf('/')
}
