/** Who came in and who did not, and what was changed of users, bans and configuration: one line an event. */
import { closeSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { LRUCache } from 'lru-cache'
import { type AlarmClock, isoTime, systemClock } from '../core/clock.ts'
import { reasonOf } from '../core/errors.ts'
import { isRecord, parseJson } from '../core/json.ts'
import { linesBackwards, openRotatedFile, pathsOf } from '../core/rotated-file.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import { isToken } from './tokens.ts'
import type { User, UserDirectory } from './user.ts'

/** All events: programs decide by these names. docs/security.md says of each when it comes, and a test compares. */
export const securityEvents = {
  'hub-started': 'the hub has started, with a configuration of this digest',
  'configuration-changed': 'it has another configuration than at its last start',
  'signed-in': 'somebody has signed in',
  'sign-in-failed': 'a user, password, token or code was wrong',
  'sign-in-throttled': 'too many passwords were wrong: nobody is let in for a while',
  'key-refused': 'a key of a dialect belongs to nobody',
  'origin-refused': 'a page of a stranger was refused',
  denied: 'a user has no right to publish something',
  'banned-refused': 'somebody who is banned was refused',
  'ban-added': 'an admin has banned somebody',
  'ban-removed': 'an admin has ended a ban',
  'user-added': 'a user is new',
  'user-removed': 'a user is gone, or made anew under the old name',
  'user-changed': 'a user has another role, other rules, tokens or another secret',
  'password-changed': 'a user has another password',
  'reports-forgotten': 'an admin has removed what a user had told, commanded and open',
  'user-forgotten':
    'an admin has removed all that was kept of a user, whose name is nowhere any more',
} as const

export type SecurityEventName = keyof typeof securityEvents

/** What an event tells besides; none of it is ever a secret. */
export interface SecurityFields {
  readonly user?: string | undefined
  readonly address?: string | undefined
  /** On what way somebody came: `http`, `mqtt`, the name of a language. */
  readonly way?: string | undefined
  readonly [field: string]: unknown
}

export interface SecurityEvent extends SecurityFields {
  /** ISO 8601, in UTC. */
  readonly at: string
  readonly event: string
  /** How many of them there were since the line before, of the same user, address and way. */
  readonly count: number
}

export interface SecurityLog {
  note(event: SecurityEventName, fields: SecurityFields): void
  /** The latest `most`, the newest first. */
  latest(most: number): SecurityEvent[]
  /** Tells of each user who is added or changed from now on; what it returns ends that. */
  follow(directory: Pick<UserDirectory, 'all' | 'onChange'>): () => void
  /** Removes each line with the name of a user, for good; returns how many those were. */
  forget(user: string): number
  close(): void
}

export interface SecurityLogOptions {
  /** Where the lines go as well. */
  readonly file: string | undefined
  readonly sampledLog: SampledLog
  readonly clock?: AlarmClock
}

/** So many are kept for who asks. */
export const mostSecurityEvents = 1000

/** One source makes one line in that time, and one behind it with how many there were. */
const sampleMs = 60_000

/** So many sources are told apart at once. */
const mostSources = 4096

/** Lines of all sources together: many addresses make no disk full. */
const lines = { perSecond: 20, burst: 1000 }

const maxFileBytes = 16 * 1_048_576

export async function openSecurityLog(options: SecurityLogOptions): Promise<SecurityLog> {
  const { file, sampledLog, clock = systemClock } = options
  let latest = file === undefined ? [] : await readLatest(file)
  const lineFile = file === undefined ? undefined : lineFileAt(file)
  const write = lineFile && createWriter(lineFile, sampledLog)
  const bucket = new TokenBucket({ ...lines, now: clock.nowMs })
  const tell = (event: string, fields: SecurityFields, count: number) => {
    if (!bucket.take()) {
      sampledLog.warn('security-events-lost', { event }, 'too many events of security at once')
      return
    }
    const line = { at: isoTime(clock.wallMs()), event, ...fields, count }
    latest.push(line)
    if (latest.length > mostSecurityEvents) latest.shift()
    write?.(`${JSON.stringify(line)}\n`)
  }
  const sources = createSources(tell, clock)
  const note: SecurityLog['note'] = (event, fields) => sources.note(event, withoutSecrets(fields))
  return {
    note,
    latest: (most) => latest.slice(-most).reverse(),
    follow: (directory) => followUsers(directory, note),
    forget: (user) => {
      sources.forget(user)
      const before = latest.length
      latest = latest.filter((event) => !isAbout(event, user))
      let removed = 0
      lineFile?.rewrite((all) => {
        const kept = all.filter((line) => !isAbout(parseJson(Buffer.from(line)), user))
        removed += all.length - kept.length
        return kept
      })
      return lineFile === undefined ? before - latest.length : removed
    },
    close: sources.close,
  }
}

/** Whether it names a user: who came, whom it is about, or who did it. */
function isAbout(event: unknown, user: string): boolean {
  if (!isRecord(event)) return false
  return [event['user'], event['by'], event['what'] === 'user' && event['who']].includes(user)
}

type Tell = (event: string, fields: SecurityFields, count: number) => void

/** What one source repeats is counted, and told once a minute. */
function createSources(tell: Tell, { after }: AlarmClock) {
  interface Source {
    readonly event: string
    fields: SecurityFields
    count: number
    cancel(): void
  }
  const end = ({ event, fields, count, cancel }: Source) => {
    cancel()
    if (count > 0) tell(event, fields, count)
  }
  const sources = new LRUCache<string, Source>({ max: mostSources, dispose: end })
  const look = (key: string, source: Source) => {
    const { event, fields, count } = source
    if (count === 0) {
      sources.delete(key)
      return
    }
    tell(event, fields, count)
    source.count = 0
    source.cancel = after(sampleMs, () => look(key, source))
  }
  return {
    note: (event: string, fields: SecurityFields) => {
      const { user, address, way, who } = fields
      const key = JSON.stringify([event, user, address, way, who])
      const known = sources.get(key)
      if (known !== undefined) {
        known.fields = fields
        known.count++
        return
      }
      tell(event, fields, 1)
      const cancel = after(sampleMs, () => look(key, source))
      const source: Source = { event, fields, count: 0, cancel }
      sources.set(key, source)
    },
    /** Nothing more is told of a user. */
    forget: (user: string) => {
      for (const [key, source] of [...sources.entries()]) {
        if (!isAbout(source.fields, user)) continue
        source.count = 0
        sources.delete(key)
      }
    },
    /** Tells what was counted. */
    close: () => sources.clear(),
  }
}

/** Somebody may give a token where a name is asked for. */
function withoutSecrets(fields: SecurityFields): SecurityFields {
  return isToken(fields.user ?? '') ? { ...fields, user: '(a token)' } : fields
}

type LineFile = ReturnType<typeof lineFileAt>

function lineFileAt(path: string) {
  return openRotatedFile({ paths: pathsOf(path), maxBytes: maxFileBytes })
}

function createWriter(file: LineFile, sampledLog: SampledLog): (lines: string) => void {
  return (lines) => {
    try {
      file.append(lines)
    } catch (error) {
      const fields = { reason: reasonOf(error) }
      sampledLog.warn('security-log-failed', fields, 'an event of security was not written')
    }
  }
}

/** What the file told last, so that a restart hides nothing. */
async function readLatest(path: string): Promise<SecurityEvent[]> {
  const found: SecurityEvent[] = []
  const files = lineFileAt(path).openAll()
  try {
    for (const each of files) {
      for await (const line of linesBackwards(each)) {
        if (found.length === mostSecurityEvents) return found.reverse()
        const value = parseJson(Buffer.from(line))
        if (isEvent(value)) found.push(value)
      }
    }
  } finally {
    for (const each of files) closeSync(each)
  }
  return found.reverse()
}

function isEvent(value: unknown): value is SecurityEvent {
  return isRecord(value) && typeof value['at'] === 'string' && typeof value['event'] === 'string'
}

/** Those who are gone, or have another password, are told of by who knows them over restarts. */
function followUsers(
  { all, onChange }: Pick<UserDirectory, 'all' | 'onChange'>,
  note: SecurityLog['note'],
): () => void {
  const byName = () => new Map(all().map((user) => [user.name, user]))
  let before = byName()
  return onChange(() => {
    const now = byName()
    for (const [name, user] of now) {
      const known = before.get(name)
      if (known === undefined) note('user-added', { user: name, role: user.role })
      else if (!isDeepStrictEqual(besidePassword(known), besidePassword(user))) {
        note('user-changed', { user: name, role: user.role })
      }
    }
    before = now
  })
}

function besidePassword({ passwordHash, digestSecret, ...rest }: User): unknown {
  return rest
}

/** By the kind of the log: what is odd and one of ours. */
const eventOfKind: ReadonlyMap<string, SecurityEventName> = new Map([
  ['sign-in-refused', 'sign-in-failed'],
  ['sign-in-throttled', 'sign-in-throttled'],
  ['api-key-refused', 'key-refused'],
  ['origin-refused', 'origin-refused'],
  ['right-missing', 'denied'],
  ['banned-refused', 'banned-refused'],
])

/** `sampledLog`, of whose warnings the security log hears as well. */
export function heardBy(
  securityLog: Pick<SecurityLog, 'note'>,
  sampledLog: SampledLog,
): SampledLog {
  return {
    warn: (kind, fields, text) => {
      const event = eventOfKind.get(kind)
      if (event !== undefined) securityLog.note(event, fields)
      sampledLog.warn(kind, fields, text)
    },
  }
}
