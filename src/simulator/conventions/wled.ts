/** WLED: told on its topic, it says its brightness on `/g` and its colour on `/c`. Facts: wled/WLED (mqtt.cpp). */
import type { Payload } from '../../core/payload.ts'
import {
  type Convention,
  type Deed,
  kept,
  notUnderstood,
  switchAsked,
  type Utterance,
} from '../convention.ts'
import { lamp, type NodePart } from '../parts.ts'

export const simulatedWled: Convention = {
  name: { usual: 'wled/a1b2c3', isOneLevel: false },
  canRefuse: false,
  parts: () => [lamp('Strip', ['brightness', 'color'])],
  open: ({ name: topic }, parts) => ({
    filters: [topic, `${topic}/col`],
    will: kept(`${topic}/status`, 'offline'),
    greet: () => [kept(`${topic}/status`, 'online')],
    report: (part) => reportOf(topic, part),
    lastingIdOf: () => topic.slice(topic.lastIndexOf('/') + 1),
    hear: (heard, payload) => hear({ topic, parts }, heard, payload),
  }),
}

/** It counts brightness so far. */
const most = 255

function reportOf(topic: string, { values }: NodePart): Utterance[] {
  const { state, brightness, color } = values
  const level = state === true ? Math.round((Number(brightness) / 100) * most) : 0
  return [
    { topic: `${topic}/g`, payload: String(level) },
    { topic: `${topic}/c`, payload: `#${color}` },
    { topic: `${topic}/v`, payload: `<?xml version="1.0" ?><vs><ac>${level}</ac></vs>` },
  ]
}

interface Strip {
  readonly topic: string
  readonly parts: readonly NodePart[]
}

function hear({ topic, parts }: Strip, heard: string, payload: Payload): Deed {
  const text = payload.bytes.toString()
  const [part] = parts
  if (part === undefined) return notUnderstood(heard)
  if (heard === `${topic}/col`) return { takes: { part, asked: { color: text.replace('#', '') } } }
  const asked = askedIn(part, text)
  return asked === undefined ? notUnderstood(heard) : { takes: { part, asked } }
}

function askedIn(part: NodePart, text: string): Readonly<Record<string, unknown>> | undefined {
  if (!/^\d{1,3}$/.test(text)) return switchAsked(part, text.replace(/^t$/i, 'TOGGLE'))
  const level = Number(text)
  return level === 0
    ? { state: false }
    : { state: true, brightness: Math.round((level / most) * 100) }
}
