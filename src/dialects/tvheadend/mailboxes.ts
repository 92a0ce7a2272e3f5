/** What clients have still to be told: kept for a minute when one has gone, so that it can go on. */

import { randomBytes } from 'node:crypto'
import type { AlarmClock } from '../../core/clock.ts'
import { hasRoomFor } from '../../core/equal-share.ts'
import { whenAborted } from '../../core/guard.ts'
import { isRecord } from '../../core/json.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import type { Codec, ServedConversation, ServedLink } from '../served-dialect.ts'

export interface Mailbox {
  /** 40 hexadecimal digits. */
  readonly id: string
  /** The name of the user whose it is, and nobody else's. */
  readonly user: string
  /** Adds what a client has to know first: it comes before everything else, and is never dropped. */
  begin(messages: readonly Notification[]): void
  /** Adds a message; a later one with the same `key` takes the place of an earlier one. */
  put(message: Notification, key?: string): void
  /** All there is that its user may have, which is gone from here then. */
  take(): Notification[]
  readonly isEmpty: boolean
  /**
   * Calls `wake` when there is something to take, also now. While somebody reads, the mailbox stays.
   * `replaced` is for a reader that stays, of which there is one: it is called when the next one comes.
   */
  read(wake: () => void, replaced?: () => void): () => void
}

export interface Mailboxes {
  /** The mailbox `id` of a user, or else a new one; undefined when there are too many. */
  open(user: string, id: string | null): { mailbox: Mailbox; isNew: boolean } | undefined
  each(act: (mailbox: Mailbox) => void): void
  close(): void
}

interface MailboxesOptions {
  readonly clock: Pick<AlarmClock, 'after'>
  readonly limits: { readonly mailboxes: number; readonly mailboxMessages: number }
  readonly sampledLog: SampledLog
  /** Whether a user may have a message now, which has waited. */
  mayHave(user: string, message: Notification): boolean
  /** Called when there is a first one; the answer is called when there is none any more. */
  used(): () => void
}

/** So long one stays that nobody reads: `comet.c` of the original. */
const unreadMs = 60_000

/** A mailbox, and who reads it or how to stop its end. */
interface Kept {
  readonly mailbox: Mailbox
  readonly readers: Set<() => void>
  stopEnd: (() => void) | undefined
  /** Of the reader that stays. */
  replace: (() => void) | undefined
}

export function createMailboxes(options: MailboxesOptions): Mailboxes {
  const { clock, limits, sampledLog, mayHave, used } = options
  /** Those that were left first come first. */
  const kept = new Map<string, Kept>()
  let unused: (() => void) | undefined
  const end = ({ mailbox, stopEnd }: Kept) => {
    stopEnd?.()
    kept.delete(mailbox.id)
    if (kept.size > 0) return
    unused?.()
    unused = undefined
  }
  const leave = (one: Kept) => {
    one.stopEnd?.()
    kept.delete(one.mailbox.id)
    kept.set(one.mailbox.id, one)
    one.stopEnd = clock.after(unreadMs, () => end(one))
  }
  const makeRoom = (user: string): boolean => {
    if (kept.size < limits.mailboxes) return true
    sampledLog.warn('mailboxes-ended', { user }, 'there are too many mailboxes')
    const victim = givingWay(user, [...kept.values()])
    if (victim !== undefined) end(victim)
    const owners = [...kept.values()].map(({ mailbox }) => mailbox.user)
    const own = owners.filter((owner) => owner === user).length
    const sharers = new Set(owners).size
    return hasRoomFor({ most: limits.mailboxes, total: kept.size, own, sharers })
  }
  const make = (user: string): Mailbox => {
    const queue = createQueue(limits.mailboxMessages, sampledLog)
    const { readers } = queue
    const mailbox: Mailbox = {
      id: randomBytes(20).toString('hex'),
      user,
      take: () => queue.take().filter((message) => mayHave(user, message)),
      begin: queue.begin,
      put: queue.put,
      get isEmpty() {
        return queue.size === 0
      },
      read: (wake, replaced) => {
        one.stopEnd?.()
        readers.add(wake)
        if (replaced !== undefined) {
          one.replace?.()
          one.replace = replaced
        }
        if (queue.size > 0) wake()
        return () => {
          if (one.replace === replaced) one.replace = undefined
          if (readers.delete(wake) && readers.size === 0 && kept.has(mailbox.id)) leave(one)
        }
      },
    }
    const one: Kept = { mailbox, readers, stopEnd: undefined, replace: undefined }
    leave(one)
    unused ??= used()
    return mailbox
  }
  return {
    open: (user, id) => {
      const known = kept.get(id ?? '')
      if (known?.mailbox.user === user) {
        if (known.readers.size === 0) leave(known)
        return { mailbox: known.mailbox, isNew: false }
      }
      return makeRoom(user) ? { mailbox: make(user), isNew: true } : undefined
    },
    each: (act) => {
      for (const { mailbox } of kept.values()) act(mailbox)
    },
    close: () => {
      for (const one of [...kept.values()]) end(one)
    },
  }
}

/** Of those that nobody reads it is the first of `user`, who takes many, or else of whoever has most. */
function givingWay(user: string, kept: readonly Kept[]): Kept | undefined {
  const counts = new Map<string, number>()
  for (const { mailbox } of kept) counts.set(mailbox.user, (counts.get(mailbox.user) ?? 0) + 1)
  const countOf = ({ mailbox }: Kept) => Number(counts.get(mailbox.user))
  const unread = kept.filter(({ readers }) => readers.size === 0)
  const own = unread.find(({ mailbox }) => mailbox.user === user)
  return own ?? unread.sort((a, b) => countOf(b) - countOf(a))[0]
}

/** Messages in order, of which readers are told; past `most`, the oldest is dropped. */
function createQueue(most: number, sampledLog: SampledLog) {
  const readers = new Set<() => void>()
  const wakeAll = () => {
    for (const wake of readers) wake()
  }
  const first: Notification[] = []
  const waiting = new Map<string | number, Notification>()
  let count = 0
  return {
    readers,
    get size() {
      return first.length + waiting.size
    },
    begin: (messages: readonly Notification[]) => {
      for (const message of messages) first.push(message)
      if (messages.length > 0) wakeAll()
    },
    put: (message: Notification, key: string | number = ++count) => {
      waiting.delete(key)
      waiting.set(key, message)
      wakeAll()
      const [oldest] = waiting.keys()
      if (waiting.size <= most || oldest === undefined) return
      waiting.delete(oldest)
      sampledLog.warn('mailbox-messages-dropped', {}, 'a mailbox that nobody reads is full')
    },
    take: () => {
      const all = [...first.splice(0), ...waiting.values()]
      waiting.clear()
      return all
    },
  }
}

// --- how messages leave: on a websocket, or by long poll ---

/** No two frames are closer than that, unless the client asks for the second one. */
const frameEveryMs = 1000

/**
 * Sends what a mailbox has: at once when no frame went out within the last second, and else a second
 * after that. Any frame of the client asks for what is there now. Of a mailbox that is continued the
 * first frame has its id only when it comes within a second, as by the original.
 *
 * A client that lost its connection comes back before the hub notices. The websocket that it left is cut
 * then, for what went there would be lost.
 */
export function deliver(
  link: Pick<ServedLink, 'send' | 'cut'>,
  mailbox: Mailbox,
  clock: Pick<AlarmClock, 'after' | 'nowMs'>,
): ServedConversation {
  const openedMs = clock.nowMs()
  let sentMs = Number.NEGATIVE_INFINITY
  let stopWaiting: (() => void) | undefined
  const flush = () => {
    stopWaiting?.()
    stopWaiting = undefined
    const messages = mailbox.take()
    if (messages.length === 0) return
    const nowMs = clock.nowMs()
    const isFirst = sentMs < openedMs && nowMs - openedMs <= frameEveryMs
    link.send(cometCodec.encode(isFirst ? { boxid: mailbox.id, messages } : { messages }))
    sentMs = nowMs
  }
  const flushSoon = () => {
    // What happens in one turn goes out together.
    const waitMs = Math.max(0, sentMs + frameEveryMs - clock.nowMs())
    stopWaiting ??= clock.after(waitMs, flush)
  }
  const closed = () => {
    stopWaiting?.()
    leave()
  }
  const leave = mailbox.read(flushSoon, () => {
    closed()
    link.cut()
  })
  return { receive: flush, closed }
}

interface Poll {
  readonly isImmediate: boolean
  /** Aborts when nobody waits for the answer any more. */
  readonly gone: AbortSignal
}

/** The original answers no poll sooner, so that a client without patience does no harm. */
const shortestMs = 100
const longestMs = 10_000

/** What a poll is answered; of a client that has gone, everything stays in the mailbox. */
export async function answerPoll(
  mailbox: Mailbox,
  { isImmediate, gone }: Poll,
  clock: Pick<AlarmClock, 'after'>,
): Promise<string> {
  if (!isImmediate) {
    await new Promise<void>((resolve) => clock.after(shortestMs, resolve))
    await somethingIn(mailbox, gone, clock)
  }
  return cometCodec.encode({ boxid: mailbox.id, messages: gone.aborted ? [] : mailbox.take() })
}

/** Resolves when a mailbox has something, when nobody waits for it any more, or after the longest time. */
function somethingIn(
  mailbox: Mailbox,
  gone: AbortSignal,
  clock: Pick<AlarmClock, 'after'>,
): Promise<void> {
  if (gone.aborted || !mailbox.isEmpty) return Promise.resolve()
  return new Promise((resolve) => {
    const end = () => {
      stop()
      leave()
      stopFollowing()
      resolve()
    }
    const stop = clock.after(longestMs, end)
    const leave = mailbox.read(end)
    const stopFollowing = whenAborted(gone, end)
  })
}

/** Something that a server tells; what else it holds depends on its class. */
export interface Notification {
  readonly notificationClass: string
  readonly [field: string]: unknown
}

/** What a server says at once: on a websocket a frame, by poll an answer. */
interface Batch {
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
