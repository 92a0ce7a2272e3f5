/** What Jeedom sums up of an object, and of the whole house. */
import type { SeenDevice } from '../../nodes/served/seen-devices.ts'
import { infosOf, readingOf } from './house.ts'

/** Values by key, such as `temperature`. */
export type Summary = Readonly<Record<string, number>>

/** A summary, and the topics of the devices that it tells of. */
export interface Summed {
  readonly summary: Summary
  readonly topics: readonly string[]
}

export function summaryOf(devices: readonly SeenDevice[]): Summed {
  const values = new Map<string, { of: string; values: number[] }>()
  const topics: string[] = []
  for (const info of devices.flatMap(infosOf)) {
    const { summary } = info.column
    const value = readingOf(info)
    if (summary === undefined || value === '') continue
    const entry = values.get(summary.key) ?? { of: summary.of, values: [] }
    values.set(summary.key, entry)
    entry.values.push(typeof value === 'number' ? value : Number(value !== 'off'))
    topics.push(info.device.topic)
  }
  const pairs = [...values].map(([key, entry]) => [key, summed(entry)] as const)
  return { summary: Object.fromEntries(pairs), topics }
}

/** Averages have one digit behind the point. */
function summed({ of, values }: { of: string; values: number[] }): number {
  const sum = values.reduce((total, value) => total + value, 0)
  return of === 'average' ? Math.round((sum / values.length) * 10) / 10 : sum
}
