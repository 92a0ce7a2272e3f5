/** Which tiles stand together, and in what order: by room or by node, on pages of their own. */
import { signal } from '@preact/signals'
import { t } from '../words.ts'
import type { Device, HouseNode } from './house.ts'

export interface TileGroup {
  /** A room, or the base of a node. */
  readonly key: string
  readonly name: string
  /** Where the group is a node. */
  readonly node?: HouseNode
  readonly devices: readonly Device[]
}

const storageKey = 'clown-hub.group'

/** By what somebody who uses this browser wants tiles to be grouped; undefined until somebody has said so. */
export const grouping = signal<'room' | 'node' | undefined>(
  (['room', 'node'] as const).find((each) => each === localStorage.getItem(storageKey)),
)

export function groupBy(chosen: 'room' | 'node'): void {
  localStorage.setItem(storageKey, chosen)
  grouping.value = chosen
}

/** All rooms that a device is in, in the order of their names. */
export function roomsOf(nodes: readonly HouseNode[]): string[] {
  const rooms = nodes.flatMap(({ devices }) =>
    devices.value.map(({ label }) => label.value.room ?? ''),
  )
  return [...new Set(rooms)].filter((room) => room !== '').sort((a, b) => a.localeCompare(b))
}

/** Tiles grouped as is wanted; where nobody has said so, by room as soon as there is one. */
export function groupsOf(nodes: readonly HouseNode[]): TileGroup[] {
  const rooms = roomsOf(nodes)
  const isByRoom = (grouping.value ?? (rooms.length > 0 ? 'room' : 'node')) === 'room'
  const all = isByRoom ? byRoom(nodes, rooms) : byNode(nodes)
  return all.map((group) => ({ ...group, devices: inOrder(group.devices) }))
}

function byNode(nodes: readonly HouseNode[]): TileGroup[] {
  return nodes.map((node) => ({
    key: node.base,
    name: node.base,
    node,
    devices: node.devices.value,
  }))
}

function byRoom(nodes: readonly HouseNode[], rooms: readonly string[]): TileGroup[] {
  const devices = nodes.flatMap((node) => node.devices.value)
  const inRoom = (room: string) => devices.filter(({ label }) => (label.value.room ?? '') === room)
  const named = rooms.map((room) => ({ key: room, name: room, devices: inRoom(room) }))
  return [...named, { key: '', name: t('elsewhere'), devices: inRoom('') }]
}

/** Those with a place first, by it; then what can be commanded, then the others, as the hub has them. */
function inOrder(devices: readonly Device[]): Device[] {
  const placeOf = ({ label, role }: Device) =>
    label.value.order ?? (role === 'actuator' ? Number.MAX_VALUE : Number.POSITIVE_INFINITY)
  return devices.toSorted((one, other) => {
    const [first, second] = [placeOf(one), placeOf(other)]
    return first === second ? 0 : first - second
  })
}
