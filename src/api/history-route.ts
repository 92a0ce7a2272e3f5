import type { IncomingMessage, ServerResponse } from 'node:http'
import { rightsOf } from '../access/rights.ts'
import type { User } from '../access/user.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { HubError, quote } from '../core/errors.ts'
import type { Route } from '../core/route.ts'
import { checkFilter, type TopicLimits } from '../core/topic.ts'
import { historyAnswer, readableSeries } from '../nodes/history/history-answer.ts'
import { csv, csvWithMark, type LineFormat, ndjson } from '../nodes/history/history-lines.ts'
import { readHistoryQuery } from '../nodes/history/history-query.ts'
import { type Tier, tiers } from '../store/history/tiers.ts'
import type { AsUser } from './as-user.ts'
import { exportHistory } from './export-history.ts'
import { type FollowOptions, followHistory } from './follow-history.ts'
import { orSendError, sendJson } from './json-answer.ts'

export interface HistoryRouteOptions extends FollowOptions {
  readonly asUser: AsUser
  readonly topicLimits: TopicLimits
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

type Parameters = Readonly<Record<string, string | undefined>>
type Answer = (response: ServerResponse) => Promise<void>

/** `GET /api/history`: what quantities were, to everybody who may read their topics. */
export function historyRoute(options: HistoryRouteOptions): Route {
  return {
    get: (exchange) =>
      options.asUser(exchange, async (user) => {
        const { request, response } = exchange
        let answer: Answer | undefined
        await orSendError(response, () => {
          answer = answerTo(parametersOf(request), user, options)
        })
        await answer?.(response)
      }),
  }
}

/** Checks all that is asked for, and answers how to answer it. */
function answerTo(parameters: Parameters, user: User, options: HistoryRouteOptions): Answer {
  const { history, topicLimits, clock = systemClock } = options
  const { topic, quantity, points, follow } = parameters
  if (topic === undefined) throw badQuery('a topic or a filter as topic', 'none')
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
  return async (response) => sendJson(response, await historyAnswer(history, series, query))
}

/** How lines are written; undefined for JSON, which is one answer. */
function linesIn({ format = 'json', bom }: Parameters): LineFormat | undefined {
  if (!formats.has(format)) throw badQuery('format to be json, csv or ndjson', format)
  if (bom === undefined) return formats.get(format)
  if (bom !== 'true') throw badQuery('bom to be true', bom)
  if (format !== 'csv') throw badQuery('bom with format csv', format)
  return csvWithMark
}

/** Only points and buckets that are not put together have a resolution. */
function resolutionIn({ resolution, format, points }: Parameters): Tier | undefined {
  if (resolution === undefined) return undefined
  const tier = tiers.find((each) => each === resolution)
  if (tier === undefined) throw badQuery('resolution to be raw, minute or hour', resolution)
  if (format !== undefined && format !== 'json' && points === undefined) return tier
  throw badQuery('resolution with format csv or ndjson and without points', resolution)
}

function checkFollow({ follow, format, to, points, resolution }: Parameters): void {
  if (follow !== 'true') throw badQuery('follow to be true', String(follow))
  if (format !== 'ndjson') throw badQuery('follow with format ndjson', format ?? 'json')
  const other = to ?? points ?? resolution
  if (other !== undefined) throw badQuery('follow without to, points and resolution', other)
}

function parametersOf({ url }: IncomingMessage): Parameters {
  const parameters = new URLSearchParams(String(url).replace(/^[^?]*/, ''))
  const unknown = [...parameters.keys()].find((key) => !known.includes(key))
  if (unknown !== undefined) throw badQuery(known.join(', '), unknown)
  return Object.fromEntries(parameters)
}

function badQuery(expected: string, got: string): HubError {
  return new HubError('bad-query', `expected ${expected}, got ${quote(got)}`)
}
