import type { ServerResponse } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Rights, rightsOf } from '../access/rights.ts'
import type { SignedIn } from '../access/signed-in.ts'
import type { User } from '../access/user.ts'
import { type Clock, isoTime, systemClock } from '../core/clock.ts'
import { systemCodeOf } from '../core/errors.ts'
import { matches } from '../core/filter.ts'
import type { Route } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { checkFilter, type TopicLimits } from '../core/topic.ts'
import { type Tier, tiers } from '../history/periods.ts'
import {
  type HistorySource,
  historyAnswer,
  readableSeries,
  readHistoryQuery,
} from '../nodes/history/history-answer.ts'
import {
  csv,
  csvWithMark,
  type Exported,
  exportChunks,
  type LineFormat,
  mergedChunks,
  ndjson,
  ndjsonPoint,
} from '../nodes/history/history-lines.ts'
import type { QuestionTurns } from '../nodes/history/question-turns.ts'
import type { Recorded, Recorder } from '../nodes/history/recorder.ts'
import type { AsUser } from './as-user.ts'
import { badQuery, orSendError, type Query, readQuery, sendJson } from './json-exchange.ts'

export interface HistoryRouteOptions extends FollowOptions {
  readonly asUser: AsUser
  readonly topicLimits: TopicLimits
  readonly questions: QuestionTurns
  readonly clock?: Clock
}

/** One answer in JSON tells of so many series. */
const mostSeries = 100
/** And has so many rows: some 10 MB. */
const mostRows = 200_000

const known = [
  ...['topic', 'quantity', 'from', 'to', 'points'],
  ...['format', 'bom', 'resolution', 'follow'],
]

const formats: ReadonlyMap<string, LineFormat | undefined> = new Map([
  ['json', undefined],
  ['csv', csv],
  ['ndjson', ndjson],
])

type Answer = (response: ServerResponse) => Promise<void>

/** `GET /api/history`: what quantities were, to everybody who may read their topics. */
export function historyRoute(options: HistoryRouteOptions): Route {
  return {
    get: (exchange) =>
      options.asUser(exchange, async (user) => {
        const { request, response } = exchange
        let answer: Answer | undefined
        await orSendError(response, () => {
          answer = answerTo(readQuery(request, known), user, options)
        })
        await answer?.(response)
      }),
  }
}

/** Checks all that is asked for, and returns how to answer it. */
function answerTo(parameters: Query, user: User, options: HistoryRouteOptions): Answer {
  const { history, topicLimits, questions, clock = systemClock } = options
  const { topic, quantity, points, follow } = parameters
  if (topic === undefined) throw badQuery('a topic or a filter as topic', 'none')
  questions.check(user.name)
  checkFilter(topic, topicLimits)
  const lines = linesIn(parameters)
  const resolution = resolutionIn(parameters)
  const query = readHistoryQuery(parameters, { code: 'bad-query', nowMs: clock.wallMs() })
  const wanted = { ...query, filter: topic, quantity }
  if (follow !== undefined) {
    checkFollow(parameters)
    const from = parameters['from'] === undefined ? undefined : query.range.from
    return (response) => followHistory(response, { user, from, ...wanted }, options)
  }
  const series = readableSeries(history, { ...wanted, ...rightsOf(user) })
  if (lines !== undefined) {
    const exported = { ...query, series, resolution, isInBuckets: points !== undefined }
    return (response) => exportHistory(response, { user, exported, lines }, options)
  }
  if (series.length > mostSeries) {
    throw badQuery(`a filter of at most ${mostSeries} quantities`, String(series.length))
  }
  const most = Math.floor(mostRows / series.length)
  if (query.points > most) {
    throw badQuery(`at most ${most} points of ${series.length} quantities`, String(query.points))
  }
  return (response) =>
    questions.answer(user.name, async () =>
      sendJson(response, await historyAnswer(history, series, query)),
    )
}

/** How lines are written; undefined for JSON, which is one answer. */
function linesIn({ format = 'json', bom }: Query): LineFormat | undefined {
  if (!formats.has(format)) throw badQuery('format to be json, csv or ndjson', format)
  if (bom === undefined) return formats.get(format)
  if (bom !== 'true') throw badQuery('bom to be true', bom)
  if (format !== 'csv') throw badQuery('bom with format csv', format)
  return csvWithMark
}

/** Only points and buckets that are not put together have a resolution. */
function resolutionIn({ resolution, format, points }: Query): Tier | undefined {
  if (resolution === undefined) return undefined
  const tier = tiers.find((each) => each === resolution)
  if (tier === undefined) throw badQuery('resolution to be raw, minute or hour', resolution)
  if (format !== undefined && format !== 'json' && points === undefined) return tier
  throw badQuery('resolution with format csv or ndjson and without points', resolution)
}

function checkFollow({ follow, format, to, points, resolution }: Query): void {
  if (follow !== 'true') throw badQuery('follow to be true', String(follow))
  if (format !== 'ndjson') throw badQuery('follow with format ndjson', format ?? 'json')
  const other = to ?? points ?? resolution
  if (other !== undefined) throw badQuery('follow without to, points and resolution', other)
}

interface ExportOptions {
  readonly history: HistorySource
  readonly signedIn: Pick<SignedIn, 'register'>
}

/** Whose export it is, what of, and how its lines are written. */
interface ExportWanted {
  readonly user: User
  readonly exported: Exported
  readonly lines: LineFormat
}

/**
 * Sends all of a range as lines, as fast as they are read. It may take long, and is broken off when its
 * user is not signed in any more, or may not read all of it any more.
 */
async function exportHistory(
  response: ServerResponse,
  { user, exported, lines }: ExportWanted,
  { history, signedIn }: ExportOptions,
): Promise<void> {
  const registered = signedIn.register({
    user,
    isObserver: true,
    rightsChanged: ({ mayRead }) => {
      if (!exported.series.every(({ topic }) => mayRead(topic))) response.destroy()
    },
    ended: () => response.destroy(),
  })
  try {
    const chunks = exportChunks(history, exported, lines)
    await sendChunks(response, { type: lines.type, chunks })
  } finally {
    registered.leave()
  }
}

export interface FollowOptions {
  readonly history: HistorySource
  readonly recorder: Pick<Recorder, 'follow'>
  readonly signedIn: Pick<SignedIn, 'register'>
  readonly sampledLog: SampledLog
}

/** What somebody wants to see, from a time on. */
interface FollowWanted {
  readonly user: User
  readonly filter: string
  readonly quantity: string | undefined
  /** In milliseconds since 1970; without it, nothing is sent of what was before. */
  readonly from: number | undefined
}

/** Bytes that wait for a reader; past it, the answer is broken off. */
const mostWaiting = 4 * 1_048_576

/**
 * Sends all points since a time in the order of their times, and then goes on with what comes, without a
 * gap and without sending anything twice. A message that has no quantity is sent as it came. Ends with
 * the request, or when its user is not signed in any more.
 */
async function followHistory(
  response: ServerResponse,
  wanted: FollowWanted,
  options: FollowOptions,
): Promise<void> {
  const { history, recorder, signedIn, sampledLog } = options
  const live = new PassThrough()
  /** Whose past is being sent. */
  let sending: ReturnType<typeof readableSeries> = []
  const put = (lines: string) => {
    live.write(lines)
    if (live.writableLength + live.readableLength <= mostWaiting) return
    const fields = { user: wanted.user.name }
    sampledLog.warn('history-follow-cut', fields, 'a reader of the history is too slow')
    response.destroy()
  }
  const registered = signedIn.register({
    user: wanted.user,
    isObserver: true,
    rightsChanged: (changed) => {
      rights = changed
      if (sending.some(({ topic }) => !changed.mayRead(topic))) response.destroy()
    },
    ended: () => response.destroy(),
  })
  let { rights } = registered
  const stop = recorder.follow((recorded) => put(linesOf(recorded, wanted, rights)))
  // In the same breath, so that nothing is between the two.
  const { from } = wanted
  sending = from === undefined ? [] : readableSeries(history, { ...wanted, ...rights })
  const range = { from: from ?? 0, to: Number.POSITIVE_INFINITY }
  const past = async function* () {
    yield* mergedChunks(history, { series: sending, range }, ndjson.point)
    sending = []
  }
  try {
    await sendChunks(response, { type: ndjson.type, chunks: past(), rest: live })
  } finally {
    stop()
    registered.leave()
  }
}

/** What is sent of a message; nothing when it is not wanted, or may not be read. */
function linesOf(
  { message, at, quantities }: Recorded,
  { filter, quantity }: FollowWanted,
  rights: Pick<Rights, 'mayRead'>,
): string {
  const { topic, payload } = message
  if (!matches(filter, topic) || !rights.mayRead(topic)) return ''
  if (quantities.length === 0 && quantity === undefined) {
    return `{"at":"${isoTime(at)}","topic":${JSON.stringify(topic)},"payload":${payload.jsonText}}\n`
  }
  return quantities
    .filter((each) => quantity === undefined || quantity === each.quantity)
    .map((each) => {
      const isBoolean = typeof each.value === 'boolean'
      return ndjsonPoint({ ...each, topic, isBoolean })({ at, value: Number(each.value) })
    })
    .join('')
}

interface Chunks {
  readonly type: string
  readonly chunks: AsyncIterable<string>
  /** What comes after them. */
  readonly rest?: Readable
}

/** Sends pieces of text as fast as the client takes them; one that goes away ends it. */
export async function sendChunks(
  response: ServerResponse,
  { type, chunks, rest }: Chunks,
): Promise<void> {
  response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' })
  // The first piece may be long in coming.
  response.flushHeaders()
  try {
    await pipeline(Readable.from(chunks), response, { end: rest === undefined })
    if (rest !== undefined) await pipeline(rest, response)
  } catch (error) {
    if (systemCodeOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  }
}
