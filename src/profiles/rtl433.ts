/**
 * rtl_433 with `-F mqtt`: what it receives, field by field below `rtl_433/<host>/devices/<model>/…`; the same
 * as one JSON on `events` says nothing more. Facts: merbanan/rtl_433 (docs/OPERATION, output_mqtt.c).
 */
import type { HeardMessage, Profile, ProfileHub } from '../nodes/profiles/profile.ts'

/** By what a receiver hears: devices have none of their own to be told away. */
interface Receivers {
  /** The devices that each host has told of. */
  readonly heard: Map<string, Set<string>>
  readonly isThere: Map<string, boolean>
}

export const rtl433: Profile = {
  name: 'rtl_433',
  open: (hub) => {
    const receivers: Receivers = { heard: new Map(), isThere: new Map() }
    hub.claim('all', 'rtl_433/+/devices/#', (message) => hearField(hub, receivers, message))
    for (const ending of ['events', 'states']) hub.claim('all', `rtl_433/+/${ending}`, () => {})
    hub.claim('all', 'rtl_433/+/availability', ({ topic, payload }) => {
      const word = payload.bytes.toString()
      if (word !== 'online' && word !== 'offline') return
      const host = hostIn(topic)
      receivers.isThere.set(host, word === 'online')
      for (const id of receivers.heard.get(host) ?? []) hub.available(id, word === 'online')
    })
  },
}

function hostIn(topic: string): string {
  return topic.slice('rtl_433/'.length).replace(/\/.*/, '')
}

/** What the last part of a field's name says of its unit. */
const units = new Map([
  ['C', '°C'],
  ['F', '°F'],
  ['hPa', 'hPa'],
  ['kPa', 'kPa'],
  ['PSI', 'psi'],
  ['W', 'W'],
  ['V', 'V'],
  ['A', 'A'],
  ['kWh', 'kWh'],
  ['mm', 'mm'],
  ['in', 'in'],
  ['deg', '°'],
  ['m_s', 'm/s'],
  ['km_h', 'km/h'],
  ['lux', 'lx'],
  ['dB', 'dB'],
])

const named = new Map<string, readonly [name: string, unit: string | null]>([
  ['humidity', ['humidity', '%']],
  ['moisture', ['moisture', '%']],
  ['battery_ok', ['battery-ok', null]],
])

/** What a field is called here, and its unit: `temperature_C` is the temperature in °C. Undefined for codes of remote controls, and the like. */
function quantityOf(field: string): readonly [name: string, unit: string | null] | undefined {
  for (const [ending, unit] of units) {
    const isSo = field.endsWith(`_${ending}`)
    if (isSo) return [field.slice(0, -ending.length - 1).replaceAll('_', '-'), unit]
  }
  return named.get(field)
}

function hearField(hub: ProfileHub, receivers: Receivers, { topic, payload }: HeardMessage): void {
  const host = hostIn(topic)
  const levels = topic.slice(`rtl_433/${host}/devices/`.length).split('/')
  const field = levels.slice(-1).join('')
  const id = levels.slice(0, -1).join('/')
  const quantity = quantityOf(field)
  const value = valueIn(field, payload.bytes.toString())
  if (id === '' || value === undefined || quantity === undefined) return
  const ofHost = receivers.heard.get(host) ?? new Set()
  receivers.heard.set(host, ofHost)
  if (!ofHost.has(id)) {
    hub.device(id, { node: id, kind: 'sensor', name: id.replaceAll('/', ' ') })
    hub.available(id, receivers.isThere.get(host) ?? null)
    ofHost.add(id)
  }
  const [name, unit] = quantity
  hub.report(id, { [name]: [value, unit] })
}

/** Numbers; a battery is well or not. */
function valueIn(field: string, text: string): number | boolean | undefined {
  const number = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(number)) return undefined
  return field === 'battery_ok' ? number > 0 : number
}
