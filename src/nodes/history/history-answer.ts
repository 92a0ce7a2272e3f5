/** What quantities were, as it is told: one answer, what may be asked for, and the answers to a session. */

import { setImmediate as turnOver } from 'node:timers/promises'
import { isoTime, readTime } from '../../core/clock.ts'
import { type ErrorCode, HubError, quote, reasonOf } from '../../core/errors.ts'
import { detached } from '../../core/guard.ts'
import { isRecord } from '../../core/json.ts'
import { errorPayload, errorTopic } from '../../core/message.ts'
import { Payload } from '../../core/payload.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { isTopic, joinTopic } from '../../core/topic.ts'
import { type Bucket, meanOf, withGaps } from '../../history/buckets.ts'
import type { History, SeriesSnapshot } from '../../history/history.ts'
import { dayMs, type TimeRange } from '../../history/periods.ts'
import { type Plan, planOf, sameSeries, summarize } from '../../history/read-history.ts'
import type { LineOptions, Requester } from '../registry/answers.ts'
import type { DeviceLabel } from '../registry/device-labels.ts'
import type { QuestionTurns } from './question-turns.ts'

/** What each row of a series has, in this order. */
export const columns = ['at', 'count', 'min', 'mean', 'max', 'first', 'last'] as const

/** When a bucket begins, in milliseconds since 1970, and what is told of it; null is a gap. */
type Row = readonly [
  at: number,
  count: number,
  min: number,
  mean: number,
  max: number,
  first: number,
  last: number,
]

/** What the device of a series is called, and where it is; empty of what has no name. */
type Called = Pick<DeviceLabel, 'title' | 'room'>

interface SeriesAnswer extends Called {
  readonly topic: string
  readonly quantity: string
  readonly unit?: string
  /** Of booleans, true is 1 and false is 0. */
  readonly type: 'number' | 'boolean'
  readonly points: readonly (Row | null)[]
}

/** Quantities of a range, in buckets. */
export interface HistoryAnswer {
  /** ISO 8601 in UTC. */
  readonly from: string
  readonly to: string
  readonly bucketMs: number
  readonly columns: typeof columns
  readonly series: readonly SeriesAnswer[]
}

export interface HistorySource
  extends Pick<History, 'snapshot' | 'periods' | 'blocks' | 'buckets' | 'lostUntil'> {
  /** What a device is called, and where it is, by its topic. */
  labelOf?(topic: string): Called
}

interface SeriesWanted {
  /** Which topics. */
  readonly filter: string
  readonly quantity?: string | undefined
  mayRead(topic: string): boolean
}

/** The series that are wanted and may be read, by their names. */
export function readableSeries(
  history: Pick<History, 'snapshot'>,
  { filter, quantity, mayRead }: SeriesWanted,
): SeriesSnapshot[] {
  return history
    .snapshot(filter)
    .filter((series) => quantity === undefined || quantity === series.quantity)
    .filter(({ topic }) => mayRead(topic))
    .sort(byName)
}

/** The series of a quantity, each in another unit, stay in the order in which they were begun. */
function byName(one: SeriesSnapshot, other: SeriesSnapshot): number {
  const [name, otherName] = [nameOf(one), nameOf(other)]
  if (name === otherName) return one.id - other.id
  return name < otherName ? -1 : 1
}

/** No topic holds a line break. */
function nameOf({ topic, quantity }: Pick<SeriesSnapshot, 'topic' | 'quantity'>): string {
  return `${topic}\n${quantity}`
}

/** What is known of `series` in the time that is asked for; `topicAs` says how its topic is written. */
export async function historyAnswer(
  history: HistorySource,
  series: readonly SeriesSnapshot[],
  { range, points, topicAs = (topic) => topic }: HistoryQuery & { topicAs?(topic: string): string },
): Promise<HistoryAnswer> {
  const plan = planOf(range, points, history.lostUntil)
  const answers: SeriesAnswer[] = []
  for (const same of sameSeries(series)) {
    const buckets = await summarize(history, same, plan)
    const isBoolean = same.every((one) => one.isBoolean)
    const each = { ...same[0], isBoolean }
    const { title, room }: Called = history.labelOf?.(each.topic) ?? {}
    answers.push({
      ...seriesAnswer(each, buckets, plan),
      topic: topicAs(each.topic),
      ...(title !== undefined && { title }),
      ...(room !== undefined && { room }),
    })
    // Others have their turn between two of them.
    await turnOver()
  }
  const times = { from: isoTime(plan.from), to: isoTime(plan.to), bucketMs: plan.bucketMs }
  return { ...times, columns, series: withoutEmptyUnits(answers) }
}

/** Without the units that a quantity did not have in the range; where it had none, with the latest. */
function withoutEmptyUnits(answers: readonly SeriesAnswer[]): SeriesAnswer[] {
  const isFull = ({ points }: SeriesAnswer) => points.length > 0
  const withPoints = new Set(answers.filter(isFull).map(nameOf))
  const latest = new Map(answers.map((answer) => [nameOf(answer), answer]))
  return answers.filter((answer) => {
    const name = nameOf(answer)
    return isFull(answer) || (!withPoints.has(name) && latest.get(name) === answer)
  })
}

function seriesAnswer(
  { topic, quantity, unit, isBoolean }: SeriesSnapshot,
  buckets: readonly Bucket[],
  { bucketMs }: Plan,
): SeriesAnswer {
  // What only changes when somebody switches it is not reported by the clock.
  const rows = isBoolean ? buckets : withGaps(buckets, bucketMs)
  return {
    topic,
    quantity,
    ...(unit !== undefined && { unit }),
    type: isBoolean ? 'boolean' : 'number',
    points: rows.map((bucket) => bucket && rowOf(bucket)),
  }
}

export function rowOf(bucket: Bucket): Row {
  const { start, count, min, max, first, last } = bucket
  return [start, count, min, shortMeanOf(bucket), max, first, last]
}

/** From here on, 12 digits do not reach to the last one of an integer. */
const wideFrom = 1e12

/** To 12 digits, where that lies between the two ends: what is beyond is how computers divide. */
function shortMeanOf(bucket: Bucket): number {
  const mean = meanOf(bucket)
  const short = Number(mean.toPrecision(12))
  const isFit = short >= bucket.min && short <= bucket.max && Math.abs(mean) < wideFrom
  return isFit ? short : mean
}

// --- what is asked for ---

/** Parameters as they came: texts of a URL, or values of a JSON object. */
type HistoryParameters = Readonly<Record<string, unknown>>

/** What is asked for: which time, in how many buckets at most. */
export interface HistoryQuery {
  readonly range: TimeRange
  readonly points: number
}

/** As many as a wide chart has pixels to draw them. */
const usualPoints = 500
const mostPoints = 10_000

interface QueryReader {
  /** With what a mistake is answered. */
  readonly code: ErrorCode
  readonly nowMs: number
}

/** @throws HubError with the code of `reader` and one sentence about the first mistake. */
export function readHistoryQuery(parameters: HistoryParameters, reader: QueryReader): HistoryQuery {
  return { range: readRange(parameters, reader), points: readPoints(parameters['points'], reader) }
}

/** The last day, unless told otherwise; throws the same. */
function readRange({ from, to }: HistoryParameters, { code, nowMs }: QueryReader): TimeRange {
  const time = (name: string, value: unknown) =>
    readTime(value, { name, code, nowMs, takesNumbers: true })
  const end = to === undefined ? Math.floor(nowMs) + 1 : time('to', to)
  const start = from === undefined ? Math.max(0, end - dayMs) : time('from', from)
  if (start < end) return { from: start, to: end }
  const sentence = `expected from to be before to, got ${isoTime(start)} and ${isoTime(end)}`
  throw new HubError(code, sentence)
}

function readPoints(value: unknown, { code }: QueryReader): number {
  if (value === undefined) return usualPoints
  const isNumber = typeof value === 'number' || /^\d{1,6}$/.test(String(value))
  const points = isNumber ? Number(value) : Number.NaN
  if (Number.isInteger(points) && points >= 1 && points <= mostPoints) return points
  const sentence = `expected points to be 1 to ${mostPoints}, got ${quote(String(value))}`
  throw new HubError(code, sentence)
}

// --- the answers to a session ---

/** Tells one session what quantities were. */
export interface HistoryAnswering {
  /**
   * Answers a request for the history of a device; false when it is something else.
   *
   * @throws HubError `bad-payload`, or `too-fast` when many are not answered yet, or the hub is overloaded by this user.
   */
  history(topic: string, payload: Payload, options?: LineOptions): boolean
  /** Nothing is told any more. */
  close(): void
}

export interface HistoryAnswersOptions {
  readonly history: HistorySource
  readonly clock: { wallMs(): number }
  readonly questions: QuestionTurns
  readonly sampledLog: SampledLog
}

const request = '/history/get'
const known = ['from', 'to', 'points']

/** So many requests of a session wait for their turn. */
const mostWaiting = 64

/** Returns what opens the answering to a session, one request after the other. */
export function createHistoryAnswers(options: HistoryAnswersOptions) {
  const { clock, questions } = options
  return (requester: Requester): HistoryAnswering => {
    const turns = createTurns(options.sampledLog)
    return {
      history: (topic, payload, line) => {
        if (!topic.endsWith(request)) return false
        const name = topic.slice(0, -request.length)
        const query = readPayload(payload, clock.wallMs())
        questions.check(requester.user)
        turns.take(() =>
          questions.answer(requester.user, () =>
            answer({ name, query, line }, requester, options.history),
          ),
        )
        return true
      },
      close: turns.close,
    }
  }
}

interface HistoryRequest {
  /** Of the device, as the requester calls it. */
  readonly name: string
  readonly query: HistoryQuery
  readonly line: LineOptions | undefined
}

async function answer(
  { name, query, line }: HistoryRequest,
  requester: Requester,
  history: HistorySource,
) {
  const topic = joinTopic(requester.base, name)
  // Who may not read it hears the same as if there were nothing.
  const series = isTopic(topic) ? readableSeries(history, { ...requester, filter: topic }) : []
  const options = line && idOf(line)
  try {
    const value = await historyAnswer(history, series, { ...query, topicAs: () => name })
    const payload = Payload.ofValue(value)
    requester.tell(`${name}/history/ok`, payload, options)
  } catch (error) {
    requester.tell(errorTopic(name + request), errorPayload(unreadable), options)
    throw error
  }
}

/** Why it is so is for the log alone. */
const unreadable = new HubError(
  'cannot-read-store',
  'expected to read the history, but it cannot be read',
)

function idOf(line: LineOptions): LineOptions | undefined {
  return 'id' in line ? { id: line['id'] } : undefined
}

function readPayload({ value, jsonText }: Payload, nowMs: number): HistoryQuery {
  const parameters = value === null ? {} : value
  if (!isRecord(parameters)) {
    throw new HubError('bad-payload', `expected an object, got ${jsonText.slice(0, 40)}`)
  }
  const unknown = Object.keys(parameters).find((key) => !known.includes(key))
  if (unknown !== undefined) {
    const sentence = `expected from, to or points, got ${JSON.stringify(unknown.slice(0, 40))}`
    throw new HubError('bad-payload', sentence)
  }
  return readHistoryQuery(parameters, { code: 'bad-payload', nowMs })
}

/** Does one thing after the other, until it is closed. */
function createTurns(sampledLog: SampledLog) {
  const waiting: (() => Promise<void>)[] = []
  let isBusy = false
  const goOn = async () => {
    isBusy = true
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await next().catch((error: unknown) => {
        const fields = { reason: reasonOf(error) }
        sampledLog.warn('history-failed', fields, 'a request for history could not be answered')
      })
    }
    isBusy = false
  }
  return {
    take: (act: () => Promise<void>) => {
      if (waiting.length === mostWaiting) {
        const sentence = `expected at most ${mostWaiting} requests to wait for an answer, got more`
        throw new HubError('too-fast', sentence)
      }
      waiting.push(act)
      if (!isBusy) detached(goOn())
    },
    close: () => {
      waiting.length = 0
    },
  }
}
