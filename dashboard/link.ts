/** The page's one connection to the hub, by the client library; while nobody looks at the page there is none. */
import { signal } from '@preact/signals'
import {
  CommandError,
  connect,
  type HubClient,
  type HubLabel,
  type HubMessage,
  type HubState,
  OfflineError,
  type Receipt,
} from '../client/index.ts'
import { hubTime } from './clock.ts'
import { refreshSession, session } from './session.ts'

export type LinkState =
  | { readonly is: 'connecting' }
  | { readonly is: 'open' }
  /** Until when it waits before it tries again, in milliseconds since 1970. */
  | { readonly is: 'waiting'; readonly untilMs: number }
  /** Nobody looks at the page, so that it needs none. */
  | { readonly is: 'resting' }

export const link = signal<LinkState>({ is: 'resting' })

/** That messages were left out for this page, and how many where the hub can tell; until who looks knows of it. */
export const missed = signal<{ readonly count: number | undefined } | undefined>(undefined)

function miss(count: number | undefined): void {
  const { count: before } = missed.peek() ?? { count: 0 }
  const isTold = before !== undefined && count !== undefined
  missed.value = { count: isTold ? before + count : undefined }
}

/** A message. */
export interface Line {
  readonly topic: string
  readonly payload: unknown
  /** Bytes that are no text come in base64. */
  readonly isBase64: boolean
  /** When it came, in milliseconds since 1970 by the hub's clock. */
  readonly atMs: number
  /** Whether it is a last value from before. */
  readonly isPast: boolean
}

type HearLine = (line: Line) => void

let hub: HubClient | undefined
/** What ends each of those who hear. */
const hearers = new Map<HearLine, () => void>()

/** Calls `hear` with the last value of each topic, and with each message from now on, until the returned function is called. */
export function onLine(hear: HearLine): () => void {
  hearers.set(hear, hearHub(hear))
  return () => {
    hearers.get(hear)?.()
    hearers.delete(hear)
  }
}

function hearHub(hear: HearLine): () => void {
  return hub?.on('#', (message) => hear(lineOf(message))) ?? (() => {})
}

function hearLabels(opened: HubClient): void {
  opened.onLabel((label, topic) => {
    for (const hear of labelHearers) hear(label, topic)
  })
}

const labelHearers = new Set<(label: HubLabel, topic: string) => void>()

/** Calls `hear` when a device is called otherwise, until the returned function is called. */
export function onLabel(hear: (label: HubLabel, topic: string) => void): () => void {
  labelHearers.add(hear)
  return () => void labelHearers.delete(hear)
}

function lineOf({ topic, value, encoding, atMs, isPast }: HubMessage): Line {
  // What nobody knows the age of is shown as it came.
  const ageMs = atMs === undefined ? 0 : Date.now() - atMs
  return { topic, payload: value, isBase64: encoding === 'base64', atMs: hubTime() - ageMs, isPast }
}

/** There is no connection, and nothing was sent. */
export class LinkLostError extends Error {}

/**
 * Commands a device; resolves with the receipt that ends the command. `onReceipt` hears all of them. While there is no connection
 * it is refused at once, since whoever pressed the button may have changed their mind when there is one.
 *
 * @throws LinkLostError
 */
export async function command(
  device: string,
  payload: unknown,
  onReceipt: (receipt: Receipt) => void,
): Promise<Receipt> {
  if (hub === undefined) throw new LinkLostError()
  try {
    return await hub.command(device, payload, { onProgress: onReceipt })
  } catch (error) {
    if (error instanceof CommandError) return error.receipt
    if (error instanceof OfflineError) throw new LinkLostError()
    throw error
  }
}

/**
 * Publishes a message. `onRefused` hears why the hub has refused it, until the returned function is called.
 *
 * @throws LinkLostError
 */
export function publish(
  topic: string,
  payload: unknown,
  onRefused: (why: string) => void,
): () => void {
  try {
    if (hub === undefined) throw new OfflineError()
    hub.publish(topic, payload)
    return hub.onError((error, about) => {
      if (about === topic) onRefused(error.message)
    })
  } catch (error) {
    throw error instanceof OfflineError ? new LinkLostError() : error
  }
}

/** Keeps the connection while somebody looks, until the returned function is called. */
export function keepConnected(): () => void {
  const look = () => (document.hidden ? restSoon() : wake())
  document.addEventListener('visibilitychange', look)
  addEventListener('online', tryNow)
  wake()
  return () => {
    document.removeEventListener('visibilitychange', look)
    removeEventListener('online', tryNow)
    rest()
    missed.value = undefined
  }
}

/** A tab that somebody leaves for a moment stays connected. */
const restAfterMs = 60_000
let resting: ReturnType<typeof setTimeout> | undefined

function restSoon(): void {
  clearTimeout(resting)
  resting = setTimeout(rest, restAfterMs)
}

function rest(): void {
  clearTimeout(resting)
  const former = hub
  hub = undefined
  former?.close()
  link.value = { is: 'resting' }
}

function wake(): void {
  clearTimeout(resting)
  if (hub !== undefined) return
  const opened = connect(new URL('.', document.baseURI))
  hub = opened
  for (const hear of hearers.keys()) hearers.set(hear, hearHub(hear))
  hearLabels(opened)
  opened.onMissed(miss)
  opened.onState((state) => {
    if (hub === opened) changed(state)
  })
}

/** Does not wait any longer. */
export function tryNow(): void {
  hub?.retry()
}

function changed(state: HubState): void {
  if (state.name === 'open' || state.name === 'connecting') {
    // Between two attempts it stays said that there is no connection.
    if (state.name === 'connecting' && link.peek().is === 'waiting') return
    link.value = { is: state.name }
  } else if (state.name === 'reconnecting') {
    link.value = { is: 'waiting', untilMs: hubTime() + state.inSeconds * 1000 }
  } else if (state.name === 'refused') void askAgain(state.why)
}

/** A session has ended; whoever has changed the password here has a new one already. */
async function askAgain(why: string): Promise<void> {
  rest()
  await refreshSession(why === 'expired' ? 'expired' : 'signed-out')
  if (session.peek().is === 'in') wake()
}
