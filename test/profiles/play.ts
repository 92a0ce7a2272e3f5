import { tellDefect } from '../../src/core/guard.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import { Claims } from '../../src/nodes/profiles/claims.ts'
import { goalOf, isPair, readAsk, settledPart } from '../../src/nodes/profiles/kinds.ts'
import { type DeviceSink, openProfile } from '../../src/nodes/profiles/open-profile.ts'
import type {
  Ask,
  DevicePlace,
  Outgoing,
  Profile,
  Report,
} from '../../src/nodes/profiles/profile.ts'
import { reportResultOf } from '../../src/nodes/switch-state.ts'
import { steppedClock } from '../clock.ts'

/** What a profile has done, in order. */
export type Told =
  | { readonly what: 'declared' | 'forgotten' | 'available'; readonly id: string }
  | {
      readonly what: 'reported'
      readonly id: string
      readonly values: Report
      readonly from: string
    }
  | { readonly what: 'refused'; readonly id: string; readonly reason: string }
  | { readonly what: 'accepted' | 'observed'; readonly id: string; readonly asked?: Ask }
  | { readonly what: 'sent'; readonly outgoing: Outgoing }
  | { readonly what: 'left-out'; readonly id: string; readonly reason: string }

export interface PlayOptions {
  /** What was retained before the profile was opened. */
  readonly retained?: readonly { readonly topic: string; readonly payload: string | Buffer }[]
  readonly known?: readonly DevicePlace[]
  /** What is thrown while a message is heard; is thrown on unless given. */
  readonly failed?: (error: unknown) => void
}

/** A profile that is played to, without a hub. */
export function playTo(profile: Profile, options: PlayOptions = {}) {
  const { retained = [], known = [], failed = tellDefect } = options
  const kept = new Map(retained.map((each) => [each.topic, messageOf(each)]))
  const told: Told[] = []
  const clock = steppedClock()
  const claims = new Claims({
    past: {
      on: (topic) => kept.get(topic),
      matching: (isMatch, tell) => {
        for (const message of [...kept.values()]) if (isMatch(message.topic)) tell(message)
      },
    },
    owned: () => {},
    failed: (_claim, _topic, error) => failed(error),
  })
  const devices = openProfile(profile, {
    claims,
    clock,
    known,
    prefix: 'devices',
    sink: sinkTo(told),
    failed: (_profile, error) => failed(error),
  })
  return {
    devices,
    told,
    clock,
    claims,
    /** What belongs to the profile, or is heard by it. */
    hear: (topic: string, payload: string | Buffer, retain = false) => {
      const message = messageOf({ topic, payload, retain })
      if (retain && message.payload.bytes.length === 0) kept.delete(topic)
      // As in the hub, where a last value stays that was not retained.
      else kept.set(topic, message)
      const claimed = claims.on(topic)
      if (claimed !== undefined) claims.hear(claimed, message)
    },
    /** What is published when a device is asked so. */
    ask: (id: string, payload: unknown) => {
      const { facts } = present(devices.get(id))
      const out = facts.ask?.(readAsk(facts.kind, payload, { askKeys: [], ...facts })) ?? []
      if (typeof out === 'function') throw new Error('expected a device on the bus')
      return out.map(({ topic, payload: sent }) => ({
        topic,
        payload: sent.toString(),
      }))
    },
    /** Whether what was told since `from` confirms that a device has done what was asked. */
    isConfirmed: (id: string, payload: unknown, from: number) => {
      const { kind } = present(devices.get(id)).facts
      const goal = goalOf(kind, readAsk(kind, payload))
      return told.slice(from).some((each) => {
        if (each.what !== 'reported' || each.id !== id || each.from !== 'device') return false
        return reportResultOf(goal, settledPart(kind, each.values)) === 'as-asked'
      })
    },
    isRefused: (id: string, from: number) =>
      told.slice(from).some((each) => each.what === 'refused' && each.id === id),
    /** All devices, as `expect.devices` of a conversation has them. */
    shown: () =>
      [...devices.values()]
        .map(({ id, facts: { name, kind }, values, isAvailable }) => {
          const entries = Object.entries(values)
          const states = entries.filter(([, value]) => !isPair(value))
          return {
            id,
            name,
            kind: kind as string,
            readings: Object.fromEntries(entries.filter(([, value]) => isPair(value))),
            state: states.length === 0 ? null : Object.fromEntries(states),
            available: isAvailable,
          }
        })
        .sort(byId),
  }
}

export function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1
}

function present<T>(device: T | undefined): T {
  if (device === undefined) throw new Error('expected a device that the profile has declared')
  return device
}

function messageOf({
  topic,
  payload,
  retain = true,
}: {
  topic: string
  payload: string | Buffer
  retain?: boolean
}): Message {
  return { topic, payload: new Payload(Buffer.from(payload)), qos: 0, retain }
}

function sinkTo(told: Told[]): DeviceSink {
  return {
    hearing: () => {},
    declared: ({ id }) => told.push({ what: 'declared', id }),
    forgotten: ({ id }) => told.push({ what: 'forgotten', id }),
    availabilityChanged: ({ id }) => told.push({ what: 'available', id }),
    reported: ({ id }, values, from) => told.push({ what: 'reported', id, values, from }),
    refused: ({ id }, reason) => told.push({ what: 'refused', id, reason }),
    accepted: ({ id }) => told.push({ what: 'accepted', id }),
    observed: ({ id }, asked) => told.push({ what: 'observed', id, asked }),
    send: (_profile, outgoing) => told.push({ what: 'sent', outgoing }),
    checkClaim: () => {},
    leftOut: (_profile, id, reason) => told.push({ what: 'left-out', id, reason }),
  }
}
