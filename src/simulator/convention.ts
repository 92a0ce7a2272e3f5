/**
 * What a convention of hardware is to the simulator. To add one: a file in `conventions`, a line in `conventions.ts`, and
 * `test/simulator/conventions.test.ts` tries it with all faults. Nothing of the hub's own profiles is used: what a
 * device says is written down once more, by whoever looks at it from the other side.
 */
import { createHash } from 'node:crypto'
import { HubError, quote } from '../core/errors.ts'
import type { Payload } from '../core/payload.ts'
import { checkTopic } from '../core/topic.ts'
import type { NodePart, Values } from './parts.ts'

/** One message of a device. QoS 0 and not retained, unless given. */
export interface Utterance {
  readonly topic: string
  readonly payload: string
  readonly qos?: 0 | 1
  readonly retain?: boolean
}

/** Why something is reported: it has obeyed, it was asked, time has gone by. */
export type Occasion = 'obeyed' | 'asked' | 'time'

/** What a node does with a message. */
export interface Deed {
  /** What it says in any case. */
  readonly says?: readonly Utterance[]
  /** Parts that say how they are. */
  readonly tells?: readonly NodePart[]
  readonly takes?: Order
  /** A part that reports so often from now on. */
  readonly paces?: { readonly part: NodePart; readonly intervalMs: number }
  /** Why it does nothing, for whoever watches: its sender hears nothing. */
  readonly drops?: string
}

/** What a part is told to do. */
export interface Order {
  readonly part: NodePart
  readonly asked: Readonly<Record<string, unknown>>
  /** Utterance at once by conventions that say so before they have done it. */
  readonly accepted?: readonly Utterance[]
  /** Utterance instead, by conventions in which a device can refuse. */
  readonly refused?: readonly Utterance[]
}

/** Who a node is. */
export interface NodeIdentity {
  /** What its topics have in them; what that is, each convention says. */
  readonly name: string
  /** Twelve digits and capitals from A to F. */
  readonly mac: string
}

/** A node in the words of one convention. It has no clock and no connection: it turns one thing into another. */
export interface Speech {
  /** What it subscribes to. */
  readonly filters: readonly string[]
  /** What the broker says when the node has gone without a word. */
  readonly will?: Utterance
  /** What it says of itself on a connection, before each part says how it is. */
  greet(isFirst: boolean): readonly Utterance[]
  report(part: NodePart, occasion: Occasion): readonly Utterance[]
  /** What a part, or the thing that it is a part of, is known by wherever it is put: an address, or its name where it has none. */
  lastingIdOf(part: NodePart): string
  hear(topic: string, payload: Payload): Deed
}

export interface Convention {
  /** What its topics have in them, unless it is called otherwise, and whether that is one level of a topic. */
  readonly name: { readonly usual: string; readonly isOneLevel: boolean }
  /** Whether a device has a word for that it does not do what it is told. */
  readonly canRefuse: boolean
  /** What a node has, unless it is told otherwise. */
  parts(): NodePart[]
  open(identity: NodeIdentity, parts: readonly NodePart[]): Speech
}

/** @throws HubError `bad-topic` for a name that nothing can be called. */
export function checkName(name: string, { name: { isOneLevel } }: Convention): void {
  if (name !== '') checkTopic(name)
  if (!isOneLevel || !name.includes('/')) return
  throw new HubError('bad-topic', `expected a name without / in it, got ${quote(name)}`)
}

/** Made of its name, so that each name is another one. It begins as addresses do that no maker has (IEEE 802, 8.2). */
export function identityOf(name: string): NodeIdentity {
  const digits = createHash('sha256').update(name).digest('hex').slice(0, 10)
  return { name, mac: `02${digits}`.toUpperCase() }
}

/** How many of its kind come before it. */
export function placeAmongKind(parts: readonly NodePart[], part: NodePart): number {
  return parts.filter(({ kind }) => kind === part.kind).indexOf(part)
}

/** The part that is the `place`th of those of a kind. */
export function partAt(
  parts: readonly NodePart[],
  kind: NodePart['kind'],
  place: number,
): NodePart | undefined {
  return parts.filter((part) => part.kind === kind)[place]
}

/** `Hall lamp` as a level of a topic: `hall-lamp`. */
export function topicLevelOf(name: string, joint: '-' | '_' = '-'): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, joint)
}

/** What nobody here understands. */
export function notUnderstood(topic: string): Deed {
  return { drops: `expected a command to this node, got topic ${quote(topic)}` }
}

/** Retained, as states are. */
export function kept(topic: string, payload: string): Utterance {
  return { topic, payload, qos: 1, retain: true }
}

/** How a switch is told in most conventions: `ON`, `OFF`, or `TOGGLE`; undefined for anything else. */
export function switchAsked({ values }: NodePart, text: string): Values | undefined {
  const word = text.toUpperCase()
  if (word === 'TOGGLE') return { state: values['state'] !== true }
  return word === 'ON' || word === 'OFF' ? { state: word === 'ON' } : undefined
}

/** The word for a switch in most conventions. */
export function onOff(state: unknown): 'ON' | 'OFF' {
  return state === true ? 'ON' : 'OFF'
}

/** `FFB46B` as its red, green and blue. */
export function redGreenBlueOf(
  color: unknown,
): readonly [red: number, green: number, blue: number] {
  const [red = 0, green = 0, blue = 0] = Buffer.from(String(color), 'hex')
  return [red, green, blue]
}
