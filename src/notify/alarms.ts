import { randomUUID } from 'node:crypto'
import { isoTime } from '../core/clock.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import type { AlarmEntry, NoticeEntry } from '../generated/stored.ts'
import { validateAlarmEntry } from '../generated/validate-stored.js'
import type { Store } from '../store/store.ts'
import { openStoredTable } from '../store/stored-table.ts'

/** What a target is told. */
export type Notice = Readonly<NoticeEntry['notice']>

/** Something that is wrong, and was told. */
export type Alarm = Readonly<AlarmEntry>

/** A rule, as far as its alarms are told. */
export interface AlarmRule {
  readonly name: string
  readonly targets: readonly string[]
  readonly forMs: number
  /** Infinity of what is told once. */
  readonly repeatMs: number
}

export interface AlarmsOptions {
  readonly store: Pick<Store, 'entries' | 'write'>
  readonly sampledLog: SampledLog
  readonly site: string
  /** The names of the rules there are. */
  readonly rules: ReadonlySet<string>
  /** Tells a target; never waits, never throws. */
  tell(target: string, notice: Notice): void
  readonly clock: { nowMs(): number; wallMs(): number }
}

/** What is wrong, by rule and device: told when it begins and when it ends, once a minute at most. */
export interface Alarms {
  /** Says whether something is wrong now; `text` is why, without who it is about. */
  set(rule: AlarmRule, device: string, text: string | undefined): void
  /** Something has happened that has no end. */
  happened(rule: AlarmRule, device: string, text: string): void
  /** Tells what is due; to be called once a second. */
  tick(): void
  list(): Alarm[]
  /** Somebody knows: it is not repeated any more. False when there is no such alarm. */
  acknowledge(rule: string, device: string): boolean
  /** Tells what a flood has left to be told. */
  close(): void
}

/** Between two notices of a rule and a device. */
const leastMs = 60_000

/** So many notices of all rules come at once, and in a minute; the others are told in one. */
const flood = { perSecond: 10 / 60, burst: 10 }

/** So many of them are named. */
const mostNamed = 10

/** More are not told apart: the oldest is forgotten. */
const mostAlarms = 10_000

interface Pending {
  readonly rule: AlarmRule
  readonly device: string
  /** Why, while it is wrong. */
  text: string | undefined
  sinceMs: number
  isTold: boolean
  toldMs: number
}

export async function openAlarms(options: AlarmsOptions): Promise<Alarms> {
  const { store, sampledLog, rules, clock } = options
  const table = await openStoredTable<Alarm>({
    ...{ store, sampledLog, name: 'alarm', maxSize: mostAlarms, validate: validateAlarmEntry },
    revive: (_key, alarm) => (rules.has(alarm.rule) ? alarm : undefined),
  })
  const pending = new Map<string, Pending>()
  const post = createPost(options)
  const tell = (key: string, one: Pending, state: Notice['state']) => {
    const { rule, device, text = 'is well again' } = one
    one.toldMs = clock.nowMs()
    one.isTold = state !== 'ended'
    const entry = one.isTold ? entryOf(one, table.get(key), clock) : undefined
    const note = () => {
      if (entry === undefined) table.delete(key)
      else table.set(key, entry)
    }
    post.notice(rule, { state, device, text }, note)
  }
  /** What is due to be told of it. */
  const dueOf = (key: string, one: Pending): Notice['state'] | undefined => {
    const { text, isTold, sinceMs, toldMs, rule } = one
    const nowMs = clock.nowMs()
    if (nowMs - toldMs < leastMs) return undefined
    if (text === undefined) return 'ended'
    if (!isTold) return nowMs - sinceMs >= rule.forMs ? 'begun' : undefined
    const isKnown = table.get(key)?.acknowledged === true
    return !isKnown && nowMs - toldMs >= rule.repeatMs ? 'repeated' : undefined
  }
  const look = (key: string, one: Pending) => {
    if (one.text === undefined && !one.isTold) {
      if (clock.nowMs() - one.toldMs >= leastMs) pending.delete(key)
      return
    }
    const state = dueOf(key, one)
    if (state !== undefined) tell(key, one, state)
  }
  return {
    set: (rule, device, text) => {
      const key = keyOf(rule.name, device)
      const known = pending.get(key)
      if (known !== undefined) {
        if (known.text === undefined) known.sinceMs = clock.nowMs()
        known.text = text
      } else if (text !== undefined || table.get(key) !== undefined) {
        pending.set(key, {
          rule,
          device,
          text,
          sinceMs: clock.nowMs(),
          ...toldBefore(table.get(key), clock),
        })
      }
    },
    happened: (rule, device, text) => {
      const key = keyOf(rule.name, device)
      const toldMs = pending.get(key)?.toldMs ?? Number.NEGATIVE_INFINITY
      if (clock.nowMs() - toldMs < leastMs) return
      const once = { rule, device, text: undefined, sinceMs: clock.nowMs(), isTold: false }
      pending.set(key, { ...once, toldMs: clock.nowMs() })
      post.notice(rule, { state: 'begun', device, text })
    },
    tick: () => {
      for (const [key, one] of pending) look(key, one)
      post.summary()
    },
    close: post.rest,
    list: () => [...table.entries()].map(([, alarm]) => alarm),
    acknowledge: (rule, device) => {
      const key = keyOf(rule, device)
      const alarm = table.get(key)
      if (alarm !== undefined) table.set(key, { ...alarm, acknowledged: true })
      return alarm !== undefined
    },
  }
}

function entryOf(
  { rule, device, text = '', sinceMs }: Pending,
  before: Alarm | undefined,
  { nowMs, wallMs }: AlarmsOptions['clock'],
): Alarm {
  const since = before?.since ?? isoTime(wallMs() - (nowMs() - sinceMs))
  return { rule: rule.name, device, text, since, toldAt: wallMs(), acknowledged: false }
}

/** What was told before this hub was started. */
function toldBefore(
  told: Alarm | undefined,
  clock: AlarmsOptions['clock'],
): Pick<Pending, 'isTold' | 'toldMs'> {
  if (told === undefined) return { isTold: false, toldMs: Number.NEGATIVE_INFINITY }
  return { isTold: true, toldMs: clock.nowMs() - Math.max(0, clock.wallMs() - told.toldAt) }
}

function keyOf(rule: string, device: string): string {
  return `${rule}/${device}`
}

type Told = Pick<Notice, 'state' | 'device' | 'text'>

/** Tells each of some at once, and the rest together a little later; `note` is called once it is told. */
function createPost({ site, tell, clock }: AlarmsOptions) {
  const bucket = new TokenBucket({ ...flood, now: () => clock.nowMs() })
  const left = new Map<string, string[]>()
  const notes: (() => void)[] = []
  const noticeOf = (rule: string, told: Told): Notice => {
    return { id: randomUUID(), at: isoTime(clock.wallMs()), rule, site, ...told }
  }
  const rest = () => {
    for (const [target, texts] of left) {
      const more = texts.length > mostNamed ? `, and ${texts.length - mostNamed} more` : ''
      const text = `${texts.length} more: ${texts.slice(0, mostNamed).join('; ')}${more}`
      tell(target, noticeOf('summary', { state: 'summary', device: site, text }))
    }
    left.clear()
    // Killed before, the hub does not know that they were told, and tells them when it is back.
    for (const note of notes.splice(0)) note()
  }
  return {
    notice: (rule: AlarmRule, told: Told, note = () => {}) => {
      if (bucket.take()) {
        note()
        const notice = noticeOf(rule.name, told)
        for (const target of rule.targets) tell(target, notice)
        return
      }
      notes.push(note)
      for (const target of rule.targets) {
        left.set(target, [...(left.get(target) ?? []), `${told.device} ${told.text}`])
      }
    },
    summary: () => {
      if (left.size > 0 && bucket.take()) rest()
    },
    rest,
  }
}
