/** The last hour of each device, for its tile. */
import { ApiError, getJson } from '../api.ts'
import { hubTime } from '../clock.ts'
import { forgetFailure, tellFailure } from '../failures.tsx'
import type { Device, HouseNode } from './house.ts'
import { quantitiesOf } from './quantities.ts'

/** `null` is a gap: nothing was heard for longer than usual. */
export type PastPoint = readonly [atMs: number, min: number, last: number, max: number] | null

/** By quantity. */
export type Past = ReadonlyMap<string, readonly PastPoint[]>

export const pastMs = 3_600_000
const buckets = 60

/** A bucket of `GET /api/history`: docs/history.md. */
export type Bucket = readonly [
  atMs: number,
  count: number,
  min: number,
  mean: number,
  max: number,
  first: number,
  last: number,
]

export interface SeriesAnswer {
  readonly topic: string
  readonly quantity: string
  readonly unit: string | null
  readonly type: 'number' | 'boolean'
  readonly points: readonly (Bucket | null)[]
}

/** Asks for all devices of a node at once, or kind by kind where there are too many of them for one answer. */
export async function loadPast(node: HouseNode): Promise<void> {
  if (await loadInto(node, `${node.base}/#`)) return
  const kinds = new Set(node.devices.peek().map(({ kind }) => kind))
  for (const kind of kinds) await loadInto(node, `${node.base}/${kind}/+`)
}

async function loadInto(node: HouseNode, topic: string): Promise<boolean> {
  try {
    const query = { topic, from: '1h', points: buckets }
    const { series } = await getJson<{ series: SeriesAnswer[] }>('api/history', query)
    const devices = new Map(node.devices.peek().map((device) => [device.topic, device]))
    for (const each of series) {
      const device = devices.get(each.topic)
      if (device === undefined) continue
      const points = each.points.map((point) => point && pastPoint(point))
      device.past.value = new Map([...device.past.peek(), [each.quantity, points]])
    }
    forgetFailure('api/history')
    return true
  } catch (error) {
    if (error instanceof ApiError && error.status === 400) return false
    tellFailure('api/history', error)
    return true
  }
}

function pastPoint([atMs, , min, , max, , last]: Bucket): PastPoint {
  return [atMs, min, last, max]
}

/** Adds what a device has just reported; what came within the same minute is one point. */
export function remember(device: Device, payload: unknown, atMs: number): void {
  const past = device.past.peek()
  const added = quantitiesOf(payload).flatMap(({ name, value }) => {
    const number = typeof value === 'boolean' ? Number(value) : value
    return typeof number === 'number'
      ? [[name, withPoint(past.get(name) ?? [], number, atMs)] as const]
      : []
  })
  if (added.length > 0) device.past.value = new Map([...past, ...added])
}

function withPoint(points: readonly PastPoint[], value: number, atMs: number): PastPoint[] {
  const kept = points.filter((point) => point === null || point[0] > hubTime() - pastMs)
  const latest = kept.at(-1)
  const bucketMs = pastMs / buckets
  if (latest && atMs - latest[0] < bucketMs) {
    kept[kept.length - 1] = [
      latest[0],
      Math.min(latest[1], value),
      value,
      Math.max(latest[3], value),
    ]
  } else kept.push([atMs, value, value, value])
  return kept
}

/** The smallest and the largest of the last hour. */
export function rangeOf(points: readonly PastPoint[]): { min: number; max: number } | undefined {
  const known = points.filter((point) => point !== null)
  if (known.length === 0) return undefined
  return {
    min: Math.min(...known.map(([, min]) => min)),
    max: Math.max(...known.map(([, , , max]) => max)),
  }
}
