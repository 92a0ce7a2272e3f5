import type { Tier } from './periods.ts'

/** Under which keys a store has the history. Numbers are padded, so that keys sort as they do. */
export const logPrefix = 'history/log/'
export const openPrefix = 'history/open/'
export const seriesPrefix = 'history/series/'
export const throughPrefix = 'history/through/'
export const historyStateKey = 'history/state'

/** What is written ahead, by the ordinal of its first point. */
export function logKey(ordinal: number): string {
  return logPrefix + digits(ordinal)
}

/** Names a series. */
export function seriesKey(series: number): string {
  return seriesPrefix + digits(series)
}

/** Up to which ordinal the points of a series are in closed blocks. */
export function throughKey(series: number): string {
  return throughPrefix + digits(series)
}

/** All blocks of a series that still grow. */
export function openSeriesPrefix(series: number): string {
  return `${openPrefix}${digits(series)}/`
}

/** A block that still grows. */
export function openKey(series: number, block: number): string {
  return openSeriesPrefix(series) + digits(block)
}

/** All that is kept of a period. */
export function periodPrefix(tier: Tier, period: number): string {
  return `history/${tier}/${digits(period)}/`
}

/** All buckets of a series in a period. */
export function bucketsKey(tier: Tier, period: number, series: number): string {
  return periodPrefix(tier, period) + digits(series)
}

/** All closed blocks of a series in a period, in the order they were begun. */
export function blocksPrefix(period: number, series: number): string {
  return `${bucketsKey('raw', period, series)}/`
}

export function blockKey(period: number, series: number, block: number): string {
  return blocksPrefix(period, series) + digits(block)
}

/** The numbers in a key, in order. */
export function numbersIn(key: string, prefix: string): number[] {
  return key
    .slice(prefix.length)
    .split('/')
    .map((text) => Number.parseInt(text, radix))
}

/** The last number in a key. */
export function lastNumberIn(key: string): number {
  return Number.parseInt(key.slice(key.lastIndexOf('/') + 1), radix)
}

const radix = 36
/** Enough for 3 million millions. */
const width = 8

function digits(number: number): string {
  return number.toString(radix).padStart(width, '0')
}
