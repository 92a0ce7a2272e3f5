/** How messages leave a mailbox: on a websocket, or by long poll. */
import type { AlarmClock } from '../../core/clock.ts'
import type { Conversation, ServedLink } from '../served-dialect.ts'
import { cometCodec } from './comet.ts'
import type { Mailbox } from './mailboxes.ts'

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
): Conversation {
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

export interface Poll {
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
      gone.removeEventListener('abort', end)
      resolve()
    }
    const stop = clock.after(longestMs, end)
    const leave = mailbox.read(end)
    gone.addEventListener('abort', end)
  })
}
