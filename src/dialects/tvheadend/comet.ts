import { isRecord } from '../../core/json.ts'
import type { Codec } from '../served-dialect.ts'

/** Something that a server tells; what else it holds depends on its class. */
export interface Notification {
  readonly notificationClass: string
  readonly [field: string]: unknown
}

/** What a server says at once: on a websocket a frame, by poll an answer. */
export interface Batch {
  /** By which a client continues later; once on each websocket. */
  readonly boxid?: string
  readonly messages: readonly Notification[]
}

export const cometCodec: Codec<Batch> = {
  decode: (frame) => {
    const value = parsed(frame)
    return isBatch(value) ? value : undefined
  },
  encode: (batch) => JSON.stringify(batch),
}

function isBatch(value: unknown): value is Batch {
  if (!isRecord(value)) return false
  const { boxid, messages } = value
  if (boxid !== undefined && typeof boxid !== 'string') return false
  return Array.isArray(messages) && messages.every(isNotification)
}

function isNotification(value: unknown): value is Notification {
  return isRecord(value) && typeof value['notificationClass'] === 'string'
}

/** Before May 2026 the original sent control characters in texts as they were, which is no JSON. */
function parsed(frame: string): unknown {
  try {
    return JSON.parse(frame.replace(/\p{Cc}/gu, escaped))
  } catch {
    return undefined
  }
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
