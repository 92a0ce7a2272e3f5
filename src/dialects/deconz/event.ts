import { isRecord, parseJson } from '../../core/json.ts'
import type { Codec } from '../served-dialect.ts'

/** What a gateway tells on its websocket: one JSON object a frame. */
export interface DeconzEvent {
  readonly t: 'event'
  readonly e: 'added' | 'changed' | 'deleted' | 'scene-called'
  readonly r: 'lights' | 'sensors' | 'groups' | 'scenes' | 'alarmsystems'
  /** All but `scene-called` have one. */
  readonly id?: string
  /** Of lights and sensors, since 2018. */
  readonly uniqueid?: string
  /** One section of what has changed, a bare attribute of a group, or the resource that was added. */
  readonly [section: string]: unknown
}

const kinds: ReadonlySet<unknown> = new Set(['added', 'changed', 'deleted', 'scene-called'])
const resources: ReadonlySet<unknown> = new Set([
  'lights',
  'sensors',
  'groups',
  'scenes',
  'alarmsystems',
])

export const eventCodec: Codec<DeconzEvent> = {
  decode: (frame) => {
    const value = parseJson(frame)
    return isEvent(value) ? value : undefined
  },
  encode: (event) => JSON.stringify(event),
}

function isEvent(value: unknown): value is DeconzEvent {
  if (!isRecord(value) || value['t'] !== 'event') return false
  if (!kinds.has(value['e']) || !resources.has(value['r'])) return false
  const isText = (key: string) => typeof value[key] === 'string'
  if (value['e'] === 'scene-called') return isText('gid') && isText('scid')
  return isText('id') && (value['uniqueid'] === undefined || isText('uniqueid'))
}
