/**
 * Another Clown.Hub, or the original, by the websocket that it serves to clients: docs/clown-talk.md, and for the original
 * `clown-talk-server` and the bridge behind it; or that bridge itself, on a serial line. A hub is asked for its nodes, which
 * say what their devices are; of the original every topic of two levels that reports is one.
 */
import { quote } from '../core/errors.ts'
import { fieldOf, isRecord, parseJson } from '../core/json.ts'
import { deviceOf, isDevice } from '../nodes/device.ts'
import { canBeAsked, isDeviceKind, mainKeyOf } from '../nodes/profiles/kinds.ts'
import { isOfUpstream } from '../nodes/profiles/open-profile.ts'
import type { Ask, DeviceFacts, DevicePlace, Report } from '../nodes/profiles/profile.ts'
import { FarStream, openSerialLine } from './far-stream.ts'
import { FarWebSocket } from './far-websocket.ts'
import type { FarDevices, FarSystem, LinkEnding, LinkEvents, UpstreamLanguage } from './upstream.ts'

export const clownTalk: UpstreamLanguage = {
  open: (far) => {
    const model = new FarModel(far.devices)
    return (link) => {
      const talk = new Talk(far, { link, model })
      return () => talk.end()
    }
  },
}

/** The bridge answers an introduction at once; whoever has not by then never will. */
const introductionMs = 1500

/** What was left out of the list is asked for no more often. */
const listMs = 1000

/** More than so many topics that are in no list are none of ours. */
const mostStrange = 10_000

const topics = {
  introduce: 'clown.talk/-/config/set',
  introduced: 'clown.talk/-/config/ok',
  list: '-/-/config/list',
  nodes: '$hub/nodes',
  nodesEnd: '$hub/nodes/ok',
  presence: '/-/presence',
} as const

/** One connection. */
class Talk {
  readonly #far: FarSystem
  readonly #link: LinkEvents
  readonly #model: FarModel
  readonly #wire: Wire
  /** Whether it is a hub such as ours: it has nodes, receipts, and says how old values are. */
  #isHub = false
  /** So many lines were none since the last that was. */
  #rubbish = 0
  /** Whether what it says from now on is new, unless it says otherwise. */
  #isLive = false
  #isConnected = false
  #isListing = false
  /** What has reported, and may be in no list. */
  readonly #strange = new Set<string>()
  #stopWaiting: () => void

  constructor(
    far: FarSystem,
    { link, model }: { readonly link: LinkEvents; readonly model: FarModel },
  ) {
    this.#far = far
    this.#link = link
    this.#model = model
    this.#stopWaiting = () => {}
    this.#wire = wireTo(far, {
      opened: () => this.#opened(),
      said: (text) => this.#said(text),
      gone: (ending) => {
        this.#stopWaiting()
        link.gone(ending)
      },
    })
    model.speech = {
      say: (...line) => this.#wire.command(lineOf(line)),
      hasReceipts: () => this.#isHub,
    }
  }

  end(): void {
    this.#stopWaiting()
    this.#wire.end()
  }

  #say(...line: readonly unknown[]): void {
    this.#wire.send(lineOf(line))
  }

  #opened(): void {
    this.#say(topics.introduce, {})
    // What the original says of itself, it may as well not say.
    this.#stopWaiting = this.#far.clock.after(introductionMs, () => this.#original())
  }

  #said(text: string): void {
    for (const line of text.split('\n')) {
      const isNothing = line.trim() === '' || line.startsWith('#')
      if (isNothing) continue
      if (this.#line(line)) this.#rubbish = 0
      else if (++this.#rubbish > this.#wire.mostRubbish) {
        this.#wire.end(`expected ["topic", payload], got ${quote(line)}`)
        return
      }
    }
  }

  /** Returns whether it is one. */
  #line(line: string): boolean {
    const parts = parseJson(line)
    if (!Array.isArray(parts)) return false
    const [topic, payload, options]: readonly unknown[] = parts
    if (typeof topic !== 'string' || parts.length < 2) return false
    this.#message(topic, payload, isRecord(options) ? options : {})
    return true
  }

  #message(topic: string, payload: unknown, options: Readonly<Record<string, unknown>>): void {
    if (topic === topics.introduced) this.#introduced(payload)
    else if (topic === topics.nodes) this.#model.node(payload)
    else if (topic === topics.nodesEnd) this.#connected()
    else if (topic.endsWith(topics.presence)) this.#model.presence(topic, payload)
    else if (topic.endsWith('/set')) this.#model.receipt(topic, payload, options['id'])
    else if (isDevice(topic)) this.#report(topic, payload, options)
  }

  #introduced(payload: unknown): void {
    this.#stopWaiting()
    if (!isRecord(payload) || payload['device'] !== 'hub') this.#original()
    else if (!this.#isHub) {
      this.#isHub = true
      this.#say(topics.introduce, { ages: true, presence: true })
      this.#list()
    } else this.#isLive = true
  }

  /** It has no nodes, and all that it says is new. */
  #original(): void {
    this.#isLive = true
    this.#say(topics.list, {})
    this.#model.allThere()
    this.#connected()
  }

  #connected(): void {
    this.#isListing = false
    if (this.#isConnected) return
    this.#isConnected = true
    this.#link.connected()
  }

  #list(): void {
    this.#isListing = true
    this.#say(topics.nodes, {}, { id: 'nodes' })
  }

  #report(topic: string, payload: unknown, options: Readonly<Record<string, unknown>>): void {
    const isMemory = !this.#isLive || 'ageMs' in options
    if (this.#model.report(topic, payload, isMemory)) return
    if (!this.#isHub) this.#model.found(topic, payload)
    else if (this.#isConnected && !isOfUpstream(topic)) this.#look(topic)
  }

  /** Something reports that was in no list, and in none that was asked for since. */
  #look(topic: string): void {
    if (this.#strange.has(topic) || this.#strange.size >= mostStrange) return
    this.#strange.add(topic)
    if (this.#isListing) return
    this.#isListing = true
    this.#stopWaiting = this.#far.clock.after(listMs, () => this.#list())
  }
}

interface Wire extends Pick<FarWebSocket, 'send' | 'command' | 'end'> {
  /** More lines in a row that are none end it. */
  readonly mostRubbish: number
}

interface WireEvents {
  opened(): void
  said(text: string): void
  gone(ending: LinkEnding): void
}

function wireTo(far: FarSystem, events: WireEvents): Wire {
  const { clock, settings } = far
  const url = new URL(settings.url)
  if (url.protocol !== 'serial:') {
    const socket = new FarWebSocket({ far, url }, events)
    return {
      mostRubbish: 0,
      send: (text) => socket.send(text),
      command: (text) => socket.command(text),
      end: (reason) => socket.end(reason),
    }
  }
  const path = settings.url.slice(url.protocol.length)
  const stream = openSerialLine({ path, baudRate: settings.baudRate ?? usualBaudRate })
  const line = new FarStream({ clock, url, stream, openEvent: 'open', cut: lines }, events)
  return {
    mostRubbish: mostRubbishLines,
    send: (text) => line.send(text),
    // There are no pings: whoever says nothing of the command is still to answer this.
    command: (text) => line.command(text + lineOf([topics.list, {}])),
    end: (reason) => line.end(reason),
  }
}

/** Of the bridge of BigClown. */
const usualBaudRate = 115_200

/** A line is heard from its middle on, and what is on it may be disturbed; it may as well not speak our language at all. */
const mostRubbishLines = 50

function lines(text: string): { readonly messages: readonly string[]; readonly rest: string } {
  const end = text.lastIndexOf('\n') + 1
  return { messages: text.slice(0, end).split('\n').slice(0, -1), rest: text.slice(end) }
}

function lineOf(line: readonly unknown[]): string {
  return `${JSON.stringify(line)}\n`
}

/** How a device is commanded while there is a connection. */
interface Speech {
  say(topic: string, payload: unknown, options?: { readonly id: number }): void
  /** Whether the other side tells what becomes of a command. */
  hasReceipts(): boolean
}

/** The nodes and devices of the other side, by its own topics, for as long as the hub runs. */
class FarModel {
  readonly #devices: FarDevices
  /** The devices of each node. */
  readonly #nodes = new Map<string, ReadonlySet<string>>()
  /** Which command to a device was the last one. */
  readonly #asked = new Map<string, number>()
  #commands = 0
  speech: Speech | undefined

  constructor(devices: FarDevices) {
    this.#devices = devices
    devices.remember(topicAt, (topic, { kind }) =>
      this.#declare(topic, { isActuator: canBeAsked(kind) }),
    )
  }

  /** A node as `$hub/nodes` has it. */
  node(node: unknown): void {
    const [base, devices] = [fieldOf(node, 'base'), fieldOf(node, 'devices')]
    if (typeof base !== 'string' || !Array.isArray(devices)) return
    const topics = devices.flatMap((device: unknown) => this.#device(device) ?? [])
    this.#nodes.set(base, new Set(topics))
    this.#there(base, fieldOf(node, 'online') !== false)
  }

  /** `<base>/-/presence` of a node; that of a device says nothing of whether it can be reached. */
  presence(topic: string, said: unknown): void {
    const online = fieldOf(said, 'online')
    const base = topic.slice(0, -topics.presence.length)
    if (online !== undefined) this.#there(base, online !== false)
  }

  #there(base: string, isThere: boolean): void {
    for (const topic of this.#nodes.get(base) ?? []) this.#devices.available(topic, isThere)
  }

  /** Returns the topic of a device that is listed; undefined of what is none of the other side's own. */
  #device(device: unknown): string | undefined {
    const [topic, title] = [fieldOf(device, 'topic'), fieldOf(device, 'title')]
    if (typeof topic !== 'string' || !isOwnDevice(topic)) return undefined
    const name = typeof title === 'string' ? title : ''
    this.#declare(topic, { name, isActuator: fieldOf(device, 'role') === 'actuator' })
    const value = fieldOf(device, 'value') ?? null
    if (value !== null) this.report(topic, value, true)
    return topic
  }

  /** Something reports that nobody has listed. */
  found(topic: string, value: unknown): void {
    if (!isOwnDevice(topic)) return
    const { kind } = deviceOf(topic)
    this.#declare(topic, { isActuator: isDeviceKind(kind) && canBeAsked(kind) })
    this.#devices.available(topic, true)
    this.report(topic, value, false)
  }

  /** Returns whether it is one of the devices that are known. */
  report(topic: string, value: unknown, isMemory: boolean): boolean {
    if (!this.#devices.has(topic)) return false
    this.#devices.report(topic, reportOf(topic, value), isMemory ? 'memory' : 'device')
    return true
  }

  /** What has become of a command, of those that are the last to their devices. */
  receipt(topic: string, receipt: unknown, id: unknown): void {
    const device = topic.slice(0, -'/set'.length)
    if (id === undefined || this.#asked.get(device) !== id) return
    const [name, message] = [fieldOf(receipt, 'receipt'), fieldOf(receipt, 'message')]
    if (!refusals.has(name)) return
    this.#devices.refuse(device, typeof message === 'string' ? message : `it was ${name}`)
  }

  /** The other side is there, and says nothing of its nodes: whatever it had before may be there. */
  allThere(): void {
    for (const topic of this.#devices.ids) this.#devices.available(topic, true)
  }

  #declare(topic: string, { name = '', isActuator }: { name?: string; isActuator: boolean }): void {
    const facts: DeviceFacts = { ...placeOf(topic), name }
    // A pulse is over before anybody knows.
    const isConfirmable = (asked: Ask) => !Object.hasOwn(asked, 'pulse')
    const ask = (asked: Ask) => () => this.#command(topic, asked)
    this.#devices.declare(topic, isActuator ? { ...facts, ask, isConfirmable } : facts)
  }

  #command(topic: string, asked: Ask): void {
    const id = this.#commands++
    this.#asked.set(topic, id)
    // The bridge of the original takes no line with a third element.
    const options = this.speech?.hasReceipts() === true ? [{ id }] : []
    this.speech?.say(`${topic}/set`, asked, ...options)
  }
}

/** Receipts that say that nothing comes of it: docs/commands.md. */
const refusals: ReadonlySet<unknown> = new Set(['refused', 'node-offline', 'superseded'])

/** Whether a device reports there, and a device of the other side: see `isOfUpstream`. */
function isOwnDevice(topic: string): boolean {
  return isDevice(topic) && !isOfUpstream(topic)
}

/** The node of topics that have none before their last two levels: they are relative to it. */
const unnamed = '-'

/** Where a device of the other side stands here: a kind that nobody knows is a sensor. */
function placeOf(topic: string): DevicePlace {
  const levels = topic.split('/')
  const [kind = '', part = ''] = levels.slice(-2)
  const node = levels.slice(0, -2).join('/') || unnamed
  if (isDeviceKind(kind)) return { node, kind, part }
  return { node, kind: 'sensor', part: `${kind}/${part}` }
}

/** The topic of the other side that is shown at `place`. */
function topicAt({ node, kind, part = '-' }: DevicePlace): string {
  const name = part.includes('/') ? part : `${kind}/${part}`
  return node === unnamed ? name : `${node}/${name}`
}

/** What a device says, by key; of one that says a bare value its kind has one, or it is about itself. */
function reportOf(topic: string, value: unknown): Report {
  const { kind } = deviceOf(topic)
  const key = isDeviceKind(kind) ? mainKeyOf(kind) : undefined
  const entries = isRecord(value) ? Object.entries(value) : [[key ?? 'value', value] as const]
  return Object.fromEntries(entries.filter(isState))
}

type Said = readonly [name: string, value: unknown]

/** Whatever JSON can say, a state can be. */
function isState(said: Said): said is readonly [name: string, value: Report[string]] {
  return said[1] !== undefined
}
