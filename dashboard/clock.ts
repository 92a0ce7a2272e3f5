/** Times as people say them. */
import { signal } from '@preact/signals'
import { currentLanguage } from './words.ts'

/** By how much the hub's clock is ahead of this machine's. */
let aheadMs = 0

/** Milliseconds since 1970 by the hub's clock, whose times all others are compared with. */
export function hubTime(): number {
  return Date.now() + aheadMs
}

/** The same, a second old at most while somebody looks. */
export const now = signal(hubTime())

function tick(): void {
  if (!document.hidden) now.value = hubTime()
}

setInterval(tick, 1000)
document.addEventListener('visibilitychange', tick)

/** The header `Date` has whole seconds, and was some time under way. */
const uncertainMs = 2000

/** Learns from an answer of the hub what time it has. */
export function compareClocks(date: string | null): void {
  const measured = Date.parse(date ?? '') - Date.now()
  if (Number.isNaN(measured)) return
  aheadMs = Math.abs(measured) > uncertainMs ? measured : 0
}

const units = [
  { unit: 'day', ms: 86_400_000 },
  { unit: 'hour', ms: 3_600_000 },
  { unit: 'minute', ms: 60_000 },
  { unit: 'second', ms: 1000 },
] as const

const formats = new Map<string, Intl.RelativeTimeFormat>()

function relativeFormat(): Intl.RelativeTimeFormat {
  const language = currentLanguage()
  const format =
    formats.get(language) ??
    new Intl.RelativeTimeFormat(language, { style: 'short', numeric: 'auto' })
  formats.set(language, format)
  return format
}

/** `4 sec. ago`, in the language that is spoken. */
export function ago(atMs: number, nowMs = now.value): string {
  const pastMs = Math.max(0, nowMs - atMs)
  const { unit, ms } = units.find((each) => pastMs >= each.ms) ?? { unit: 'second', ms: 1000 }
  return relativeFormat().format(-Math.floor(pastMs / ms), unit)
}

/** A day and a time of day. */
export function dateTime(atMs: number): string {
  const options = { dateStyle: 'medium', timeStyle: 'medium' } as const
  return new Intl.DateTimeFormat(currentLanguage(), options).format(atMs)
}

/** Seconds until `untilMs`, at least 1. */
export function secondsUntil(untilMs: number): number {
  return Math.max(1, Math.ceil((untilMs - now.value) / 1000))
}
