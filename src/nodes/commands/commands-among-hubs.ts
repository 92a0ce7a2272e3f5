/**
 * Commands where several hubs are before one broker: the owner sends them, and whoever is asked at another hub asks the
 * owner, once. What the owner answers is told to whoever has asked, as if it were this hub that had sent it.
 */
import { randomUUID } from 'node:crypto'
import { noRights, rightsOf } from '../../access/rights.ts'
import type { Sender, Watcher } from '../../access/sender.ts'
import type { UserDirectory } from '../../access/user.ts'
import type { Bus } from '../../bus/bus.ts'
import type { Hubs } from '../../bus/foreign/hubs.ts'
import { tooOld } from '../../bus/foreign/open-questions.ts'
import type { AlarmClock } from '../../core/clock.ts'
import { HubError, isErrorCode, quote } from '../../core/errors.ts'
import type { JsonLimits } from '../../core/json.ts'
import { asQos, errorOn, type Message, type Receipt } from '../../core/message.ts'
import { Payload } from '../../core/payload.ts'
import type { Receipt as GeneratedReceipt } from '../../generated/receipt.ts'
import { validateReceipt } from '../../generated/validate-receipt.js'
import type { MessagePath } from '../message-path.ts'
import type { Commands, Request } from './commands.ts'

export interface AmongHubsParts {
  readonly hubs: Pick<
    Hubs,
    'owns' | 'refusal' | 'ask' | 'answer' | 'onAsked' | 'onAnswer' | 'onOwner'
  >
  readonly bus: Pick<Bus, 'publish'>
  readonly directory: Pick<UserDirectory, 'find'>
  readonly jsonLimits: JsonLimits
  readonly clock: AlarmClock
  /** The message path of this hub. */
  readonly enter: MessagePath['enter']
}

/** A command whose end was told may still be confirmed late. */
const lateMs = 120_000

/** So many are waited for. */
const mostAsked = 1000

interface Asking {
  /** Undefined once the owner has answered. */
  request: Request | undefined
  readonly topic: string
  readonly watcher: Watcher | undefined
  readonly askedMs: number
  hasEnded: boolean
  stop(): void
}

/** `commands`, of which none leaves but where this hub owns. */
export function commandsAmongHubs(commands: Commands, parts: AmongHubsParts): Commands {
  const { hubs, clock } = parts
  const asking = new Map<string, Asking>()
  const forget = (id: string, entry: Asking) => {
    entry.stop()
    asking.delete(id)
  }
  const giveUp = (id: string, reason: string) => {
    const entry = asking.get(id)
    if (entry?.request === undefined) return
    forget(id, entry)
    refuseLate(entry.request, new HubError('no-owner', reason), { commands, ...parts })
  }
  /** Whether its device has heard it nobody here can know. */
  const lose = (id: string) => {
    const entry = asking.get(id)
    if (entry === undefined) return
    forget(id, entry)
    const afterMs = Math.round(clock.nowMs() - entry.askedMs)
    if (!entry.hasEnded) tell(entry, { receipt: 'unknown', afterMs, final: true }, parts)
  }
  const ask = (request: Request) => {
    if (asking.size >= mostAsked) throw tooMany()
    const id = randomUUID()
    const { message, sender } = request
    const ofSender = { topic: message.topic, watcher: sender.watcher, askedMs: clock.nowMs() }
    hubs.ask(id, questionOf(request), (end, reason) => {
      if (end === 'unknown') lose(id)
      else giveUp(id, reason)
    })
    asking.set(id, { request, ...ofSender, hasEnded: false, stop: () => {} })
  }
  const told = (id: string, receipt: Receipt) => {
    const entry = asking.get(id)
    if (entry === undefined) return
    entry.request = undefined
    entry.stop()
    if (!entry.hasEnded && receipt.final === true) {
      entry.stop = clock.after(lateMs, () => asking.delete(id))
    }
    tell(entry, receipt, parts)
  }
  hubs.onAnswer(({ id, answer }) => {
    if (validateReceipt(answer)) told(id, asReceipt(answer))
  })
  // Nobody follows any more what the one before has sent.
  hubs.onOwner(() => {
    for (const [id, entry] of [...asking]) {
      if (entry.request === undefined) lose(id)
    }
  })
  hubs.onAsked(({ id, from, isFresh, question }) => {
    if ('change' in question) return
    const changed = (receipt: Receipt) => hubs.answer(from, { id, answer: receipt })
    try {
      if (!isFresh) throw tooOld()
      const { message, sender } = askedIn(question, parts)
      parts.enter(message, { ...sender, watcher: { changed } })
    } catch (error) {
      if (!(error instanceof HubError)) throw error
      changed({ receipt: 'refused', code: error.code, message: error.message, ...atOnce })
    }
  })
  return {
    ...commands,
    take: (request) => {
      if (hubs.owns) commands.take(request)
      else ask(request)
    },
    // The owner follows it.
    observe: (request) => {
      if (hubs.owns) commands.observe(request)
    },
    close: () => {
      for (const id of [...asking.keys()]) lose(id)
      commands.close()
    },
  }
}

function asReceipt({ code, ...receipt }: GeneratedReceipt): Receipt {
  return isErrorCode(code) ? { ...receipt, code } : receipt
}

const atOnce = { afterMs: 0, final: true } as const

function tooMany(): HubError {
  const sentence = `expected at most ${mostAsked} commands that the owner is asked for, got one more`
  return new HubError('too-fast', sentence)
}

function tell(entry: Asking, receipt: Receipt, { bus }: Pick<AmongHubsParts, 'bus'>): void {
  const { watcher, topic, hasEnded } = entry
  entry.hasEnded = hasEnded || receipt.final === true
  const { code, message = '' } = receipt
  // Whoever watches nothing is told of refusals alone, beside the topic.
  if (watcher === undefined && code !== undefined)
    bus.publish(errorOn(topic, new HubError(code, message)))
  watcher?.changed(receipt)
  if (!hasEnded && receipt.final === true) watcher?.ended?.(receipt)
}

/** Nobody has a call to come back to any more. */
function refuseLate(
  request: Request,
  error: HubError,
  { commands, bus }: { readonly commands: Commands } & Pick<AmongHubsParts, 'bus'>,
): void {
  const watcher = request.sender.watcher ?? {
    changed: () => bus.publish(errorOn(request.message.topic, error)),
  }
  commands.refuse({ ...request, sender: { ...request.sender, watcher } }, error)
}

// --- what is asked, as JSON: the same for MQTT 5 and 3.1.1 ---

function questionOf({ message, sender }: Request): object {
  const { topic, payload, qos } = message
  const { user, clientId, address, way, timeoutMs, force } = sender
  const asked = { topic, payload: payload.bytes.toString('base64'), qos }
  return { ...asked, user, clientId, address, way, timeoutMs, force }
}

/**
 * Who is asked for knows its user as this hub does, whatever the other one says.
 *
 * @throws HubError `bad-payload`
 */
function askedIn(
  question: Record<string, unknown>,
  { directory, jsonLimits }: AmongHubsParts,
): { readonly message: Message; readonly sender: Sender } {
  const { topic, payload, qos, user: name, clientId, address, way, timeoutMs, force } = question
  const texts = [topic, payload, name, address, way]
  if (!texts.every((text) => typeof text === 'string')) {
    const got = quote(Object.keys(question).join(' '))
    throw new HubError('bad-payload', `expected what a hub of this release asks, got ${got}`)
  }
  const user = directory.find(String(name))
  const ofClient = typeof clientId === 'string' ? clientId : undefined
  const bytes = Buffer.from(String(payload), 'base64')
  return {
    message: {
      topic: String(topic),
      payload: new Payload(bytes, jsonLimits),
      qos: asQos(Number(qos)),
      retain: false,
    },
    sender: {
      user: String(name),
      rights: user === undefined ? noRights : rightsOf(user, ofClient),
      address: String(address),
      way: String(way),
      ...(ofClient !== undefined && { clientId: ofClient }),
      ...(typeof timeoutMs === 'number' && { timeoutMs }),
      ...(force === true && { force }),
    },
  }
}
