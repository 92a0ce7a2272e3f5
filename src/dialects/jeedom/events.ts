/** What happens in the house, collected for a while and sent to all at once. */

import type { AlarmClock } from '../../core/clock.ts'
import { whenAborted } from '../../core/guard.ts'
import type { DialectUser } from '../../nodes/served/dialect-users.ts'
import {
  byPlace,
  type DeviceEvent,
  type SeenDevice,
  type SeenDevices,
  whereOf,
} from '../../nodes/served/seen-devices.ts'
import { createSubscribers, type ServedLink } from '../served-dialect.ts'
import { changesCodec, type JeedomChanges, type JeedomEvent } from './frames.ts'
import {
  type Dates,
  infosOf,
  localDate,
  readingOf,
  type Summed,
  shownValue,
  summedUp,
} from './jeedom-model.ts'

export interface JeedomEvents {
  /** Tells a link what happens from now on; the returned function ends that. */
  join(link: ServedLink, dialectUser: DialectUser): () => void
  /** What happened after `since`, in seconds since 1970, as far as it is remembered. */
  changesSince(since: number, dialectUser: DialectUser): JeedomChanges
  /** Resolves when something was sent, `waitMs` are over, or `gone` is aborted. */
  nextEvents(waitMs: number, gone: AbortSignal): Promise<void>
  /** When the value of an info command came. */
  dates(id: string): Dates
  close(): void
}

interface EventsOptions {
  readonly devices: SeenDevices
  readonly clock: AlarmClock
  readonly periodMs: number
}

/** An event, and the topics of the devices that one has to be allowed to read. */
interface Noted {
  readonly event: JeedomEvent
  /** Microseconds since 1970, of no other event. */
  readonly atUs: number
  readonly topics: readonly string[]
}

/** Jeedom remembers so many, and of each command the latest only. */
const mostNoted = 250

export function createJeedomEvents(options: EventsOptions): JeedomEvents {
  const { devices, clock, periodMs } = options
  const subscribers = createSubscribers()
  const values = createValues()
  const notes = createNotes(clock)
  const summaries = createSummaries(devices)
  const waiting = new Set<() => void>()
  let stopTimer: (() => void) | undefined
  const tell = () => {
    stopTimer = undefined
    for (const { key, option, topics } of summaries.changed()) {
      notes.add(key, { name: 'jeeObject::summary::update', option, topics })
    }
    const { sentAt, fresh } = notes.take()
    subscribers.each(createSender(sentAt, fresh))
    for (const resolve of waiting) resolve()
  }
  const tellSoon = () => {
    stopTimer ??= clock.after(periodMs, tell)
  }
  const stop = devices.onEvent((event, device) => {
    for (const { key, ...what } of eventsOf(event, device, values)) notes.add(key, what)
    tellSoon()
  })
  for (const device of devices.all()) values.learn(device)
  return {
    join: subscribers.join,
    changesSince: (since, dialectUser) => {
      const seen = notes.since(since).filter((noted) => mayRead(noted, dialectUser))
      return { datetime: notes.stamp() / microseconds, result: seen.map(({ event }) => event) }
    },
    nextEvents: (waitMs, gone) =>
      new Promise((resolve) => {
        const done = () => {
          stopWaiting()
          waiting.delete(done)
          stopFollowing()
          resolve()
        }
        const stopWaiting = clock.after(waitMs, done)
        waiting.add(done)
        const stopFollowing = whenAborted(gone, done)
      }),
    dates: values.dates,
    close: () => {
      stop()
      stopTimer?.()
      for (const resolve of waiting) resolve()
    },
  }
}

function mayRead({ topics }: Noted, dialectUser: DialectUser): boolean {
  return topics.every((topic) => dialectUser.mayRead(topic))
}

/** Tells a link what its user may read; those who may read all get one text. */
function createSender(datetime: number, noted: readonly Noted[]) {
  const frameOf = (seen: readonly Noted[]) =>
    changesCodec.encode({ datetime, result: seen.map(({ event }) => event) })
  let whole: string | undefined
  return (link: ServedLink, dialectUser: DialectUser) => {
    const seen = noted.filter((one) => mayRead(one, dialectUser))
    if (seen.length === 0) return
    if (seen.length < noted.length) link.send(frameOf(seen))
    else {
      whole ??= frameOf(noted)
      link.send(whole)
    }
  }
}

const microseconds = 1_000_000

/** The latest events, one for each thing they tell of. */
function createNotes(clock: Pick<AlarmClock, 'wallMs'>) {
  const notes = new Map<string, Noted>()
  let lastUs = 0
  let takenUs = 0
  const stamp = () => {
    lastUs = Math.max(Math.round(clock.wallMs() * 1000), lastUs + 1)
    return lastUs
  }
  const after = (atUs: number) => [...notes.values()].filter((noted) => noted.atUs > atUs)
  return {
    stamp,
    add: (
      key: string,
      { topics, ...what }: Pick<JeedomEvent, 'name' | 'option'> & Pick<Noted, 'topics'>,
    ) => {
      const atUs = stamp()
      const datetime = (atUs / microseconds).toFixed(6)
      // The latest one comes last.
      notes.delete(key)
      notes.set(key, { event: { datetime, ...what }, atUs, topics })
      const [oldest] = notes
      // What was not sent yet stays: there is one note at most for each command.
      if (notes.size > mostNoted && oldest !== undefined && oldest[1].atUs <= takenUs) {
        notes.delete(oldest[0])
      }
    },
    since: (seconds: number) => after(Math.round(seconds * microseconds)),
    /** What was added since the last time. */
    take: () => {
      const fresh = after(takenUs)
      takenUs = stamp()
      return { sentAt: takenUs / microseconds, fresh }
    },
  }
}

type Update = Pick<JeedomEvent, 'name' | 'option'> & { key: string; topics: readonly string[] }

/** What Jeedom tells of an event. */
function eventsOf(event: DeviceEvent, device: SeenDevice, values: Values): Update[] {
  const topics = [device.topic]
  const equipment = (isThere: boolean): Update => {
    const flag = isThere ? '1' : '0'
    const option = { eqLogic_id: String(device.number), visible: flag, enable: flag }
    return { key: `eqLogic ${device.number}`, name: 'eqLogic::update', option, topics }
  }
  if (event === 'deleted') {
    values.forget(device)
    return [equipment(false)]
  }
  const learned = event === 'reachable' ? values.lose(device) : values.learn(device)
  const updates = learned.map(({ id, option }) => ({
    key: `cmd ${id}`,
    name: 'cmd::update',
    option,
    topics,
  }))
  return event !== 'reported' ? [equipment(true), ...updates] : updates
}

type Values = ReturnType<typeof createValues>

/** The values of info commands, and when they came. */
function createValues() {
  const known = new Map<string, { value: number | string; dates: Dates }>()
  const never: Dates = { collectedAtMs: undefined, changedAtMs: undefined }
  return {
    dates: (id: string) => known.get(id)?.dates ?? never,
    /** Takes the values that a device has now, and answers what to tell of each. */
    learn: (device: SeenDevice) =>
      infosOf(device).flatMap((info) => {
        const { id, column } = info
        const value = readingOf(info)
        if (value === '') return []
        const before = known.get(id)
        const isNew = before?.value !== value
        const collectedAtMs = device.heardAtMs
        const changedAtMs = isNew ? collectedAtMs : before.dates.changedAtMs
        known.set(id, { value, dates: { collectedAtMs, changedAtMs } })
        const unit = column.unit ?? ''
        const shown = shownValue(value)
        const option = {
          cmd_id: id,
          value: shown,
          display_value: shown,
          unit,
          raw_unit: unit,
          valueDate: localDate(changedAtMs),
          collectDate: localDate(collectedAtMs),
          ...(isNew && { alertLevel: 'none' }),
        }
        return { id, option }
      }),
    /** The same of values that are history: each is empty until it comes again. */
    lose: (device: SeenDevice) =>
      infosOf(device).flatMap(({ id, column }) => {
        if (device.isKnown || !known.delete(id)) return []
        const unit = column.unit ?? ''
        const dates = { valueDate: localDate(undefined), collectDate: localDate(undefined) }
        return {
          id,
          option: { cmd_id: id, value: '', display_value: '', unit, raw_unit: unit, ...dates },
        }
      }),
    forget: (device: SeenDevice) => {
      for (const { id } of infosOf(device)) known.delete(id)
    },
  }
}

/** The summaries that are others than they were. */
function createSummaries(devices: Pick<SeenDevices, 'all'>) {
  const lastSent = new Map<string, string>()
  const summed = () => {
    const all = devices.all()
    const objects = byPlace(all).map(
      (own) => [String(whereOf(own[0]).number), summedUp(own)] as const,
    )
    return new Map<string, Summed>([...objects, ['global', summedUp(all)]])
  }
  const changed = () => {
    const now = summed()
    for (const id of lastSent.keys()) if (!now.has(id)) lastSent.delete(id)
    return [...now].flatMap(([id, { summary, topics }]) => {
      const text = JSON.stringify(summary)
      if (lastSent.get(id) === text) return []
      lastSent.set(id, text)
      const keys = Object.entries(summary).map(([key, value]) => [key, { value }])
      return {
        key: `summary ${id}`,
        option: { object_id: id, keys: Object.fromEntries(keys) },
        topics,
      }
    })
  }
  // What is known at the start is no news.
  changed()
  return { changed }
}
