/**
 * Zigbee2MQTT, as it is by itself: `<base>/bridge/devices` tells of all devices and what they expose, and each has a
 * topic by its friendly name. Facts: Koenkk/zigbee2mqtt (lib/extension), zigbee-herdsman-converters (exposes).
 */
import { isRecord } from '../../core/json.ts'
import type {
  Ask,
  DeviceFacts,
  HeardMessage,
  Outgoing,
  Profile,
  ProfileHub,
  Report,
} from '../../nodes/profiles/profile.ts'
import { type Exposed, readExposes } from './exposes.ts'

/** A gateway, by the base of its topics. */
interface Bridge {
  readonly base: string
  isThere: boolean | null
  /** Since when what it repeats of its memory may still come; undefined of one that was there before the hub. */
  cameAtMs: number | undefined
  readonly devices: Map<string, Zigbee>
  /** As they were listed last. */
  listed: readonly Entry[]
  groups: readonly Entry[]
}

type Entry = Readonly<Record<string, unknown>>

/** A device or a group. */
interface Zigbee {
  readonly id: string
  readonly name: string
  /** What it was made of: the same again is nothing new. */
  readonly definition: string
  readonly exposed: Exposed
  /** By its own availability; undefined when it has none. */
  isThere: boolean | undefined
  /** What it has said last, as text, by key. */
  readonly last: Map<string, string>
  lastSeen: unknown
  askedAtMs: number | undefined
}

/** For so long after it has come, a gateway tells what it remembers; it waits 30 s after a birth message. */
const repeatsForMs = 60_000

/** A device that is asked answers within this, or not at all. */
const answersWithinMs = 10_000

export const zigbee2mqtt: Profile = {
  name: 'zigbee2mqtt',
  open: (hub) => {
    const bridges = new Map<string, Bridge>()
    const hear = (ending: string, hearing: (bridge: Bridge, message: HeardMessage) => void) => {
      hub.claim('bridges', `#/bridge/${ending}`, (message) => {
        const base = message.topic.slice(0, -`/bridge/${ending}`.length)
        const bridge = bridges.get(base) ?? open(hub, bridges, base)
        // What a broker has kept tells nothing of when.
        if (!message.isPast) bridge.cameAtMs ??= hub.clock.nowMs()
        hearing(bridge, message)
      })
    }
    hear('devices', (bridge, { payload }) => hearDevices(hub, bridge, payload.value))
    hear('groups', (bridge, { payload }) => hearGroups(hub, bridge, payload.value))
    hear('state', (bridge, message) => hearBridge(hub, bridge, message))
    hear('logging', (bridge, message) => hearLog(hub, bridge, message))
    // Home Assistant has started: gateways tell it all that they remember.
    hub.listen('homeassistant/status', ({ payload, isPast }) => {
      if (isPast || String(payload.bytes) !== 'online') return
      for (const bridge of bridges.values()) bridge.cameAtMs = hub.clock.nowMs()
    })
  },
}

function open(hub: ProfileHub, bridges: Map<string, Bridge>, base: string): Bridge {
  const bridge: Bridge = {
    ...{ base, isThere: null, cameAtMs: undefined, devices: new Map(), groups: [] },
    listed: [],
  }
  bridges.set(base, bridge)
  // What else it says of itself is no device.
  hub.claim(base, `${base}/bridge/#`, () => {})
  return bridge
}

/** `{"state":"online"}`, or the bare word of old; undefined for anything else. */
function isOnline(value: unknown): boolean | undefined {
  const word = isRecord(value) ? value['state'] : value
  return word === 'online' ? true : word === 'offline' ? false : undefined
}

function hearBridge(hub: ProfileHub, bridge: Bridge, { payload, isPast }: HeardMessage): void {
  const isThere = isOnline(payload.value)
  if (isThere === undefined) return
  if (isThere && bridge.isThere !== true && !isPast) bridge.cameAtMs = hub.clock.nowMs()
  bridge.isThere = isThere
  for (const device of bridge.devices.values()) tellAvailable(hub, bridge, device)
}

function tellAvailable(hub: ProfileHub, bridge: Bridge, { id, isThere }: Zigbee): void {
  hub.available(id, bridge.isThere === true ? (isThere ?? true) : bridge.isThere)
}

// --- which devices there are ---

function hearDevices(hub: ProfileHub, bridge: Bridge, value: unknown): void {
  if (!Array.isArray(value)) return
  bridge.listed = value.filter(isRecord)
  lookThrough(hub, bridge)
}

function hearGroups(hub: ProfileHub, bridge: Bridge, value: unknown): void {
  if (!Array.isArray(value)) return
  bridge.groups = value.filter(isRecord)
  lookThrough(hub, bridge)
}

/** What a list tells of one device or group. */
interface Listed {
  readonly id: string
  readonly name: string
  readonly exposes: readonly unknown[]
  readonly facts: Pick<DeviceFacts, 'model' | 'firmware'>
  readonly isBattery: boolean
}

function lookThrough(hub: ProfileHub, bridge: Bridge): void {
  const { devices } = bridge
  const all = [
    ...bridge.listed.flatMap(deviceIn),
    ...bridge.groups.flatMap((each) => groupIn(bridge, each)),
  ]
  const ids = new Set(all.map(({ id }) => id))
  for (const { id } of devices.values()) if (!ids.has(id)) leave(hub, bridge, id)
  for (const listed of all) {
    const definition = JSON.stringify(listed)
    if (devices.get(listed.id)?.definition !== definition)
      add(hub, bridge, { ...listed, definition })
  }
}

function deviceIn(entry: Entry): Listed[] {
  const { ieee_address: id, friendly_name: name, disabled, definition } = entry
  if (typeof id !== 'string' || typeof name !== 'string' || disabled === true) return []
  if (!isRecord(definition) || !Array.isArray(definition['exposes'])) return []
  const { vendor, model, exposes } = definition
  const firmware = entry['software_build_id']
  return [
    {
      ...{ id, name, exposes, isBattery: entry['power_source'] === 'Battery' },
      facts: {
        model: [vendor, model].filter((each) => typeof each === 'string').join(' '),
        firmware: typeof firmware === 'string' ? firmware : '',
      },
    },
  ]
}

/** A group does what its members do together. */
function groupIn({ base, listed }: Bridge, group: Entry): Listed[] {
  const { id, friendly_name: name, members } = group
  if (typeof id !== 'number' || typeof name !== 'string' || !Array.isArray(members)) return []
  const addresses = members.filter(isRecord).map((member) => member['ieee_address'])
  const ofMembers = listed.filter((each) => addresses.includes(each['ieee_address']))
  const exposes = ofMembers
    .flatMap(deviceIn)
    .flatMap((each) =>
      each.exposes.filter((one) => isRecord(one) && Array.isArray(one['features'])),
    )
  const own = base === 'zigbee2mqtt' ? `group:${id}` : `${base}/group:${id}`
  return exposes.length === 0 ? [] : [{ id: own, name, exposes, isBattery: false, facts: {} }]
}

function leave(hub: ProfileHub, bridge: Bridge, id: string): void {
  hub.release(`${bridge.base} ${id}`)
  hub.forget(id)
  bridge.devices.delete(id)
}

function add(
  hub: ProfileHub,
  bridge: Bridge,
  { id, name, exposes, facts, isBattery, definition }: Listed & { readonly definition: string },
): void {
  const { base, devices } = bridge
  const topic = `${base}/${name}`
  // A name with wildcards is one that Zigbee2MQTT has refused as well.
  if (/[+#]/.test(topic)) {
    hub.leaveOut(topic, 'expected a friendly name without + and #')
    return
  }
  const exposed = readExposes(exposes)
  const before = devices.get(id)
  const device: Zigbee = {
    ...{ id, name, definition, exposed, isThere: before?.isThere },
    ...{ last: before?.last ?? new Map(), lastSeen: before?.lastSeen, askedAtMs: undefined },
  }
  devices.set(id, device)
  const place = { node: id, kind: exposed.kind, name, ...facts }
  hub.device(
    id,
    exposed.canBeAsked ? { ...place, ...asking(hub, device, { topic, isBattery }) } : place,
  )
  hub.release(`${base} ${id}`)
  claimTopics(hub, bridge, device)
  tellAvailable(hub, bridge, device)
}

function asking(
  hub: ProfileHub,
  device: Zigbee,
  { topic, isBattery }: { readonly topic: string; readonly isBattery: boolean },
): Partial<DeviceFacts> {
  const { exposed } = device
  const ask = (asked: Ask): Outgoing[] => [
    { topic: `${topic}/set`, payload: JSON.stringify(exposed.write(asked)), qos: 1 },
  ]
  const common = {
    ask,
    askKeys: exposed.askKeys,
    ranges: exposed.ranges,
    timeoutMs: answersWithinMs,
    tolerance: exposed.tolerance,
    isConfirmable: exposed.isConfirmable,
  }
  // Who sleeps does not hear it, and nothing is gained by asking the gateway's memory.
  if (isBattery || exposed.gettable.length === 0) return common
  return {
    ...common,
    question: () => {
      device.askedAtMs = hub.clock.nowMs()
      const payload = JSON.stringify(Object.fromEntries(exposed.gettable.map((key) => [key, ''])))
      return [{ topic: `${topic}/get`, payload, qos: 0 }]
    },
  }
}

function claimTopics(hub: ProfileHub, bridge: Bridge, device: Zigbee): void {
  const owner = `${bridge.base} ${device.id}`
  const topic = `${bridge.base}/${device.name}`
  hub.claim(owner, topic, ({ payload }) => hearDevice(hub, { bridge, device }, payload.value))
  hub.claim(owner, `${topic}/availability`, ({ payload }) => {
    device.isThere = isOnline(payload.value)
    tellAvailable(hub, bridge, device)
  })
  hub.claim(owner, `${topic}/get`, () => {})
  hub.claim(owner, `${topic}/+/set`, () => {})
  hub.claim(owner, `${topic}/set`, ({ payload, isPast }) => {
    if (!isPast) observe(hub, device, payload.value)
  })
  hub.claim(owner, `${topic}/set/+`, ({ topic: asked, payload, isPast }) => {
    const property = asked.slice(topic.length + '/set/'.length)
    if (!isPast) observe(hub, device, { [property]: payload.value })
  })
}

/** What somebody else asks: a JSON, or the bare word for the state. */
function observe(hub: ProfileHub, { id, exposed }: Zigbee, value: unknown): void {
  const asked = exposed.read(isRecord(value) ? value : { state: value })
  if (Object.keys(asked).length > 0) hub.observe(id, asked)
}

// --- what they say ---

/**
 * The gateway tells all that it knows of a device whenever it hears one thing of it. What has changed is the
 * device's own word, and so is all when it was asked or has been seen since; the rest is memory, and so is what is
 * told for the first time while the gateway repeats all that it remembers.
 */
function hearDevice(
  hub: ProfileHub,
  { bridge, device }: { readonly bridge: Bridge; readonly device: Zigbee },
  value: unknown,
): void {
  if (!isRecord(value)) return
  const { id, last, exposed } = device
  const isOwn = isAnswer(hub, device) || isSeen(device, value['last_seen'])
  const { cameAtMs = Number.NEGATIVE_INFINITY } = bridge
  const repeats = hub.clock.nowMs() - cameAtMs < repeatsForMs
  const said = Object.entries(exposed.read(value))
  const news: [string, Report[string]][] = []
  const memory: [string, Report[string]][] = []
  for (const [key, each] of said) {
    const text = JSON.stringify(each)
    const before = last.get(key)
    const isNew = before === undefined ? !repeats : before !== text || key === 'event'
    last.set(key, text)
    ;(isOwn || isNew ? news : memory).push([key, each])
  }
  if (memory.length > 0) hub.report(id, Object.fromEntries(memory), 'memory')
  if (news.length > 0) hub.report(id, Object.fromEntries(news))
}

/** Whether the device was asked just now. One question has one answer. */
function isAnswer(hub: ProfileHub, device: Zigbee): boolean {
  const { askedAtMs } = device
  device.askedAtMs = undefined
  return askedAtMs !== undefined && hub.clock.nowMs() - askedAtMs <= answersWithinMs
}

/** `last_seen`, where the gateway is told to say it, is later than before. */
function isSeen(device: Zigbee, lastSeen: unknown): boolean {
  const { lastSeen: before } = device
  device.lastSeen = lastSeen ?? before
  return before !== undefined && lastSeen !== undefined && lastSeen !== before
}

/** `Publish 'set' 'state' to 'plug' failed: '…'`, with whatever stands before it. */
function hearLog(hub: ProfileHub, bridge: Bridge, { payload, isPast }: HeardMessage): void {
  const { value } = payload
  const text = isRecord(value) && value['level'] === 'error' ? String(value['message']) : ''
  const [, what] = text.split(" to '", 2)
  const isAbout = (name: string) => what?.startsWith(`${name}' failed: '`) === true
  const device = [...bridge.devices.values()].find(({ name }) => isAbout(name))
  if (device === undefined || isPast) return
  if (text.includes("Publish 'set' ")) {
    hub.refuse(
      device.id,
      text.slice(text.indexOf("failed: '") + "failed: '".length).replace(/'$/, ''),
    )
  } else if (text.includes("Publish 'get' ")) device.askedAtMs = undefined
}
