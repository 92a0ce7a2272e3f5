import type { ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import type { Rights } from '../access/rights.ts'
import type { SignedIn } from '../access/signed-in.ts'
import type { User } from '../access/user.ts'
import { isoTime } from '../core/clock.ts'
import { matches } from '../core/filter.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { type HistorySource, readableSeries } from '../nodes/history/history-answer.ts'
import { ndjson, ndjsonPoint } from '../nodes/history/history-lines.ts'
import { mergedChunks } from '../nodes/history/history-streams.ts'
import type { Recorded, Recorder } from '../nodes/history/recorder.ts'
import { sendChunks } from './send-chunks.ts'

export interface FollowOptions {
  readonly history: HistorySource
  readonly recorder: Pick<Recorder, 'follow'>
  readonly signedIn: Pick<SignedIn, 'register'>
  readonly sampledLog: SampledLog
}

/** What somebody wants to see, from a time on. */
export interface FollowWanted {
  readonly user: User
  readonly filter: string
  readonly quantity: string | undefined
  /** In milliseconds since 1970; without it, nothing is told of what was before. */
  readonly from: number | undefined
}

/** Bytes that wait for a reader; past it, the answer is broken off. */
const mostWaiting = 4 * 1_048_576

/**
 * Sends all points since a time in the order of their times, and then goes on with what comes, without a
 * gap and without telling anything twice. A message that has no quantity is told as it came. Ends with
 * the request, or when its user is not signed in any more.
 */
export async function followHistory(
  response: ServerResponse,
  wanted: FollowWanted,
  options: FollowOptions,
): Promise<void> {
  const { history, recorder, signedIn, sampledLog } = options
  const live = new PassThrough()
  /** Whose past is being told. */
  let telling: ReturnType<typeof readableSeries> = []
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
      if (telling.some(({ topic }) => !changed.mayRead(topic))) response.destroy()
    },
    ended: () => response.destroy(),
  })
  let { rights } = registered
  const stop = recorder.follow((recorded) => put(linesOf(recorded, wanted, rights)))
  // In the same breath, so that nothing is between the two.
  const { from } = wanted
  telling = from === undefined ? [] : readableSeries(history, { ...wanted, ...rights })
  const range = { from: from ?? 0, to: Number.POSITIVE_INFINITY }
  const past = async function* () {
    yield* mergedChunks(history, { series: telling, range }, ndjson.point)
    telling = []
  }
  try {
    await sendChunks(response, { type: ndjson.type, chunks: past(), rest: live })
  } finally {
    stop()
    registered.leave()
  }
}

/** What is told of a message; nothing when it is not wanted, or may not be read. */
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
