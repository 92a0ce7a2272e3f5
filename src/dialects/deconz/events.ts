/** What happens in the house, as events on websockets. */
import type { AlarmClock } from '../../core/clock.ts'
import { isRecord, parseJson } from '../../core/json.ts'
import type { Visitor } from '../../nodes/served/dialect-users.ts'
import type { DeviceEvent, SeenDevices } from '../../nodes/served/seen-devices.ts'
import { createEventMemory, type EventMemory } from '../event-memory.ts'
import type { Codec, ServedLink } from '../served-dialect.ts'
import { type Crowd, createCrowd } from '../subscribers.ts'
import {
  configOf,
  groupStateOf,
  isButton,
  lightStateOf,
  minuteOf,
  type Names,
  resourceOf,
  type Shown,
  shownOf,
  stateOf,
  uniqueIdOf,
} from './resources.ts'

export interface Telling {
  readonly memory: EventMemory
  /** Tells a link what happens from now on; the answer ends that. */
  join(link: ServedLink, visitor: Visitor): () => void
  /** A device is called otherwise. */
  renamed(shown: Shown): void
  close(): void
}

interface TellingOptions {
  readonly devices: SeenDevices
  readonly names: Names
  readonly clock: Pick<AlarmClock, 'after'>
}

/** The number of the group of all lights in events, though its id is 0: so does the original. */
const groupOfAllId = '65520'

export function createTelling({ devices, names, clock }: TellingOptions): Telling {
  const crowd = createCrowd()
  const told = createTold()
  const memory = createEventMemory({
    clock,
    onAbsence: (number) => {
      const device = devices.get(number)
      const shown = device && shownOf(device)
      if (shown !== undefined) tellState(shown, { crowd, memory })
    },
  })
  const lights = new Map<number, Shown>()
  const tellers = { crowd, told, memory, names }
  const stop = devices.onEvent((event, device) => {
    const shown = shownOf(device)
    if (shown === undefined) return
    acts[event](shown, tellers)
    if (shown.column.resource !== 'lights') return
    const before = isOn(lights.get(device.number))
    if (event === 'deleted') lights.delete(device.number)
    else lights.set(device.number, shown)
    if (isOn(lights.get(device.number)) !== before) tellGroup(lights, tellers)
  })
  for (const device of devices.all()) {
    const shown = shownOf(device)
    if (shown === undefined) continue
    learn(shown, tellers)
    if (shown.column.resource === 'lights') lights.set(device.number, shown)
  }
  return {
    memory,
    join: (link, visitor) => {
      told.isNewTo(link, groupStateFor(visitor, lights))
      return crowd.join(link, visitor)
    },
    renamed: (shown) => tell(shown, { e: 'changed', attr: { name: names.of(shown) } }, crowd),
    close: () => {
      stop()
      memory.close()
    },
  }
}

/** What telling takes. */
interface Tellers {
  readonly crowd: Crowd
  readonly told: Told
  readonly memory: EventMemory
  readonly names: Names
}

/** What to do with each kind of event. */
const acts: Readonly<Record<DeviceEvent, (shown: Shown, tellers: Tellers) => void>> = {
  added: (shown, tellers) => {
    learn(shown, tellers)
    const { memory, names, crowd } = tellers
    const resource = resourceOf(shown, { memory, nameOf: names.of })
    tell(shown, { e: 'added', [shown.column.resource.slice(0, -1)]: resource }, crowd)
  },
  reported: (shown, { crowd, told, memory }) => {
    const hasHappened = memory.report(shown.device, shown.row)
    // A sensor has measured anew, also when it measured the same; a button measures nothing.
    const isNews =
      shown.column.resource === 'lights'
        ? told.isNew(shown, 'state', stateOf(shown, memory))
        : hasHappened || !isButton(shown)
    if (isNews) tellState(shown, { crowd, memory })
    const lastseen = minuteOf(shown.device.heardAtMs)
    if (told.isNew(shown, 'lastseen', lastseen)) {
      tell(shown, { e: 'changed', attr: { lastseen } }, crowd)
    }
  },
  online: (shown, { crowd, told, memory }) => {
    if (shown.column.resource === 'lights') {
      if (told.isNew(shown, 'state', stateOf(shown, memory))) tellState(shown, { crowd, memory })
      return
    }
    const config = configOf(shown)
    if (told.isNew(shown, 'config', config)) tell(shown, { e: 'changed', config }, crowd)
  },
  deleted: (shown, { crowd, told, memory, names }) => {
    tell(shown, { e: 'deleted' }, crowd)
    memory.forget(shown.device.number)
    told.forget(shown)
    names.forget(shown.device.topic)
  },
}

type What = Pick<DeconzEvent, 'e'> & Readonly<Record<string, unknown>>

function tell(shown: Shown, what: What, crowd: Crowd): void {
  const { number, topic } = shown.device
  const { resource } = shown.column
  const event = { ...what, id: String(number), r: resource, t: 'event' } as const
  const frame = eventCodec.encode({ ...event, uniqueid: uniqueIdOf(shown) })
  crowd.tell(topic, frame, keyOf(shown, what))
}

function tellState(shown: Shown, { crowd, memory }: Pick<Tellers, 'crowd' | 'memory'>): void {
  tell(shown, { e: 'changed', state: stateOf(shown, memory) }, crowd)
}

/** By their numbers, as they were seen last: to look at all devices for each report is too much. */
type Lights = ReadonlyMap<number, Shown>

/** Undefined when there is no such light. */
function isOn(light: Shown | undefined): boolean | null | undefined {
  return light && lightStateOf(light).on
}

function tellGroup(lights: Lights, { crowd, told }: Pick<Tellers, 'crowd' | 'told'>): void {
  crowd.each((link, visitor) => {
    const state = groupStateFor(visitor, lights)
    const event = { e: 'changed', id: groupOfAllId, r: 'groups', state, t: 'event' } as const
    if (told.isNewTo(link, state)) link.send(eventCodec.encode(event), 'groups')
  })
}

function groupStateFor(visitor: Visitor, lights: Lights) {
  return groupStateOf([...lights.values()].filter(({ device }) => visitor.mayRead(device.topic)))
}

/** What is known at the start is no news. */
function learn(shown: Shown, { memory, told }: Tellers): void {
  memory.report(shown.device, shown.row)
  told.isNew(shown, 'lastseen', minuteOf(shown.device.heardAtMs))
  if (shown.column.resource === 'sensors') told.isNew(shown, 'config', configOf(shown))
  else told.isNew(shown, 'state', stateOf(shown, memory))
}

/** Of a slow reader, the latest state takes the place of earlier ones; what only happens never. */
function keyOf({ device, row }: Shown, what: What): string | undefined {
  if (what['e'] !== 'changed' || row.form === 'events') return undefined
  return `${device.number} ${['state', 'config', 'attr'].find((section) => section in what)}`
}

type Told = ReturnType<typeof createTold>

/** What was told last, so that only news is. */
function createTold() {
  const latest = new Map<string, string>()
  const groups = new WeakMap<ServedLink, string>()
  const sections = ['state', 'config', 'lastseen'] as const
  const nameOf = ({ device }: Shown, section: string) => `${device.number} ${section}`
  return {
    isNew: (shown: Shown, section: (typeof sections)[number], value: unknown) => {
      const name = nameOf(shown, section)
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
    forget: (shown: Shown) => {
      for (const section of sections) latest.delete(nameOf(shown, section))
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
