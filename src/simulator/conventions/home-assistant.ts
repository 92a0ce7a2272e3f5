/**
 * What announces itself to Home Assistant: a config for each entity below `homeassistant/`, states as JSON on `<name>/<object>/state`,
 * told on `…/set`. Facts: home-assistant.io/integrations/mqtt, home-assistant/core (mqtt/discovery).
 */
import { isRecord } from '../../core/json.ts'
import type { Payload } from '../../core/payload.ts'
import {
  type Convention,
  type Deed,
  kept,
  type NodeIdentity,
  notUnderstood,
  onOff,
  redGreenBlueOf,
  switchAsked,
  topicLevelOf,
  type Utterance,
} from '../convention.ts'
import { meter, type NodePart, quantities, relay } from '../parts.ts'

export const simulatedHomeAssistant: Convention = {
  name: { usual: 'ha-plug', isOneLevel: true },
  canRefuse: false,
  parts: () => [
    relay('Plug', 60),
    meter('Climate', { temperature: quantities.temperature, humidity: quantities.humidity }),
  ],
  open: (identity, parts) => {
    const { name } = identity
    return {
      filters: ['homeassistant/status', `${name}/+/set`],
      will: kept(`${name}/status`, 'offline'),
      greet: () => [...configsOf(identity, parts), kept(`${name}/status`, 'online')],
      report: (part) => [kept(`${topicOf(name, part)}/state`, JSON.stringify(stateOf(part)))],
      lastingIdOf: () => identity.mac,
      hear: (topic, payload) => {
        // Whoever starts asks all that are there.
        if (topic === 'homeassistant/status')
          return { says: configsOf(identity, parts), tells: parts }
        return hear({ name, parts }, topic, payload)
      },
    }
  },
}

function topicOf(name: string, part: NodePart): string {
  return `${name}/${topicLevelOf(part.name, '_')}`
}

// --- what it announces ---

interface Entity {
  readonly component: string
  /** The end of its id. */
  readonly ending: string
  readonly config: Readonly<Record<string, unknown>>
}

function configsOf({ name, mac }: NodeIdentity, parts: readonly NodePart[]): Utterance[] {
  return parts.flatMap((part) => {
    const topic = topicOf(name, part)
    return entitiesOf(part, topic).map(({ component, ending, config }) => {
      const object = topicLevelOf(`${part.name}${ending}`, '_')
      const whole = {
        ...{
          name: `${part.name}${ending.replace('_', ' ')}`,
          uniq_id: `${mac}_${object}`,
          stat_t: `${topic}/state`,
        },
        ...{
          avty_t: `${name}/status`,
          dev: { ids: [mac], name, mdl: 'Simulated', mf: 'Nobody' },
          o: { name: 'simulator' },
        },
        ...config,
      }
      return kept(`homeassistant/${component}/${name}/${object}/config`, JSON.stringify(whole))
    })
  })
}

/** What is measured: device class, and unit. */
const measures: Readonly<Record<string, readonly [about: string, unit: string]>> = {
  temperature: ['temperature', '°C'],
  humidity: ['humidity', '%'],
  pressure: ['pressure', 'hPa'],
  illuminance: ['illuminance', 'lx'],
  co2: ['carbon_dioxide', 'ppm'],
  battery: ['battery', '%'],
  power: ['power', 'W'],
  energy: ['energy', 'kWh'],
}

function entitiesOf({ kind, values }: NodePart, topic: string): Entity[] {
  const command = { cmd_t: `${topic}/set` }
  const sensors = Object.keys(values).flatMap((key): Entity[] => {
    const [dev_cla, unit_of_meas] = measures[key] ?? []
    const config = { dev_cla, unit_of_meas, val_tpl: `{{ value_json.${key} }}` }
    return dev_cla === undefined ? [] : [{ component: 'sensor', ending: `_${key}`, config }]
  })
  const one = (component: string, config: Entity['config']): Entity => ({
    component,
    ending: '',
    config,
  })
  switch (kind) {
    case 'relay':
      return [one('switch', { ...command, val_tpl: '{{ value_json.state }}' }), ...sensors]
    case 'light':
      return [one('light', { ...command, schema: 'json', ...lightConfig(values) })]
    case 'fan':
      return [one('fan', { ...command, stat_val_tpl: '{{ value_json.state }}' })]
    case 'cover':
      return [one('cover', { ...command, ...coverConfig(topic) })]
    case 'climate':
      return [one('climate', climateConfig(topic))]
    case 'motion':
    case 'contact': {
      const dev_cla = kind === 'motion' ? 'motion' : 'door'
      return [one('binary_sensor', { dev_cla, val_tpl: '{{ value_json.state }}' })]
    }
    default:
      return sensors
  }
}

function lightConfig({ brightness, mired, color }: NodePart['values']): object {
  const modes = [
    ...(mired === undefined ? [] : ['color_temp']),
    ...(color === undefined ? [] : ['rgb']),
  ]
  return {
    ...(brightness !== undefined && { brightness: true }),
    sup_clrm: modes.length > 0 ? modes : ['brightness'],
  }
}

function coverConfig(topic: string): object {
  return {
    ...{
      val_tpl: '{{ value_json.state }}',
      pos_t: `${topic}/state`,
      pos_tpl: '{{ value_json.position }}',
    },
    ...{ set_pos_t: `${topic}/set`, set_pos_tpl: '{"position": {{ position }}}' },
  }
}

function climateConfig(topic: string): Entity['config'] {
  const on = (name: string, key: string) => ({
    [`${name}_stat_t`]: `${topic}/state`,
    [`${name}_stat_tpl`]: `{{ value_json.${key} }}`,
    [`${name}_cmd_t`]: `${topic}/set`,
    [`${name}_cmd_tpl`]: `{"${key}": {{ value | tojson }}}`,
  })
  return {
    ...{ modes: ['off', 'heat'], min_temp: 5, max_temp: 30, temp_unit: 'C' },
    ...{ ...on('mode', 'mode'), ...on('temp', 'setpoint') },
    ...{ curr_temp_t: `${topic}/state`, curr_temp_tpl: '{{ value_json.temperature }}' },
    ...{ act_t: `${topic}/state`, act_tpl: '{{ value_json.action }}' },
  }
}

// --- what it says ---

function stateOf({ kind, values }: NodePart): object {
  const { state, position, moving, brightness, mired, color } = values
  const [r, g, b] = redGreenBlueOf(color)
  switch (kind) {
    case 'cover':
      return { position, state: moving === '' ? (position === 0 ? 'closed' : 'open') : moving }
    case 'light':
      return {
        state: onOff(state),
        ...(brightness !== undefined && {
          brightness: Math.round((Number(brightness) / 100) * 255),
        }),
        ...(mired !== undefined && { color_temp: mired }),
        ...(color !== undefined && { color_mode: 'rgb', color: { r, g, b } }),
      }
    default:
      return typeof state === 'boolean' ? { ...values, state: onOff(state) } : values
  }
}

// --- what it is told ---

interface Device {
  readonly name: string
  readonly parts: readonly NodePart[]
}

function hear({ name, parts }: Device, topic: string, payload: Payload): Deed {
  const part = parts.find((each) => topic === `${topicOf(name, each)}/set`)
  const asked = part && askedOf(part, payload)
  return part === undefined || asked === undefined
    ? notUnderstood(topic)
    : { takes: { part, asked } }
}

function askedOf(
  part: NodePart,
  { bytes, value }: Payload,
): Readonly<Record<string, unknown>> | undefined {
  if (part.kind === 'light') return isRecord(value) ? lightAsked(part, value) : undefined
  if (isRecord(value)) return value
  const text = bytes.toString()
  if (part.kind !== 'cover') return switchAsked(part, text)
  return { OPEN: { position: 100 }, CLOSE: { position: 0 }, STOP: { moving: '' } }[text]
}

function lightAsked(
  part: NodePart,
  { state, brightness, color_temp: mired, color }: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { r, g, b } = isRecord(color) ? color : {}
  const rgb = [r, g, b].filter((each) => typeof each === 'number')
  return {
    ...switchAsked(part, String(state)),
    ...(typeof brightness === 'number' && { brightness: Math.round((brightness / 255) * 100) }),
    ...(mired !== undefined && { mired }),
    ...(rgb.length === 3 && { color: Buffer.from(rgb).toString('hex').toUpperCase() }),
  }
}
