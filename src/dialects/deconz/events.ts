/** What happens in the house, as events on websockets. */
import type { AlarmClock } from '../../core/clock.ts'
import { isRecord, parseJson } from '../../core/json.ts'
import type { DialectUser } from '../../nodes/served/dialect-users.ts'
import type { DeviceEvent, SeenDevice, SeenDevices } from '../../nodes/served/seen-devices.ts'
import { createEventMemory, type EventMemory } from '../event-memory.ts'
import {
  type Codec,
  createSubscribers,
  type ServedLink,
  type Subscribers,
} from '../served-dialect.ts'
import {
  configSection,
  describeResource,
  groupOfAllId,
  groupStateOf,
  isButton,
  isInGroupOfAll,
  isLightOn,
  minuteOf,
  type Names,
  type Resource,
  resourcesOf,
  stateSection,
  uniqueIdOf,
} from './resources.ts'

export interface DeconzEvents {
  readonly memory: EventMemory
  /** Tells a link what happens from now on; the returned function ends that. */
  join(link: ServedLink, dialectUser: DialectUser): () => void
  /** A device is called otherwise. */
  renamed(resource: Resource): void
  close(): void
}

interface EventsOptions {
  readonly devices: SeenDevices
  readonly names: Names
  readonly clock: Pick<AlarmClock, 'after'>
}

export function createDeconzEvents({ devices, names, clock }: EventsOptions): DeconzEvents {
  const subscribers = createSubscribers()
  const lastSent = createLastSent()
  const memory = createEventMemory({
    clock,
    onAbsence: (number) => {
      const device = devices.get(number)
      for (const resource of device ? resourcesOf(device) : []) {
        if (resource.row.kind === 'pir') tellState(resource, { subscribers, memory })
      }
    },
  })
  const known = createKnown()
  const lights = new Map<string, Resource>()
  const parts = { subscribers, lastSent, memory, names }
  const stop = devices.onEvent((event, device) => {
    for (const [resource, what] of known.take(event, device)) {
      acts[what](resource, parts)
      if (isInGroupOfAll(resource)) followLight(what, resource, { lights, parts })
    }
  })
  for (const device of devices.all()) {
    const resources = resourcesOf(device)
    known.take('added', device)
    for (const resource of resources) {
      learn(resource, parts)
      if (isInGroupOfAll(resource)) lights.set(resource.id, resource)
    }
  }
  return {
    memory,
    join: (link, dialectUser) => {
      lastSent.isNewTo(link, groupStateFor(dialectUser, lights))
      return subscribers.join(link, dialectUser)
    },
    renamed: (resource) => tellName(resource, parts),
    close: () => {
      stop()
      memory.close()
    },
  }
}

/** The resources of each device, as they were last: what is deleted is told as it was. */
function createKnown() {
  const known = new Map<number, readonly Resource[]>()
  return {
    /** What has happened to which resources of a device, of which this has happened. */
    take: (event: DeviceEvent, device: SeenDevice): [Resource, DeviceEvent][] => {
      const before = known.get(device.number) ?? []
      if (event === 'deleted') {
        known.delete(device.number)
        return before.map((resource) => [resource, event])
      }
      const now = resourcesOf(device)
      known.set(device.number, now)
      // A device may tell of something for the first time long after it came.
      const isNew = (resource: Resource) => !before.some(({ id }) => id === resource.id)
      return now.map((resource) => [resource, isNew(resource) ? 'added' : event])
    },
  }
}

/** Tells of the group when a light that is in it went on or off, came or went. */
function followLight(
  event: DeviceEvent,
  light: Resource,
  { lights, parts }: { readonly lights: Map<string, Resource>; readonly parts: EventParts },
): void {
  const before = isOn(lights.get(light.id))
  if (event === 'deleted') lights.delete(light.id)
  else lights.set(light.id, light)
  if (isOn(lights.get(light.id)) !== before) tellGroup(lights, parts)
}

/** What it takes to tell of an event. */
interface EventParts {
  readonly subscribers: Subscribers
  readonly lastSent: LastSent
  readonly memory: EventMemory
  readonly names: Names
}

/** What to do with each kind of event. */
const acts: Readonly<Record<DeviceEvent, (resource: Resource, parts: EventParts) => void>> = {
  added: (resource, parts) => {
    learn(resource, parts)
    const { memory, names, subscribers } = parts
    const description = describeResource(resource, { memory, nameOf: names.of })
    tell(
      resource,
      { e: 'added', [resource.column.resource.slice(0, -1)]: description },
      subscribers,
    )
  },
  reported: (resource, { subscribers, lastSent, memory }) => {
    const hasHappened = memory.report(resource.device, resource.row)
    // A sensor has measured anew, also when it measured the same; a button measures nothing.
    const isNews =
      resource.column.resource === 'lights'
        ? lastSent.isNew(resource, 'state', stateSection(resource, memory))
        : hasHappened || !isButton(resource)
    if (isNews) tellState(resource, { subscribers, memory })
    const lastseen = minuteOf(resource.device.heardAtMs)
    if (lastSent.isNew(resource, 'lastseen', lastseen)) {
      tell(resource, { e: 'changed', attr: { lastseen } }, subscribers)
    }
  },
  reachable: (resource, { subscribers, lastSent, memory }) => {
    if (resource.column.resource === 'lights') {
      if (lastSent.isNew(resource, 'state', stateSection(resource, memory)))
        tellState(resource, { subscribers, memory })
      return
    }
    const config = configSection(resource)
    if (lastSent.isNew(resource, 'config', config))
      tell(resource, { e: 'changed', config }, subscribers)
  },
  labelled: tellName,
  deleted: (resource, { subscribers, lastSent, memory, names }) => {
    tell(resource, { e: 'deleted' }, subscribers)
    memory.forget(resource.device.number)
    lastSent.forget(resource)
    names.forget(resource)
  },
}

type What = Pick<DeconzEvent, 'e'> & Readonly<Record<string, unknown>>

function tell(resource: Resource, what: What, subscribers: Subscribers): void {
  const { topic } = resource.device
  const { resource: kind } = resource.column
  const event = { ...what, id: resource.id, r: kind, t: 'event' } as const
  const frame = eventCodec.encode({ ...event, uniqueid: uniqueIdOf(resource) })
  subscribers.tell(topic, frame, keyOf(resource, what))
}

function tellName(
  resource: Resource,
  { subscribers, names }: Pick<EventParts, 'subscribers' | 'names'>,
): void {
  tell(resource, { e: 'changed', attr: { name: names.of(resource) } }, subscribers)
}

function tellState(
  resource: Resource,
  { subscribers, memory }: Pick<EventParts, 'subscribers' | 'memory'>,
): void {
  tell(resource, { e: 'changed', state: stateSection(resource, memory) }, subscribers)
}

/** By their ids, as they were seen last: to look at all devices for each report is too much. */
type Lights = ReadonlyMap<string, Resource>

/** Undefined when there is no such light. */
function isOn(light: Resource | undefined): boolean | null | undefined {
  return light && isLightOn(light)
}

function tellGroup(
  lights: Lights,
  { subscribers, lastSent }: Pick<EventParts, 'subscribers' | 'lastSent'>,
): void {
  subscribers.each((link, dialectUser) => {
    const state = groupStateFor(dialectUser, lights)
    const event = { e: 'changed', id: groupOfAllId, r: 'groups', state, t: 'event' } as const
    if (lastSent.isNewTo(link, state)) link.send(eventCodec.encode(event), 'groups')
  })
}

function groupStateFor(dialectUser: DialectUser, lights: Lights) {
  return groupStateOf(
    [...lights.values()].filter(({ device }) => dialectUser.mayRead(device.topic)),
  )
}

/** What is known at the start is no news. */
function learn(resource: Resource, { memory, lastSent }: EventParts): void {
  memory.report(resource.device, resource.row)
  lastSent.isNew(resource, 'lastseen', minuteOf(resource.device.heardAtMs))
  if (resource.column.resource === 'sensors')
    lastSent.isNew(resource, 'config', configSection(resource))
  else lastSent.isNew(resource, 'state', stateSection(resource, memory))
}

/** Of a slow reader, the latest state takes the place of earlier ones; what only happens never. */
function keyOf({ id, row }: Resource, what: What): string | undefined {
  if (what['e'] !== 'changed' || row.form === 'events' || row.form === 'event') return undefined
  return `${id} ${['state', 'config', 'attr'].find((section) => section in what)}`
}

type LastSent = ReturnType<typeof createLastSent>

/** What was sent last, so that only news is. */
function createLastSent() {
  const latest = new Map<string, string>()
  const groups = new WeakMap<ServedLink, string>()
  const sections = ['state', 'config', 'lastseen'] as const
  const nameOf = ({ id }: Resource, section: string) => `${id} ${section}`
  return {
    isNew: (resource: Resource, section: (typeof sections)[number], value: unknown) => {
      const name = nameOf(resource, section)
      const text = JSON.stringify(value)
      const isNew = latest.get(name) !== text
      latest.set(name, text)
      return isNew
    },
    isNewTo: (link: ServedLink, value: unknown) => {
      const text = JSON.stringify(value)
      const isNew = groups.get(link) !== text
      groups.set(link, text)
      return isNew
    },
    forget: (resource: Resource) => {
      for (const section of sections) latest.delete(nameOf(resource, section))
    },
  }
}

/** What a gateway tells on its websocket: one JSON object a frame. */
export interface DeconzEvent {
  readonly t: 'event'
  readonly e: 'added' | 'changed' | 'deleted' | 'scene-called'
  readonly r: 'lights' | 'sensors' | 'groups' | 'scenes' | 'alarmsystems'
  /** All but `scene-called` have one. */
  readonly id?: string
  /** Of lights and sensors, since 2018. */
  readonly uniqueid?: string
  /** One section of what has changed, a bare attribute of a group, or the resource that was added. */
  readonly [section: string]: unknown
}

const kinds: ReadonlySet<unknown> = new Set(['added', 'changed', 'deleted', 'scene-called'])
const resources: ReadonlySet<unknown> = new Set([
  'lights',
  'sensors',
  'groups',
  'scenes',
  'alarmsystems',
])

export const eventCodec: Codec<DeconzEvent> = {
  decode: (frame) => {
    const value = parseJson(frame)
    return isEvent(value) ? value : undefined
  },
  encode: (event) => JSON.stringify(event),
}

function isEvent(value: unknown): value is DeconzEvent {
  if (!isRecord(value) || value['t'] !== 'event') return false
  if (!kinds.has(value['e']) || !resources.has(value['r'])) return false
  const isText = (key: string) => typeof value[key] === 'string'
  if (value['e'] === 'scene-called') return isText('gid') && isText('scid')
  return isText('id') && (value['uniqueid'] === undefined || isText('uniqueid'))
}
