/** What a store keeps of nodes and devices, as bytes. */
import type { SchemaObject } from 'ajv'
import { parseJson } from '../../core/parse-json.ts'
import { openAjv } from '../../core/schema-error.ts'
import type { StoredValue } from '../last-values.ts'
import type { KnownDevice, KnownNode, Listed } from './device-table.ts'
import { type Introduction, roles } from './node-message.ts'

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

/** Reads what `deviceBytes` and `nodeBytes` made; undefined is what somebody else did. */
export interface StoredReader {
  device(topic: string, bytes: Buffer): ReadDevice | undefined
  node(base: string, bytes: Buffer): StoredNode | undefined
}

export interface ReadDevice {
  readonly device: StoredDevice
  readonly value: StoredValue | undefined
}

export function createStoredReader(): StoredReader {
  const ajv = openAjv()
  const isDevice = ajv.compile<Omit<StoredDevice, 'topic'>>(deviceSchema)
  const isNode = ajv.compile<Omit<StoredNode, 'base'>>(nodeSchema)
  return {
    device: (topic, bytes) => {
      const end = bytes.indexOf('\n')
      const found = parseJson(end === -1 ? bytes : bytes.subarray(0, end))
      if (!isDevice(found)) return undefined
      const { atMs } = found
      const hasValue = end !== -1 && atMs !== undefined
      const value = hasValue ? { topic, atMs, bytes: bytes.subarray(end + 1) } : undefined
      return { device: { ...found, topic }, value }
    },
    node: (base, bytes) => {
      const found = parseJson(bytes)
      return isNode(found) ? { ...found, base } : undefined
    },
  }
}

const listedSchema: SchemaObject = {
  type: 'object',
  required: ['role', 'place'],
  properties: { role: { enum: roles }, place: { type: 'integer' } },
  additionalProperties: false,
}

const deviceSchema: SchemaObject = {
  type: 'object',
  required: ['intervalsMs'],
  properties: {
    atMs: { type: 'number' },
    listed: listedSchema,
    hasObeyed: { type: 'boolean' },
    // Of before: somebody had commanded it, which says nothing about what it is.
    isCommanded: { type: 'boolean' },
    intervalsMs: { type: 'array', items: { type: 'number' } },
  },
  additionalProperties: false,
}

const nodeSchema: SchemaObject = {
  type: 'object',
  properties: {
    atMs: { type: 'number' },
    firmware: { type: 'string' },
    capabilities: { type: 'integer' },
  },
  additionalProperties: false,
}
