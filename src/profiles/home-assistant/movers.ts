/** What moves, turns or heats: covers, valves, locks, fans and thermostats. Facts: www.home-assistant.io/integrations/mqtt. */
import { fieldOf, parseJson } from '../../core/json.ts'
import type { Report } from '../../nodes/profiles/profile.ts'
import {
  type EntityPart,
  entityOfParts,
  ofPercent,
  percentIn,
  type Scale,
  switchPart,
} from './parts.ts'
import { type Entity, finiteIn, isUnknown, isWord, type Settings } from './settings.ts'

/** The names of the settings of a part that begin alike: `mode` has `mode_state_topic`. */
function settingsOf(name: string): Omit<EntityPart, 'name' | 'read' | 'write'> {
  return {
    stateTopic: `${name}_state_topic`,
    stateTemplates: [`${name}_state_template`, `${name}_value_template`],
    commandTopic: `${name}_command_topic`,
    commandTemplate: `${name}_command_template`,
  }
}

/** A part that is one of several words, whatever they are. */
function wordPart(name: string, prefix: string, options?: readonly string[]): EntityPart {
  const read = (text: string) => (text === '' ? undefined : isUnknown(text) ? null : text)
  return { name, ...settingsOf(prefix), read, write: String, asked: read, range: { options } }
}

/** States and commands by the words that a config has for them. */
interface Words {
  /** What is reported, by the setting of its word, and that word unless it is set. */
  readonly told: Readonly<Record<string, readonly [setting: string, word: string]>>
  /** What is asked, likewise. */
  readonly asked: Readonly<Record<string, readonly [setting: string, word: string | undefined]>>
}

function statePart(settings: Settings, { told, asked }: Words): EntityPart {
  const states = Object.entries(told).map(
    ([state, [setting, word]]) => [settings.word(setting, word), state] as const,
  )
  const commands = Object.entries(asked).flatMap(([command, [setting, word]]) => {
    // Null is what a config sets for what a device cannot do.
    const own = settings.value(setting) === null ? undefined : (settings.wordIn(setting) ?? word)
    return own === undefined ? [] : [[command, own] as const]
  })
  const words = new Map(commands)
  return {
    name: 'state',
    stateTopic: 'state_topic',
    stateTemplates: ['value_template'],
    commandTopic: 'command_topic',
    commandTemplate: 'command_template',
    read: (text) => (isUnknown(text) ? null : states.find(([word]) => isWord(text, word))?.[1]),
    write: (value) => String(words.get(String(value))),
    range: { options: [...words.keys()] },
    asked: (text) => commands.find(([, word]) => isWord(text, word))?.[0],
  }
}

const openings = {
  open: ['state_open', 'open'],
  opening: ['state_opening', 'opening'],
  closed: ['state_closed', 'closed'],
  closing: ['state_closing', 'closing'],
  stopped: ['state_stopped', 'stopped'],
} as const

const openingCommands = {
  open: ['payload_open', 'OPEN'],
  close: ['payload_close', 'CLOSE'],
  stop: ['payload_stop', 'STOP'],
} as const

/** A text that is a number, or JSON that has one. */
function positionIn(text: string, scale: Scale): number | undefined {
  const told = fieldOf(parseJson(text), 'position')
  return percentIn(told === undefined ? text : String(told), scale)
}

function positionPart(settings: Settings): EntityPart {
  const scale = {
    from: settings.number('position_closed') ?? 0,
    to: settings.number('position_open') ?? 100,
  }
  const read = (text: string) => positionIn(text, scale)
  return {
    name: 'position',
    stateTopic: 'position_topic',
    stateTemplates: ['position_template'],
    commandTopic: 'set_position_topic',
    commandTemplate: 'set_position_template',
    read,
    write: (value) => ofPercent(value, scale),
    variables: (value) => ({ position: value }),
    asked: read,
  }
}

function tiltPart(settings: Settings): EntityPart {
  const scale = { from: settings.number('tilt_min') ?? 0, to: settings.number('tilt_max') ?? 100 }
  const read = (text: string) => percentIn(text, scale)
  return {
    name: 'tilt',
    stateTopic: 'tilt_status_topic',
    stateTemplates: ['tilt_status_template'],
    commandTopic: 'tilt_command_topic',
    commandTemplate: 'tilt_command_template',
    read,
    write: (value) => ofPercent(value, scale),
    variables: (value) => ({ tilt_position: ofPercent(value, scale) }),
    asked: read,
  }
}

/** A stop that no state tells of cannot be confirmed. */
function withStops(settings: Settings, entity: Entity): Entity {
  return {
    ...entity,
    isConfirmable: (asked) =>
      (asked['state'] !== 'stop' || settings.has('state_stopped')) &&
      entity.isConfirmable?.(asked) === true,
    tolerance: { position: 1, tilt: 1 },
  }
}

/** What a position says of the state, where nothing else does: closed is 0. */
function withState(report: Report | undefined): Report | undefined {
  const position = report?.['position']
  if (typeof position !== 'number') return report
  return { ...report, state: position === 0 ? 'closed' : 'open' }
}

export function cover(settings: Settings): Entity {
  const state = statePart(settings, { told: openings, asked: openingCommands })
  const position = positionPart(settings)
  const isByPosition = !settings.has('state_topic') && settings.has('position_topic')
  const entity = entityOfParts(settings, 'cover', [
    // Its state is told by its position then.
    isByPosition ? { ...state, stateTopic: 'position_topic', read: () => undefined } : state,
    position,
    tiltPart(settings),
  ])
  const readings = entity.readings.map((reading) => ({
    ...reading,
    hear: (said: Parameters<typeof reading.hear>[0]) => withState(reading.hear(said)),
  }))
  return withStops(settings, isByPosition ? { ...entity, readings } : entity)
}

/** A valve is told and set by numbers, or by words. */
export function valve(settings: Settings): Entity {
  const state = statePart(settings, { told: openings, asked: openingCommands })
  if (!settings.isOn('reports_position')) {
    return withStops(settings, entityOfParts(settings, 'cover', [state]))
  }
  const position = positionPart(settings)
  const numbers: EntityPart = {
    ...position,
    stateTopic: 'state_topic',
    stateTemplates: ['value_template'],
    commandTopic: 'command_topic',
    commandTemplate: 'command_template',
  }
  const ends: EntityPart = {
    ...{ ...numbers, range: state.range },
    name: 'state',
    read: (text) => {
      const told = state.read(String(fieldOf(parseJson(text), 'state') ?? text))
      const at = position.read(text)
      return told ?? (at === undefined ? undefined : at === 0 ? 'closed' : 'open')
    },
    write: (value) => {
      if (value === 'stop') return state.write(value)
      return position.write(value === 'open' ? 100 : 0)
    },
    asked: () => undefined,
  }
  return withStops(settings, entityOfParts(settings, 'cover', [ends, numbers]))
}

export function lock(settings: Settings): Entity {
  const state = statePart(settings, {
    told: {
      locked: ['state_locked', 'LOCKED'],
      locking: ['state_locking', 'LOCKING'],
      unlocked: ['state_unlocked', 'UNLOCKED'],
      unlocking: ['state_unlocking', 'UNLOCKING'],
      jammed: ['state_jammed', 'JAMMED'],
    },
    asked: {
      lock: ['payload_lock', 'LOCK'],
      unlock: ['payload_unlock', 'UNLOCK'],
      open: ['payload_open', undefined],
    },
  })
  return entityOfParts(settings, 'lock', [state])
}

export function fan(settings: Settings): Entity {
  // 0 is off: the range begins one below its least speed.
  const scale = {
    from: (settings.number('speed_range_min') ?? 1) - 1,
    to: settings.number('speed_range_max') ?? 100,
  }
  const swings = [
    settings.word('payload_oscillation_on', 'oscillate_on'),
    settings.word('payload_oscillation_off', 'oscillate_off'),
  ] as const
  const state = switchPart(settings)
  const speedIn = (text: string) => (isUnknown(text) ? null : percentIn(text, scale))
  const swingIn = (text: string) =>
    text === swings[0] ? true : text === swings[1] ? false : undefined
  const entity = entityOfParts(settings, 'fan', [
    { ...state, stateTemplates: ['state_value_template', 'value_template'] },
    {
      name: 'speed',
      ...settingsOf('percentage'),
      read: speedIn,
      write: (value) => ofPercent(value, scale),
      asked: speedIn,
      range: { step: 100 / Math.max(1, scale.to - scale.from) },
    },
    wordPart('preset', 'preset_mode', settings.options('preset_modes')),
    wordPart('direction', 'direction', ['forward', 'reverse']),
    {
      name: 'oscillating',
      ...settingsOf('oscillation'),
      read: swingIn,
      write: (value) => swings[value === true ? 0 : 1],
      asked: swingIn,
    },
  ])
  // Three speeds are told as 33, 67 and 100 percent.
  return { ...entity, tolerance: { speed: 50 / Math.max(1, scale.to - scale.from) } }
}

function setPoint(settings: Settings, name: string, prefix: string): EntityPart {
  const read = (text: string) => (isUnknown(text) ? null : finiteIn(text))
  return {
    name,
    ...settingsOf(prefix),
    read,
    write: Number,
    asked: read,
    range: {
      ...{ min: settings.number('min_temp'), max: settings.number('max_temp') },
      ...{ step: settings.number('temp_step') ?? 1, unit: temperatureUnit(settings) },
    },
  }
}

function temperatureUnit(settings: Settings): string {
  return settings.word('temperature_unit', 'C') === 'F' ? '°F' : '°C'
}

export function climate(settings: Settings): Entity {
  const unit = temperatureUnit(settings)
  const entity = entityOfParts(settings, 'climate', [
    wordPart('mode', 'mode', settings.options('modes')),
    setPoint(settings, 'setpoint', 'temperature'),
    setPoint(settings, 'setpoint-low', 'temperature_low'),
    setPoint(settings, 'setpoint-high', 'temperature_high'),
    wordPart('fan-mode', 'fan_mode', settings.options('fan_modes')),
    wordPart('swing-mode', 'swing_mode', settings.options('swing_modes')),
    wordPart('preset', 'preset_mode', settings.options('preset_modes')),
  ])
  const measured = (key: string, name: string, ofUnit: string) =>
    settings.reading(`${key}_topic`, [`${key}_template`], (text): Report | undefined =>
      text === '' ? undefined : { [name]: [finiteIn(text) ?? null, ofUnit] },
    )
  const action = settings.reading('action_topic', ['action_template'], (text) =>
    text === '' ? undefined : { action: isUnknown(text) ? null : text },
  )
  const step = settings.number('temp_step') ?? 1
  const readings = [
    ...entity.readings,
    ...measured('current_temperature', 'temperature', unit),
    ...measured('current_humidity', 'humidity', '%'),
    ...action,
  ]
  const tolerance = { setpoint: step / 2, 'setpoint-low': step / 2, 'setpoint-high': step / 2 }
  return { ...entity, readings, tolerance }
}
