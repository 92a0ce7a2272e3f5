/** The page's one websocket to the hub, which speaks Clown.Talk: docs/clown-talk.md. */
import { signal } from '@preact/signals'
import type { Receipt } from '../src/generated/receipt.ts'
import { hubTime } from './clock.ts'
import { endSession, refreshSession, session } from './session.ts'

export type LinkState =
  | { readonly is: 'connecting' }
  | { readonly is: 'open' }
  /** Until when it waits before it tries again, in milliseconds since 1970. */
  | { readonly is: 'waiting'; readonly untilMs: number }
  /** Nobody looks at the page, so that it needs none. */
  | { readonly is: 'resting' }

export const link = signal<LinkState>({ is: 'resting' })

/** A line of the hub that is no receipt. */
export interface Line {
  readonly topic: string
  readonly payload: unknown
  /** Bytes that are no text come in base64. */
  readonly isBase64: boolean
}

type HearLine = (line: Line) => void

const hearers = new Set<HearLine>()

/** Calls `hear` with every line from now on, until the returned function is called. */
export function onLine(hear: HearLine): () => void {
  hearers.add(hear)
  return () => hearers.delete(hear)
}

interface AskedCommand {
  heard(receipt: Receipt): void
  lost(): void
}

const commands = new Map<string, AskedCommand>()
let lastId = 0
let websocket: WebSocket | undefined
let failures = 0
let retry: ReturnType<typeof setTimeout> | undefined

/** The connection was lost before the command had ended: what became of it, the device will say. */
export class LinkLostError extends Error {}

/**
 * Commands a device; resolves with the receipt that ends the command. `onReceipt` hears all of them. While there is no connection
 * it is refused at once, since whoever pressed the button may have changed their mind when there is one.
 *
 * @throws LinkLostError
 */
export function command(
  device: string,
  payload: unknown,
  onReceipt: (receipt: Receipt) => void,
): Promise<Receipt> {
  return new Promise((resolve, reject) => {
    const id = `page-${++lastId}`
    const heard = (receipt: Receipt) => {
      onReceipt(receipt)
      if (receipt.final === true) resolve(receipt)
      if (receipt.receipt === 'confirmed-late') commands.delete(id)
    }
    if (!send([`${device}/set`, payload, { id }])) return reject(new LinkLostError())
    commands.set(id, { heard, lost: () => reject(new LinkLostError()) })
  })
}

function send(line: readonly unknown[]): boolean {
  if (websocket?.readyState !== WebSocket.OPEN) return false
  websocket.send(`${JSON.stringify(line)}\n`)
  return true
}

/** Connects, and connects again whenever the connection is lost, while somebody is signed in and looks. */
export function keepConnected(): () => void {
  const look = () => (document.hidden ? restSoon() : wake())
  document.addEventListener('visibilitychange', look)
  addEventListener('online', wake)
  connect()
  return () => {
    document.removeEventListener('visibilitychange', look)
    removeEventListener('online', wake)
    rest()
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
  clearTimeout(retry)
  clearTimeout(resting)
  const open = websocket
  websocket = undefined
  open?.close()
  loseCommands()
  link.value = { is: 'resting' }
}

function wake(): void {
  clearTimeout(resting)
  if (link.peek().is === 'resting' || link.peek().is === 'waiting') connect()
}

/** Does not wait any longer. */
export function tryNow(): void {
  if (link.peek().is !== 'waiting') return
  clearTimeout(retry)
  void reconnect()
}

function connect(): void {
  clearTimeout(retry)
  if (link.peek().is !== 'waiting') link.value = { is: 'connecting' }
  const url = new URL('talk', document.baseURI)
  url.protocol = url.protocol.replace('http', 'ws')
  url.hash = ''
  const opened = new WebSocket(url)
  websocket = opened
  opened.onopen = () => {
    failures = 0
    link.value = { is: 'open' }
  }
  opened.onmessage = ({ data }) => {
    for (const text of String(data).split('\n')) if (text !== '') hear(text)
  }
  opened.onclose = ({ code, reason }) => {
    if (websocket === opened) lost(code, reason)
  }
}

function lost(code: number, reason: string): void {
  websocket = undefined
  loseCommands()
  if (code === 4401) {
    link.value = { is: 'resting' }
    endSession(reason === 'expired' ? 'expired' : 'signed-out')
    return
  }
  failures++
  // Full jitter: a hundred pages do not come at once when the hub is back.
  const delayMs = 500 + Math.random() * Math.min(30_000, 500 * 2 ** failures)
  link.value = { is: 'waiting', untilMs: hubTime() + delayMs }
  retry = setTimeout(() => void reconnect(), delayMs)
}

/** A page is not told why its websocket was refused, so it asks whether anybody is signed in still. */
async function reconnect(): Promise<void> {
  await refreshSession()
  if (session.peek().is === 'out') link.value = { is: 'resting' }
  else connect()
}

function loseCommands(): void {
  for (const each of commands.values()) each.lost()
  commands.clear()
}

function hear(text: string): void {
  const [topic, payload, options] = JSON.parse(text) as [string, unknown, LineOptions?]
  const command = commands.get(String(options?.id))
  if (command !== undefined && isReceipt(payload)) {
    command.heard(payload)
    return
  }
  const line = { topic, payload, isBase64: options?.encoding === 'base64' }
  for (const each of hearers) each(line)
}

interface LineOptions {
  readonly id?: string | number
  readonly encoding?: string
}

function isReceipt(payload: unknown): payload is Receipt {
  return typeof payload === 'object' && payload !== null && 'receipt' in payload
}
