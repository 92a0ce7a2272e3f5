/** All that the page knows of nodes and devices: asked of the hub when it connects, and kept up to date by what is said. */
import { batch, effect, type Signal, signal } from '@preact/signals'
import type { HubDevice, HubLabel } from '../../client/index.ts'
import { hubTime } from '../clock.ts'
import { askQuietly } from '../failures.tsx'
import { type Line, link, onLabel, onLine } from '../link.ts'
import { isOperator } from '../session.ts'
import { loadPast, type Past, remember } from './past.ts'

/** What is known of a device's state. */
export interface DeviceState {
  readonly value: unknown
  /** False when what it reported last is history: its node is away, or has started anew. */
  readonly isKnown: boolean
  /** When it reported, in milliseconds since 1970. */
  readonly atMs: number | undefined
  readonly rhythmMs: number | undefined
  /** Who said so, where that is not the node. */
  readonly toldBy: string | undefined
  /** The hub or a witness says that something is not as the device says. */
  readonly warning: string | undefined
}

/** Who commanded a device, and what became of it: an entry of `GET /api/commands`. */
export interface LoggedCommand {
  readonly id: string
  readonly at: string
  readonly user: string
  readonly address: string
  readonly way: string
  readonly device: string
  readonly asked: unknown
  readonly receipt: string
  readonly code?: string
  readonly message?: string
  readonly afterMs: number
}

export interface Lock {
  readonly device: string
  readonly by: string
  readonly reason: string
  readonly at: string
}

/** What was asked of a device and is not yet so. */
export interface Asked {
  readonly payload: unknown
  readonly sinceMs: number
  /** `other` when somebody else has asked. */
  readonly by: 'me' | 'other'
}

/** How a command of ours ended, when it is worth a word. */
export interface Outcome {
  readonly receipt: string
  readonly code: string | undefined
  readonly message: string | undefined
}

export interface Device {
  readonly topic: string
  /** Below its node. */
  readonly name: string
  readonly kind: string
  readonly role: 'sensor' | 'actuator' | 'notification'
  readonly node: HouseNode
  /** What people call it, and where it is. */
  readonly label: Signal<HubLabel>
  /** What it can be set to, by key, as far as its profile tells. */
  readonly settable: Signal<NonNullable<HubDevice['settable']>>
  /** When the hub turns it off, whoever has said so. */
  readonly autoOff: Signal<NonNullable<HubDevice['autoOff']>>
  readonly state: Signal<DeviceState>
  readonly asked: Signal<Asked | undefined>
  readonly outcome: Signal<Outcome | undefined>
  readonly lock: Signal<Lock | undefined>
  readonly lastSwitch: Signal<LoggedCommand | undefined>
  readonly past: Signal<Past>
}

export interface HouseNode {
  readonly base: string
  readonly online: Signal<boolean | null>
  /** Whether it is connected, and nothing has been heard of it for long. */
  readonly isSilent: Signal<boolean>
  readonly lastSeenMs: Signal<number | undefined>
  readonly firmware: Signal<string | undefined>
  readonly devices: Signal<readonly Device[]>
}

/** In the order of their bases. Undefined until the hub has told of them. */
export const nodes = signal<readonly HouseNode[] | undefined>(undefined)

const nodesByBase = new Map<string, HouseNode>()
const devicesByTopic = new Map<string, Device>()

export function deviceOf(topic: string): Device | undefined {
  return devicesByTopic.get(topic)
}

/** Nodes and devices as `GET /api/nodes` has them: docs/nodes.md. */
interface NodeAnswer {
  readonly base: string
  readonly online: boolean | null
  readonly lastSeen: string | null
  readonly stale?: true
  readonly firmware?: string
  readonly devices: readonly DeviceAnswer[]
}

interface DeviceAnswer extends HubLabel, Pick<HubDevice, 'settable' | 'autoOff'> {
  readonly name: string
  readonly topic: string
  readonly kind: string
  readonly role: Device['role']
  readonly value: unknown
  readonly known?: false
  readonly lastValue?: unknown
  readonly toldBy?: string
  readonly at: string | null
  readonly rhythmMs?: number
}

/** What the hub does not tell by itself, such as nodes that go, is asked for so often. */
const refreshMs = 15_000

/** Keeps what is known up to date while there is a connection, until the returned function is called. */
export function keepHouse(): () => void {
  const stopHearing = onLine(hear)
  const stopLabels = onLabel((label, topic) => {
    const device = devicesByTopic.get(topic)
    if (device !== undefined) relabelled(device, label)
  })
  const timer = setInterval(() => {
    if (link.peek().is === 'open' && !document.hidden) refreshSoon(0)
  }, refreshMs)
  // What is known can be shown before what comes can be heard.
  void refreshAll()
  const stopWatching = effect(() => {
    if (link.value.is !== 'open') return
    openedAtMs = performance.now()
    void refreshAll()
  })
  return () => {
    stopHearing()
    stopLabels()
    clearInterval(timer)
    stopWatching()
    clearTimeout(refreshTimer)
    nodes.value = undefined
    nodesByBase.clear()
    devicesByTopic.clear()
  }
}

let openedAtMs = 0

async function refreshAll(): Promise<void> {
  await refresh()
  await Promise.all([loadLog(), ...(nodes.peek() ?? []).map(loadPast)])
}

let refreshTimer: ReturnType<typeof setTimeout> | undefined
let refreshAtMs = Number.POSITIVE_INFINITY

/** Asks the hub for nodes and locks anew, within `delayMs`. */
export function refreshSoon(delayMs = 400): void {
  const atMs = performance.now() + delayMs
  if (atMs >= refreshAtMs) return
  clearTimeout(refreshTimer)
  refreshAtMs = atMs
  refreshTimer = setTimeout(() => void refresh(), delayMs)
}

/** Devices that have been heard since a time are not told anew by an answer that was asked for before. */
const heardSince = new Set<string>()

async function refresh(): Promise<void> {
  refreshAtMs = Number.POSITIVE_INFINITY
  heardSince.clear()
  const [told, locked] = await Promise.all([
    askQuietly<{ nodes: NodeAnswer[] }>('api/nodes'),
    askQuietly<{ locks: Lock[] }>('api/locks'),
  ])
  batch(() => {
    if (told !== undefined) nodes.value = told.nodes.map(learnNode)
    if (locked === undefined) return
    const lockOf = new Map(locked.locks.map((lock) => [lock.device, lock]))
    for (const device of devicesByTopic.values()) device.lock.value = lockOf.get(device.topic)
  })
}

function learnNode(answer: NodeAnswer): HouseNode {
  const node = nodesByBase.get(answer.base) ?? newNode(answer.base)
  nodesByBase.set(answer.base, node)
  node.online.value = answer.online
  node.isSilent.value = answer.stale === true
  node.lastSeenMs.value = timeIn(answer.lastSeen)
  node.firmware.value = answer.firmware
  const devices = answer.devices.map((device) => learnDevice(node, device))
  if (!isSameList(node.devices.peek(), devices)) node.devices.value = devices
  return node
}

function isSameList(one: readonly Device[], other: readonly Device[]): boolean {
  return one.length === other.length && one.every((device, at) => device === other[at])
}

function newNode(base: string): HouseNode {
  return {
    base,
    online: signal(null),
    isSilent: signal(false),
    lastSeenMs: signal(undefined),
    firmware: signal(undefined),
    devices: signal([]),
  }
}

function learnDevice(node: HouseNode, answer: DeviceAnswer): Device {
  const { topic, name, kind, role } = answer
  const known = devicesByTopic.get(topic)
  const device = known?.role === role ? known : newDevice({ topic, name, kind, role, node })
  devicesByTopic.set(topic, device)
  setLabel(device, answer)
  setOnChange(device.settable, answer.settable ?? {})
  setOnChange(device.autoOff, answer.autoOff ?? {})
  if (!heardSince.has(topic)) {
    device.state.value = {
      value: answer.known === false ? answer.lastValue : answer.value,
      isKnown: answer.known !== false,
      atMs: timeIn(answer.at),
      rhythmMs: answer.rhythmMs,
      toldBy: answer.toldBy,
      warning: device.state.peek().warning,
    }
  }
  return device
}

/** A device is called otherwise; when it is turned off now, the hub knows. */
export function relabelled(device: Device, told: HubLabel): void {
  const { autoOffSeconds } = device.label.peek()
  setLabel(device, told)
  if (told.autoOffSeconds !== autoOffSeconds) refreshSoon(0)
}

/** The same as before draws nothing anew. */
function setLabel(device: Device, told: HubLabel): void {
  const { title, room, icon, order, hidden, favorite, autoOffSeconds } = told
  const label = { title, room, icon, order, hidden, favorite, autoOffSeconds }
  const known = Object.entries(label).filter(([, value]) => value !== undefined)
  setOnChange(device.label, Object.fromEntries(known))
}

function setOnChange<T>(told: Signal<T>, next: T): void {
  if (JSON.stringify(next) !== JSON.stringify(told.peek())) told.value = next
}

function newDevice(told: Pick<Device, 'topic' | 'name' | 'kind' | 'role' | 'node'>): Device {
  const nothing = { rhythmMs: undefined, toldBy: undefined, warning: undefined }
  return {
    ...told,
    label: signal({}),
    settable: signal({}),
    autoOff: signal({}),
    state: signal({ value: null, isKnown: true, atMs: undefined, ...nothing }),
    asked: signal(undefined),
    outcome: signal(undefined),
    lock: signal(undefined),
    lastSwitch: signal(undefined),
    past: signal(new Map()),
  }
}

function timeIn(text: string | null): number | undefined {
  return text === null ? undefined : Date.parse(text)
}

function hear(line: Line): void {
  const { topic, payload } = line
  const device = devicesByTopic.get(topic)
  if (device !== undefined) heardReport(device, line)
  else if (topic.endsWith('/set')) {
    const commanded = devicesByTopic.get(topic.slice(0, -'/set'.length))
    if (commanded !== undefined) heardCommand(commanded, payload)
  } else if (topic.endsWith('/error')) {
    const troubled = devicesByTopic.get(topic.slice(0, -'/error'.length))
    if (troubled !== undefined) heardError(troubled, payload)
  } else if (topic.endsWith('/-/presence') || isReport(topic)) refreshSoon(1000)
}

/** Whether a device may be behind a topic that is not known yet. */
function isReport(topic: string): boolean {
  return !/(^\$)|\/(get|config\/\w+|list\/\w+|history\/\w+)$/.test(topic) && !topic.includes('/-/')
}

/** Who connects is told last values, which the hub's answers have told already, and when they were reported. */
const catchUpMs = 3000

function heardReport(device: Device, { payload, atMs, isPast }: Line): void {
  const { rhythmMs, value } = device.state.peek()
  const isChange = JSON.stringify(value) !== JSON.stringify(payload)
  const isCaughtUp = isPast || performance.now() - openedAtMs < catchUpMs
  if (isCaughtUp && !isChange) return
  heardSince.add(device.topic)
  batch(() => {
    const state = { value: payload, isKnown: true, atMs, rhythmMs }
    device.state.value = { ...state, toldBy: undefined, warning: undefined }
    if (device.asked.peek()?.by === 'other') device.asked.value = undefined
    remember(device, payload, atMs)
  })
  if (isChange && device.role === 'actuator') loadLastSwitchSoon(device)
}

/** What a device may take before it counts as silent: docs/commands.md. */
const usualTimeoutMs = 5000

function heardCommand(device: Device, payload: unknown): void {
  if (device.asked.peek()?.by === 'me') return
  const asked: Asked = { payload, sinceMs: hubTime(), by: 'other' }
  device.asked.value = asked
  setTimeout(() => {
    if (device.asked.peek() !== asked) return
    device.asked.value = undefined
    loadLastSwitchSoon(device)
  }, usualTimeoutMs)
}

function heardError(device: Device, payload: unknown): void {
  const { code, message } = (payload ?? {}) as { code?: string; message?: string }
  const state = device.state.peek()
  const isUnknown = code === 'node-offline' || code === 'state-unknown'
  if (isUnknown) {
    device.state.value = { ...state, isKnown: false }
    refreshSoon()
  } else if (code === 'still-has-power' || code === 'without-effect') {
    device.state.value = { ...state, warning: message ?? code }
  }
}

/** What was switched longer ago is history. */
const logDays = 7

async function loadLog(): Promise<void> {
  if (!isOperator()) return
  await learnSwitches({ since: `${logDays}d`, limit: 1000 })
}

async function learnSwitches(query: Readonly<Record<string, string | number>>): Promise<void> {
  const log = await askQuietly<{ commands: LoggedCommand[] }>('api/commands', query)
  batch(() => {
    for (const entry of log?.commands.toReversed() ?? []) learnSwitch(entry)
  })
}

/** Ends by which something was switched, as far as anybody knows. */
const switched = ['confirmed', 'confirmed-late', 'already-so', 'by-itself', 'sent', 'accepted']

function learnSwitch(entry: LoggedCommand): void {
  const device = devicesByTopic.get(entry.device)
  if (device !== undefined && switched.includes(entry.receipt)) device.lastSwitch.value = entry
}

const lastSwitchTimers = new Map<Device, ReturnType<typeof setTimeout>>()

/** The log tells a moment later who has switched a device. */
function loadLastSwitchSoon(device: Device): void {
  if (!isOperator()) return
  clearTimeout(lastSwitchTimers.get(device))
  const load = () => void learnSwitches({ device: device.topic, limit: 5 })
  lastSwitchTimers.set(device, setTimeout(load, 300))
}
