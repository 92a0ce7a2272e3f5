/** The components of Home Assistant, as the devices of the hub that they are. Facts: www.home-assistant.io/integrations/mqtt. */
import { fieldOf, isRecord, parseJson } from '../../core/json.ts'
import type { MeasuredValue, Report, StateValue } from '../../nodes/profiles/profile.ts'
import { light } from './lights.ts'
import { climate, cover, fan, lock, valve } from './movers.ts'
import { type EntityPart, entityOfParts, switchPart } from './parts.ts'
import { type Entity, finiteIn, isUnknown, isWord, type Settings } from './settings.ts'

type Component = (settings: Settings) => Entity

/** One that is told and asked as `value`. */
function valuePart(
  read: EntityPart['read'],
  how: Pick<EntityPart, 'write'> & Pick<EntityPart, 'range'>,
): EntityPart {
  return {
    name: 'value',
    stateTopic: 'state_topic',
    stateTemplates: ['value_template'],
    commandTopic: 'command_topic',
    commandTemplate: 'command_template',
    read,
    ...how,
    asked: read,
  }
}

/** A siren without a template is told as JSON. */
function siren(settings: Settings): Entity {
  const hasTemplate = settings.has('command_template')
  const word = switchPart(settings)
  const json = (value: unknown) => JSON.stringify({ state: word.write(value) })
  const read = (text: string) => word.read(String(fieldOf(parseJson(text), 'state') ?? text))
  const part = { ...word, read, ...(!hasTemplate && { write: json }) }
  return entityOfParts(settings, 'relay', [part])
}

/** Classes whose values are no numbers. */
const textClasses: ReadonlySet<unknown> = new Set(['date', 'enum', 'timestamp'])

function unitOf(settings: Settings): string | null {
  const unit = settings.value('unit_of_measurement')
  return typeof unit === 'string' && unit !== '' ? unit : null
}

function sensor(settings: Settings): Entity {
  const unit = unitOf(settings)
  const about = settings.value('device_class')
  const isNumber =
    unit !== null ||
    settings.has('state_class') ||
    (typeof about === 'string' && !textClasses.has(about))
  const { quantity } = settings
  let isReported = false
  const read = (text: string): Report | undefined => {
    // Nothing is not a value: what was measured before is not taken back by it.
    if (text === '' && isReported) return undefined
    isReported = true
    const value = isUnknown(text) ? null : isNumber ? (finiteIn(text) ?? null) : text
    return { [quantity]: [value, unit] }
  }
  return { kind: 'sensor', readings: settings.reading('state_topic', ['value_template'], read) }
}

function binarySensor(settings: Settings): Entity {
  const { read } = switchPart(settings)
  const { quantity } = settings
  const seconds = settings.number('off_delay')
  const reportOf = (state: StateValue): Report => {
    const measured: MeasuredValue = [typeof state === 'boolean' ? state : null, null]
    return { state, [quantity]: measured }
  }
  return {
    kind: 'binary-sensor',
    readings: settings.reading('state_topic', ['value_template'], (text) => {
      const state = isUnknown(text) ? null : read(text)
      return state === undefined ? undefined : reportOf(state)
    }),
    ...(seconds !== undefined && {
      afterwards: {
        seconds,
        when: ({ state }: Report) => (state === true ? reportOf(false) : undefined),
      },
    }),
  }
}

/** What is pressed: nothing tells what becomes of it. */
function button(payload: string): Component {
  return (settings) => {
    const topic = settings.commandedOn('command_topic')
    if (topic === undefined) throw new Error('expected a command_topic')
    const pressed = settings.word(payload, payload === 'payload_on' ? 'ON' : 'PRESS')
    const command = settings.command('command_template')
    return {
      kind: 'button',
      readings: [],
      watched: [{ topic, hear: ({ text }) => (text === pressed ? {} : undefined) }],
      ask: () => [{ topic, payload: command({ value: pressed }), qos: settings.qos }],
    }
  }
}

function number(settings: Settings): Entity {
  const step = settings.number('step') ?? 1
  const unit = unitOf(settings)
  const { quantity } = settings
  const reset = settings.word('payload_reset', 'None')
  const read = (text: string) => (text === reset ? null : finiteIn(text))
  const [min, max] = [settings.number('min') ?? 1, settings.number('max') ?? 100]
  const part = valuePart(read, {
    write: Number,
    range: { min, max, step, unit: unit ?? undefined },
  })
  const entity = entityOfParts(settings, 'number', [part])
  const measured = settings.reading('state_topic', ['value_template'], (text) => {
    const value = read(text)
    if (value === undefined) return undefined
    return unit === null ? { value } : { value, [quantity]: [value, unit] }
  })
  return {
    ...entity,
    readings: measured,
    // Half a step may be lost by rounding.
    tolerance: { value: step / 2 },
  }
}

function select(settings: Settings): Entity {
  const options = settings.options('options')
  const read = (text: string) => (text === 'None' ? null : text === '' ? undefined : text)
  return entityOfParts(settings, 'select', [valuePart(read, { write: String, range: { options } })])
}

function text(settings: Settings): Entity {
  return entityOfParts(settings, 'text', [valuePart((told) => told, { write: String })])
}

function event(settings: Settings): Entity {
  const types = settings.words('event_types')
  return {
    kind: 'event',
    readings: settings.reading('state_topic', ['value_template'], (said) => {
      const type = fieldOf(parseJson(said), 'event_type')
      const isKnown = typeof type === 'string' && (types.length === 0 || types.includes(type))
      return isKnown ? { event: type } : undefined
    }),
  }
}

/** A trigger: a button of a remote, of which each message is a press. */
function trigger(settings: Settings): Entity {
  const payload = settings.wordIn('payload')
  const subtype = settings.word('subtype', settings.config.objectId)
  const readings = settings.reading('topic', ['value_template'], (said) => {
    return payload === undefined || isWord(said, payload)
      ? { event: payload ?? subtype }
      : undefined
  })
  return { kind: 'event', readings }
}

/** Which version a device has, and which there is. */
function update(settings: Settings): Entity {
  const versions = { installed_version: 'installed-version', latest_version: 'latest-version' }
  const readings = settings.reading('state_topic', ['value_template'], (said) => {
    const told = parseJson(said)
    const all = isRecord(told) ? told : { installed_version: said }
    const entries = Object.entries(versions).flatMap(([key, name]) => {
      const version = fieldOf(all, key)
      const isTold = typeof version === 'string' || typeof version === 'number'
      return isTold ? [[name, [String(version), null]] as const] : []
    })
    return entries.length === 0 ? undefined : Object.fromEntries(entries)
  })
  const latest = settings.reading('latest_version_topic', ['latest_version_template'], (said) => {
    return { 'latest-version': [said, null] }
  })
  return { kind: 'sensor', readings: [...readings, ...latest] }
}

const components: Readonly<Record<string, Component>> = {
  switch: (settings) => entityOfParts(settings, 'relay', [switchPart(settings)]),
  siren,
  light,
  sensor,
  binary_sensor: binarySensor,
  button: button('payload_press'),
  scene: button('payload_on'),
  number,
  select,
  text,
  cover,
  valve,
  lock,
  fan,
  climate,
  event,
  device_automation: trigger,
  device_trigger: trigger,
  update,
}

/** What an entity of a config is here. @throws Error with a sentence when the hub cannot make anything of it. */
export function entityIn(settings: Settings): Entity {
  const { component } = settings.config
  const make = Object.hasOwn(components, component) ? components[component] : undefined
  if (make === undefined) {
    throw new Error(`expected a component that the hub knows, got ${component}`)
  }
  const entity = make(settings)
  if (entity.readings.length > 0 || entity.ask !== undefined) return entity
  throw new Error('expected a topic of a state or of commands')
}
