import type { Point, RawBlockWriter } from './raw-block.ts'

/** A quantity of a device whose values are recorded. */
export interface SeriesName {
  /** Where the device reports. */
  readonly topic: string
  /** What of its report is meant, such as `temperature`; a name of a field within has its dots escaped. */
  readonly quantity: string
}

/** The points of a quantity in one unit: one that changes its unit goes on in another series. */
export interface Series extends SeriesName {
  readonly id: number
  readonly unit: string | undefined
  /** Whether all values were true or false, which are recorded as 1 and 0. */
  readonly isBoolean: boolean
}

/** A series as the history itself keeps it. */
export interface OwnSeries extends Series {
  quantity: string
  isBoolean: boolean
  /** False of what a hub before 0.2 has named, which did not escape dots. */
  isEscaped: boolean
  /** The time of the latest point that came. */
  lastAt: number
  /** All points with this ordinal or a lower one are in the store, outside of what is written ahead. */
  through: number
  /** What is not in closed blocks, in the order it came; only the last one grows. */
  blocks: readonly OpenBlock[]
  /** How often blocks were moved to where closed ones are. */
  moves: number
  /** Ends with the move that is under way. */
  moving: Promise<void> | undefined
}

/** Points of one series and one hour. */
export interface OpenBlock {
  readonly id: number
  readonly series: OwnSeries
  /** When its hour begins. */
  readonly startAt: number
  readonly writer: RawBlockWriter
  /** The ordinal of its last point. */
  through: number
  /** How much of it is in the store. */
  storedLength: number
  isClosed: boolean
}

/** A point in what is written ahead. */
export interface LoggedPoint extends Point {
  readonly ordinal: number
  readonly series: number
}
