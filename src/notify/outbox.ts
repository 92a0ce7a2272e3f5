import type { AlarmClock } from '../core/clock.ts'
import { reasonOf } from '../core/errors.ts'
import { detached } from '../core/guard.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { NoticeEntry } from '../generated/stored.ts'
import { validateNoticeEntry } from '../generated/validate-stored.js'
import type { Store } from '../store/store.ts'
import { openStoredTable } from '../store/stored-table.ts'
import type { Notice } from './alarms.ts'
import type { Send } from './targets.ts'

export interface OutboxOptions {
  readonly store: Pick<Store, 'entries' | 'write'>
  readonly sampledLog: SampledLog
  /** By name. */
  readonly targets: ReadonlyMap<string, Send>
  readonly clock: Pick<AlarmClock, 'after'>
}

/** What targets are to be told: in order, tried again while one is away, kept over a restart. */
export interface Outbox {
  /** Takes a notice; never waits, never throws. */
  tell(target: string, notice: Notice): void
  /** How many were sent, have failed, and wait. */
  counts(): { readonly sent: number; readonly failed: number; readonly waiting: number }
  /** Resolves when what is being sent was sent, and that was noted, or a little later. */
  close(): Promise<void>
}

/** Of all targets together; the oldest is given up for a newer one. */
const mostWaiting = 1000

const pauses = { firstMs: 1000, longestMs: 300_000 }

/** So long a notice waits to be on disk before it is sent: a full disk keeps nobody from being told. */
const mostNotingMs = 1000

/** So long the end waits for what is being sent. */
const mostEndingMs = 2000

export async function openOutbox(options: OutboxOptions): Promise<Outbox> {
  const { store, sampledLog, targets, clock } = options
  const table = await openStoredTable<Readonly<NoticeEntry>>({
    ...{ store, sampledLog, name: 'notice', maxSize: mostWaiting, validate: validateNoticeEntry },
  })
  const counts = { sent: 0, failed: 0 }
  const busy = new Map<string, Promise<void>>()
  const cancels = new Map<string, () => void>()
  let isClosed = false
  const nextFor = (name: string) => [...table.entries()].find(([, { target }]) => target === name)
  const deliver = async (name: string, send: Send) => {
    let pauseMs = pauses.firstMs
    for (let next = nextFor(name); next !== undefined && !isClosed; next = nextFor(name)) {
      const [key, { notice }] = next
      try {
        // Sent before, it would be told under another id by a hub that is killed now.
        await noted()
        await send(notice)
        counts.sent++
        pauseMs = pauses.firstMs
        table.delete(key)
      } catch (error) {
        counts.failed++
        const fields = { target: name, reason: reasonWithoutUrl(error), againInMs: pauseMs }
        sampledLog.warn('notice-failed', fields, 'a target could not be told: it is tried again')
        await pause(name, pauseMs)
        pauseMs = Math.min(2 * pauseMs, pauses.longestMs)
      }
    }
  }
  const within = (ms: number, done: Promise<unknown>) =>
    new Promise<void>((resolve) => {
      const cancel = clock.after(ms, resolve)
      const end = () => {
        cancel()
        resolve()
      }
      detached(done.finally(end))
    })
  const noted = () =>
    within(
      mostNotingMs,
      table.stored().catch(() => {}),
    )
  const pause = (name: string, ms: number) =>
    new Promise<void>((resolve) => {
      const cancel = clock.after(ms, resolve)
      cancels.set(name, () => {
        cancel()
        resolve()
      })
    })
  const wake = (name: string) => {
    const send = targets.get(name)
    if (send === undefined || busy.has(name)) return
    const delivered = deliver(name, send).finally(() => busy.delete(name))
    busy.set(name, delivered)
    detached(delivered)
  }
  for (const name of targets.keys()) wake(name)
  return {
    tell: (target, notice) => {
      table.set(`${notice.id} ${target}`, { target, notice })
      wake(target)
    },
    counts: () => ({ ...counts, waiting: table.size }),
    close: async () => {
      isClosed = true
      for (const cancel of cancels.values()) cancel()
      await within(mostEndingMs, Promise.all(busy.values()))
    },
  }
}

/** What went wrong, where an address may be a secret. */
function reasonWithoutUrl(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  return reasonOf(cause).replaceAll(/https?:\/\/\S+/g, '(its address)')
}
