import { randomUUID } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { createListeners } from '../../core/callbacks.ts'
import { isRecord, parseJson } from '../../core/json.ts'
import type { Receipt, ReceiptName } from '../../core/message.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { TokenBucket } from '../../core/token-bucket.ts'
import { type Command, quotedAsked } from './command-life.ts'
import type { OwnChange } from './own-changes.ts'

/** Who asked a device for what, and what became of it as far as is known; or that it changed by itself. */
interface AuditEntry extends Omit<Receipt, 'receipt'> {
  readonly receipt: ReceiptName | 'by-itself'
  readonly id: string
  /** When it was accepted or refused, as ISO time. */
  readonly at: string
  readonly user: string
  readonly address: string
  readonly way: string
  readonly device: string
  /** The payload; of a long one the beginning of its text. */
  readonly asked: unknown
}

/** By whom a command was, and for which device. */
export type Commanded = Pick<AuditEntry, 'device' | 'user'>

/** A line that tells what became of a command whose beginning stands in another one. */
type Ending = Pick<AuditEntry, 'id' | 'at' | 'receipt' | 'code' | 'message' | 'afterMs'>

export interface AuditQuery {
  readonly device?: string | undefined
  /** Milliseconds since 1970. */
  readonly since?: number | undefined
  readonly limit: number
}

/** A list of all commands that is only ever added to. */
export interface AuditLog {
  /** To be called with each receipt of each command. Never waits, never throws. */
  tell(command: Command, receipt: Receipt): void
  /** A device has changed, and no command asked for that. */
  changed(change: OwnChange): void
  /** Of a command of which nobody but its id is known any more, as after a restart. */
  ended(id: string, receipt: Receipt): void
  /** Removes all commands that fit, for good; resolves with how many those were. */
  forget(fits: (command: Commanded) => boolean): Promise<number>
  /** The latest commands that fit, the newest first. */
  read(query: AuditQuery): Promise<AuditEntry[]>
  /** Resolves when all that was told so far is on disk, or cannot be written. */
  synced(): Promise<void>
  /** Calls `listener` with each last word on a command, and each change without one; what it returns ends that. */
  onNews(listener: (news: CommandNews) => void): () => void
  /** How many commands have come to which end since the start. */
  ends(): CommandEnds[]
  /** Waits until all is written. */
  close(): Promise<void>
}

/** The last word on a command, or a change without one. */
export interface CommandNews {
  readonly device: string
  readonly receipt: ReceiptName | 'by-itself'
  readonly user: string
}

/** How many commands that came in one way have come to one end. */
export interface CommandEnds {
  readonly way: string
  readonly receipt: ReceiptName
  readonly count: number
}

interface AuditLogOptions {
  readonly lines: AuditLines
  readonly sampledLog: SampledLog
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
}

/** In the place of a user: of a device that changed by itself. */
const itself = 'itself'

/** Somebody who is refused again and again must not push everything else out of the log. */
const refusedPerSecond = 10
const rememberedUsers = 4096

export function createAuditLog({ lines, sampledLog, now }: AuditLogOptions): AuditLog {
  const rate = { perSecond: refusedPerSecond, burst: refusedPerSecond, ...(now && { now }) }
  const refused = new LRUCache<string, TokenBucket>({
    max: rememberedUsers,
    memoMethod: () => new TokenBucket(rate),
  })
  const ends = new Map<string, CommandEnds>()
  const { add: onNews, tell: tellNews } = createListeners<[news: CommandNews]>()
  const append = (line: AuditEntry | Ending) => lines.append(JSON.stringify(line))
  const ended = (id: string, { final: _, ...receipt }: Receipt) =>
    append({ id, at: new Date().toISOString(), ...receipt })
  const isTooMuch = (whom: string, text: string) => {
    const isSo = !refused.memo(whom).take()
    if (isSo) sampledLog.warn('audit-left-out', { whom }, text)
    return isSo
  }
  return {
    ended,
    onNews,
    changed: ({ device, at, reported, source }) => {
      tellNews({ device, receipt: 'by-itself', user: itself })
      if (isTooMuch(`:${device}`, 'a device changed by itself, which was not logged')) return
      const who = { user: itself, address: itself, way: source ?? itself }
      const what = { device, asked: reported, receipt: 'by-itself', afterMs: 0 } as const
      append({ id: randomUUID(), at: at.toISOString(), ...who, ...what })
    },
    tell: (command, receipt) => {
      const { user, way } = command.sender
      if (receipt.final) {
        countEnd(ends, way, receipt.receipt)
        tellNews({ device: command.device, receipt: receipt.receipt, user })
      }
      if (receipt.receipt === 'accepted') append(entryOf(command, receipt))
      else if (!command.isAccepted) {
        if (!isTooMuch(user, 'a refused command was not logged')) append(entryOf(command, receipt))
      } else if (receipt.receipt !== 'sent') ended(command.id, receipt)
    },
    read: async ({ device, since = 0, limit }) => {
      const entries: AuditEntry[] = []
      for await (const entry of entriesIn(lines.newestFirst())) {
        if (Date.parse(entry.at) < since) break
        if (device === undefined || device === entry.device) entries.push(entry)
        if (entries.length >= limit) break
      }
      return entries
    },
    forget: async (fits) => {
      const gone = new Set<string>()
      await lines.remove((text) => {
        const line = parseJson(text)
        if (!isLine(line)) return false
        if ('device' in line && fits(line)) gone.add(line.id)
        return gone.has(line.id)
      })
      return gone.size
    },
    synced: lines.synced,
    ends: () => [...ends.values()],
    close: lines.close,
  }
}

function countEnd(ends: Map<string, CommandEnds>, way: string, receipt: ReceiptName): void {
  const key = `${way} ${receipt}`
  ends.set(key, { way, receipt, count: (ends.get(key)?.count ?? 0) + 1 })
}

function entryOf(command: Command, receipt: Receipt): AuditEntry {
  const { id, at, sender, device } = command
  const { user, address, way } = sender
  const asked = quotedAsked(command)
  return { id, at: at.toISOString(), user, address, way, device, asked, ...receipt }
}

/** The commands in `lines`, which come the newest first: an ending before its beginning. */
async function* entriesIn(lines: AsyncIterable<string>): AsyncGenerator<AuditEntry> {
  const endings = new Map<string, Ending>()
  for await (const text of lines) {
    const line = parseJson(text)
    if (!isLine(line)) continue
    const ending = endings.get(line.id)
    if ('device' in line) {
      endings.delete(line.id)
      const { receipt, code, message, afterMs } = ending ?? line
      yield { ...line, receipt, ...(code && { code, message }), afterMs }
      // Of several, the last one counts.
    } else if (ending === undefined) endings.set(line.id, line)
  }
}

/** Not so one that was cut off. */
function isLine(value: unknown): value is AuditEntry | Ending {
  return isRecord(value) && typeof value['id'] === 'string'
}

/** Where the lines of the audit log are. */
export interface AuditLines {
  /** Adds a line. Never waits, never throws. */
  append(line: string): void
  /** Resolves when all that was added is on disk, or cannot be. */
  synced(): Promise<void>
  /** Removes the lines that fit, which are asked about from the oldest to the newest. */
  remove(fits: (line: string) => boolean): Promise<void>
  /** All lines that were added before it was asked for, the newest first. */
  newestFirst(): AsyncIterable<string>
  /** Waits until all is written. */
  close(): Promise<void>
}

/** Enough for the beginnings and endings of 1,000 commands. */
const maxLines = 2000

/** The latest lines, in memory only. */
export function keepAuditLines(): AuditLines {
  const lines: string[] = []
  return {
    append: (line) => {
      if (lines.push(line) > maxLines) lines.shift()
    },
    remove: async (fits) => {
      const kept = lines.filter((line) => !fits(line))
      lines.splice(0, lines.length, ...kept)
    },
    newestFirst: async function* () {
      yield* lines.toReversed()
    },
    synced: async () => {},
    close: async () => {},
  }
}
