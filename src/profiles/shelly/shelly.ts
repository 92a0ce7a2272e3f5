/**
 * Shelly of the second generation and later: JSON-RPC over MQTT. The prefix of its topics is free text; where a
 * device speaks is known by what its topics end in. Facts: shelly-api-docs.shelly.cloud/gen2
 * (ComponentsAndServices/Mqtt, Switch, Light, Cover, General/Notifications).
 */
import { isRecord } from '../../core/json.ts'
import type {
  DeviceFacts,
  HeardMessage,
  Outgoing,
  Profile,
  ProfileHub,
  Report,
} from '../../nodes/profiles/profile.ts'
import {
  type Component,
  componentNumbers,
  componentOf,
  components,
  recordIn,
  type Said,
} from './components.ts'

/** Answers come to `<source>/rpc`. */
const source = 'clown-hub'

/** A Shelly, by the prefix of its topics. */
interface Device {
  readonly prefix: string
  /** What it calls itself, with its MAC; its prefix until it has said so. */
  node: string
  /** What its config says. */
  config: Said
  isThere: boolean | null
  /** The components that it has, by name: `switch:0`. */
  readonly parts: Map<string, Component>
}

/** How long it may take until a state is reported, once the device has said that it does it. */
const acceptedMs = { usual: 5000, cover: 60_000 } as const

export const shelly: Profile = {
  name: 'shelly',
  open: (hub) => {
    const devices = new Map<string, Device>()
    const deviceOf = (prefix: string): Device => {
      const known = devices.get(prefix)
      if (known !== undefined) return known
      const device = {
        prefix,
        node: prefix,
        config: {},
        isThere: null,
        parts: new Map<string, Component>(),
      }
      devices.set(prefix, device)
      claimRest(hub, device)
      return device
    }
    const heard = { hub, devices, deviceOf, requests: createRequests() }
    for (const name of Object.keys(components)) {
      for (const number of componentNumbers) {
        const ending = `/status/${name}:${number}`
        hub.claim('anchors', `#${ending}`, ({ topic, payload }) => {
          const device = deviceOf(topic.slice(0, -ending.length))
          tell(heard, device, { [`${name}:${number}`]: payload.value })
        })
      }
    }
    hub.claim('anchors', '#/events/rpc', (message) => hearEvent(heard, message))
    hub.listen('#/online', (message) => hearStranger(heard, message))
    hub.claim('anchors', `${source}/rpc`, (message) => hearResult(heard, message))
  },
}

interface Heard {
  readonly hub: ProfileHub
  readonly devices: Map<string, Device>
  readonly requests: Requests
  deviceOf(prefix: string): Device
}

/** What else stands below a prefix is no device, and what others ask there is followed. */
function claimRest(hub: ProfileHub, device: Device): void {
  const { prefix } = device
  hub.claim(prefix, `${prefix}/online`, ({ payload }) => hearAvailable(hub, device, payload.value))
  hub.claim(prefix, `${prefix}/status/+`, () => {})
  hub.claim(prefix, `${prefix}/command`, () => {})
  hub.claim(prefix, `${prefix}/rpc`, (message) => hearForeign(hub, device, message))
  hub.claim(prefix, `${prefix}/command/+`, ({ topic, payload, isPast }) => {
    const word = payload.bytes.toString()
    const part = topic.slice(topic.lastIndexOf('/') + 1)
    if (isPast || (word !== 'on' && word !== 'off')) return
    hub.observe(`${prefix}/${part}`, { state: word === 'on' })
  })
}

// --- what devices say ---

/** Whoever says that it is there may be a Shelly, and tells when it is asked; others have no such topic. */
function hearStranger({ devices, hub }: Heard, { topic, payload }: HeardMessage): void {
  const prefix = topic.slice(0, topic.lastIndexOf('/'))
  // Those of the first generation say the same word.
  if (payload.value !== true || prefix.startsWith('shellies/') || devices.has(prefix)) return
  for (const method of questions) hub.send(question(prefix, method))
}

function hearAvailable(hub: ProfileHub, device: Device, isThere: unknown): void {
  if (typeof isThere !== 'boolean') return
  device.isThere = isThere
  for (const part of device.parts.keys()) hub.available(`${device.prefix}/${part}`, isThere)
}

function hearEvent(heard: Heard, { topic, payload: { value } }: HeardMessage): void {
  if (!isRecord(value) || !isRecord(value['params'])) return
  const { method, src, params } = value
  const device = heard.deviceOf(topic.slice(0, -'/events/rpc'.length))
  identify(heard, device, src)
  if (method !== 'NotifyEvent') {
    tell(heard, device, params)
    return
  }
  const events = Array.isArray(params['events']) ? params['events'] : []
  for (const event of events) {
    if (!isRecord(event) || typeof event['event'] !== 'string') continue
    const happened = { event: event['event'] }
    tellPart(heard, device, { part: String(event['component']), read: () => happened })
  }
}

/** A device keeps what it calls itself when the prefix of its topics is changed; nobody takes it from one that is there. */
function identify(heard: Heard, device: Device, name: unknown): void {
  const { hub, devices } = heard
  if (typeof name !== 'string' || name === '' || name === device.node) return
  const other = [...devices.values()].find(({ node }) => node === name)
  if (other?.isThere === true) return
  if (other !== undefined) leave(hub, devices, other)
  device.node = name
  declare(heard, device)
}

function leave(hub: ProfileHub, devices: Map<string, Device>, { prefix, parts }: Device): void {
  hub.release(prefix)
  for (const part of parts.keys()) hub.forget(`${prefix}/${part}`)
  devices.delete(prefix)
}

/** `said` is by component, and may be what has changed only. */
function tell(heard: Heard, device: Device, said: Said): void {
  for (const [part, status] of Object.entries(said)) {
    if (isRecord(status)) tellPart(heard, device, { part, read: ({ read }) => read(status) })
  }
}

interface Telling {
  readonly part: string
  read(component: Component): Report
}

function tellPart(heard: Heard, device: Device, { part, read }: Telling): void {
  const { parts, prefix } = device
  const component = parts.get(part) ?? componentOf(part)
  if (component === undefined) return
  if (!parts.has(part)) {
    parts.set(part, component)
    declare(heard, device, part)
  }
  heard.hub.report(`${prefix}/${part}`, read(component))
}

/** Tells the hub of one part, or of all that are known. */
function declare(heard: Heard, device: Device, only?: string): void {
  const { hub } = heard
  for (const [part, component] of device.parts) {
    if (only !== undefined && part !== only) continue
    const id = `${device.prefix}/${part}`
    hub.device(id, factsOf(heard, device, { part, component }))
    hub.available(id, device.isThere)
  }
}

function factsOf(
  { requests }: Heard,
  { prefix, node, config }: Device,
  {
    part,
    component: { kind, ask, askKeys = [], ranges = {} },
  }: { readonly part: string; readonly component: Component },
): DeviceFacts {
  const system = recordIn(recordIn(config, 'sys'), 'device')
  const name = recordIn(config, part)['name'] ?? `${system['name'] ?? prefix} ${part}`
  const common = { node, kind, part, name: String(name), model: node.replace(/-[^-]*$/, '') }
  const facts = { ...common, firmware: String(system['fw_id'] ?? '') }
  if (ask === undefined) return facts
  return {
    ...facts,
    askKeys,
    ranges,
    ask: (asked) => [requests.make(prefix, part, ask(asked))],
    question: () => [question(prefix, 'Shelly.GetStatus')],
    timeoutMs: acceptedMs[kind === 'cover' ? 'cover' : 'usual'],
    tolerance: { brightness: 1, position: 2, 'color-temp': 2 },
  }
}

// --- what devices are asked ---

/** What is asked of a device when it comes, and whose answers have these names. */
const questions = ['Shelly.GetStatus', 'Shelly.GetConfig'] as const

/** Its answer names it and the prefix, since a device does not say its prefix anywhere. */
function question(prefix: string, method: (typeof questions)[number]): Outgoing {
  const payload = JSON.stringify({ id: `${method} ${prefix}`, src: source, method })
  return { topic: `${prefix}/rpc`, payload, qos: 0 }
}

type Requests = ReturnType<typeof createRequests>

/** So many requests are remembered. */
const remembered = 1000

/** Which part each request is about, by its number. */
function createRequests() {
  const parts = new Map<number, { readonly prefix: string; readonly part: string }>()
  let latest = 0
  return {
    about: (id: number) => parts.get(id),
    /** What asks `part` of the device to do something. */
    make: (prefix: string, part: string, call: readonly [string, object]): Outgoing => {
      latest++
      parts.set(latest, { prefix, part })
      parts.delete(latest - remembered)
      const [method, parameters] = call
      const params = { id: Number(part.slice(part.indexOf(':') + 1)), ...parameters }
      const payload = JSON.stringify({ id: latest, src: source, method, params })
      return { topic: `${prefix}/rpc`, payload, qos: 1 }
    },
  }
}

function hearResult(heard: Heard, { payload: { value }, isPast }: HeardMessage): void {
  if (isPast || !isRecord(value)) return
  const { id, result } = value
  if (typeof id === 'number') hearAnswer(heard, id, value)
  else if (typeof id === 'string' && isRecord(result)) {
    const at = id.indexOf(' ')
    const device = heard.deviceOf(id.slice(at + 1))
    identify(heard, device, value['src'])
    if (id.startsWith('Shelly.GetStatus')) tell(heard, device, result)
    else {
      device.config = result
      declare(heard, device)
    }
  }
}

/** What a device says of a request; nobody else can say that. */
function hearAnswer({ hub, requests, devices }: Heard, id: number, { src, error }: Said): void {
  const { prefix = '', part = '' } = requests.about(id) ?? {}
  const node = devices.get(prefix)?.node
  if (node === undefined || (node !== prefix && node !== src)) return
  const ofPart = `${prefix}/${part}`
  if (isRecord(error)) hub.refuse(ofPart, String(error['message'] ?? 'the device gave no reason'))
  else hub.accept(ofPart, acceptedMs[part.startsWith('cover') ? 'cover' : 'usual'])
}

/** `Switch.Set` of somebody else. */
function hearForeign(hub: ProfileHub, { prefix }: Device, { payload, isPast }: HeardMessage): void {
  const { value } = payload
  if (isPast || !isRecord(value) || value['src'] === source) return
  const { method, params } = value
  if (!isRecord(params) || typeof params['on'] !== 'boolean') return
  const [, name = ''] = /^(Switch|Light)\.Set$/.exec(String(method)) ?? []
  if (name !== '')
    hub.observe(`${prefix}/${name.toLowerCase()}:${params['id']}`, { state: params['on'] })
}
