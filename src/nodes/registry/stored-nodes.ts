/** What a store keeps of nodes and devices, as bytes. */
import { parseJson } from '../../core/json.ts'
import { validateDeviceEntry, validateNodeEntry } from '../../generated/validate-stored.js'
import type { StoredValue } from '../last-values.ts'
import type { KnownDevice, KnownNode, Listed } from './device-table.ts'
import type { Introduction } from './node-message.ts'

/** What outlives a restart, of a device. */
export interface StoredDevice extends Pick<KnownDevice, 'intervalsMs'> {
  readonly topic: string
  readonly hasObeyed?: boolean
  readonly atMs?: number
  readonly listed?: Listed
}

/** What outlives a restart, of a node. */
export interface StoredNode extends Introduction {
  readonly base: string
  readonly atMs?: number
}

/** A line of JSON, and behind it the value as it came; without one there is no line break either. */
export function deviceBytes(device: KnownDevice, value: Buffer | undefined): Buffer {
  const { heard, listed, hasObeyed, intervalsMs } = device
  const line = JSON.stringify({ atMs: heard?.atMs, listed, hasObeyed, intervalsMs })
  return value === undefined ? Buffer.from(line) : Buffer.concat([Buffer.from(`${line}\n`), value])
}

/** Of a node without devices nothing is kept. */
export function nodeBytes({ devices, heard, introduction }: KnownNode): Buffer | undefined {
  if (devices.size === 0) return undefined
  return Buffer.from(JSON.stringify({ atMs: heard?.atMs, ...introduction }))
}

export interface ReadDevice {
  readonly device: StoredDevice
  readonly value: StoredValue | undefined
}

/** Reads what `deviceBytes` made; undefined is what somebody else did. */
export function readDevice(topic: string, bytes: Buffer): ReadDevice | undefined {
  const end = bytes.indexOf('\n')
  const found = parseJson(end === -1 ? bytes : bytes.subarray(0, end))
  if (!validateDeviceEntry(found)) return undefined
  const { atMs } = found
  const hasValue = end !== -1 && atMs !== undefined
  const value = hasValue ? { topic, atMs, bytes: bytes.subarray(end + 1) } : undefined
  return { device: { ...found, topic }, value }
}

/** Reads what `nodeBytes` made; undefined is what somebody else did. */
export function readNode(base: string, bytes: Buffer): StoredNode | undefined {
  const found = parseJson(bytes)
  return validateNodeEntry(found) ? { ...found, base } : undefined
}
