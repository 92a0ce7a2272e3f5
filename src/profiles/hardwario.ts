/**
 * HARDWARIO TOWER, by its gateway: `node/<alias or id>/<part>/<address>/<quantity>` with bare JSON. Units are by
 * convention only. Facts: bch-gateway (`bcg/gateway.py`), bch-mqtt2influxdb, docs.hardwario.com/tower.
 */
import type { DeviceKind } from '../nodes/profiles/kinds.ts'
import type {
  Ask,
  DeviceFacts,
  DevicePlace,
  Outgoing,
  Profile,
  ProfileHub,
  Report,
} from '../nodes/profiles/profile.ts'

/** What one part of a node tells, or is asked. */
interface Row {
  readonly part: string
  readonly quantity: string
  readonly kind: DeviceKind
  /** Of what is measured; none where it is a state. */
  readonly unit?: string | null
}

const rows: readonly Row[] = [
  { part: 'thermometer', quantity: 'temperature', kind: 'thermometer', unit: '°C' },
  { part: 'hygrometer', quantity: 'relative-humidity', kind: 'humidity-sensor', unit: '%' },
  { part: 'lux-meter', quantity: 'illuminance', kind: 'lux-meter', unit: 'lux' },
  { part: 'barometer', quantity: 'pressure', kind: 'barometer', unit: 'Pa' },
  { part: 'barometer', quantity: 'altitude', kind: 'barometer', unit: 'm' },
  { part: 'co2-meter', quantity: 'concentration', kind: 'co2-sensor', unit: 'ppm' },
  { part: 'voc-lp-sensor', quantity: 'tvoc', kind: 'voc-sensor', unit: 'ppb' },
  { part: 'battery', quantity: 'voltage', kind: 'battery', unit: 'V' },
  { part: 'push-button', quantity: 'event-count', kind: 'push-button', unit: null },
  { part: 'pir', quantity: 'event-count', kind: 'pir', unit: null },
  { part: 'relay', quantity: 'state', kind: 'relay' },
  { part: 'led', quantity: 'state', kind: 'led' },
]

/** What can be asked of all rows of a kind. */
const commanded: ReadonlyMap<DeviceKind, readonly string[]> = new Map([
  ['relay', ['state', 'pulse']],
  ['led', ['state']],
])

/** The profile. Nothing announces its devices: whatever reports is there. */
export const hardwario: Profile = {
  name: 'hardwario',
  open: (hub) => {
    /** The devices of each node. */
    const nodes = new Map<string, Set<string>>()
    const declare = (node: string, address: string, { part, kind }: Row): string => {
      const id = `${node}/${part}/${address}`
      const ids = nodes.get(node) ?? new Set()
      if (!ids.has(id)) {
        hub.device(id, factsOf({ node, kind, part: address }, `node/${node}/${part}/${address}`))
      }
      nodes.set(node, ids.add(id))
      return id
    }
    for (const { node, kind, part = '-' } of hub.known) {
      const row = rows.find((each) => each.kind === kind)
      if (row !== undefined) declare(node, part, row)
    }
    for (const row of rows) hearRow(row, hub, declare)
    hearGateways(hub, nodes)
  },
}

function factsOf(place: DevicePlace, topic: string): DeviceFacts {
  const { kind } = place
  const [, node, part, address] = topic.split('/')
  const facts = { ...place, name: `${node} ${part} ${address}` }
  const askKeys = commanded.get(kind)
  if (askKeys === undefined) return facts
  return {
    ...facts,
    askKeys,
    ask: (asked) => outgoing(topic, kind, asked),
    question: () => [{ topic: `${topic}/state/get`, payload: '', qos: 0 }],
    // A pulse is over before anybody knows.
    isConfirmable: (asked) => !Object.hasOwn(asked, 'pulse'),
  }
}

function hearRow(
  row: Row,
  hub: ProfileHub,
  declare: (node: string, address: string, row: Row) => string,
): void {
  const { part, quantity } = row
  const pattern = `node/+/${part}/+/${quantity}`
  hub.claim(part, pattern, ({ topic, payload, isPast }) => {
    const value = saidBy(row, payload.value)
    if (value === undefined) return
    const [, node = '', , address = ''] = topic.split('/')
    const id = declare(node, address, row)
    hub.report(id, { [quantity]: value })
    if (!isPast) hub.available(id, true)
  })
  if (!commanded.has(row.kind)) return
  hub.claim(part, `${pattern}/set`, ({ topic, payload, isPast }) => {
    if (isPast || typeof payload.value !== 'boolean') return
    const [, node, , address] = topic.split('/')
    const state = saidBy(row, payload.value)
    hub.observe(`${node}/${part}/${address}`, { state })
  })
  hub.claim(part, `${pattern}/get`, () => {})
}

/** What `value` says in our words; undefined when it says nothing. */
function saidBy({ kind, unit }: Row, value: unknown): Report[string] | undefined {
  if (unit !== undefined) {
    return typeof value === 'number' || value === null ? [value, unit] : undefined
  }
  if (value === null) return null
  if (typeof value !== 'boolean') return undefined
  // Clown.Model's LED has words.
  return kind === 'led' ? (value ? 'on' : 'off') : value
}

function outgoing(topic: string, kind: DeviceKind, asked: Ask): Outgoing[] {
  const { state, pulse } = asked
  const isOn = kind === 'led' ? state !== 'off' : state
  if (pulse === undefined) {
    return [{ topic: `${topic}/state/set`, payload: JSON.stringify(isOn), qos: 1 }]
  }
  const payload = JSON.stringify({ duration: pulse, direction: isOn })
  return [{ topic: `${topic}/pulse/set`, payload, qos: 1 }]
}

/** `gateway/<name>/…`: what is unpaired is no more, and without its dongle nobody knows. */
function hearGateways(hub: ProfileHub, nodes: Map<string, Set<string>>): void {
  hub.claim('gateway', 'gateway/+/detach', ({ payload, isPast }) => {
    const node = payload.value
    if (isPast || typeof node !== 'string') return
    for (const id of nodes.get(node) ?? []) hub.forget(id)
    nodes.delete(node)
  })
  hub.claim('gateway', 'gateway/+/info', ({ payload, isPast }) => {
    if (isPast || payload.value !== null) return
    for (const id of [...nodes.values()].flatMap((ids) => [...ids])) hub.available(id, null)
  })
  hub.claim('node', 'node/+/info', () => {})
}
