/** What commands said before: from the history of the hub, as Jeedom tells it. */
import { dayMs, type TimeRange } from '../../history/periods.ts'
import { historyAnswer, readableSeries } from '../../nodes/history/history-answer.ts'
import { quantitiesIn } from '../../nodes/history/recorder.ts'
import type { DialectUser } from '../../nodes/served/dialect-users.ts'
import type { ServedContext } from '../served-dialect.ts'
import { type Answered, rpcError, rpcSuccess } from './answers.ts'
import { type JeedomCommand, localDate } from './jeedom-model.ts'

/** What was said within one of the seconds of Jeedom's dates; in longer steps where the range is longer than a day. */
interface Recorded {
  readonly atMs: number
  readonly count: number
  readonly lowest: number
  readonly mean: number
  readonly highest: number
  readonly last: number
}

interface RecordedRequest {
  readonly dialectUser: Pick<DialectUser, 'mayRead'>
  readonly params: Readonly<Record<string, unknown>>
}

interface RecordedParts {
  readonly context: Pick<ServedContext, 'history' | 'clock'>
}

/** Answers what `tell` makes of all that a command has said between `startTime` and `endTime`, both included. */
function recordedMethod(tell: (recorded: readonly Recorded[], command: JeedomCommand) => unknown) {
  return async (
    command: JeedomCommand,
    { params, dialectUser }: RecordedRequest,
    { context }: RecordedParts,
  ): Promise<Answered> => {
    const range = rangeOf(params, context.clock.wallMs())
    if (range === undefined) return badDate
    return rpcSuccess(tell(await recordedIn(range, { command, dialectUser, context }), command))
  }
}

const badDate = rpcError(-32_000, 'startTime et endTime doivent être AAAA-MM-JJ hh:mm:ss')

/** The last day, unless told otherwise; undefined when a date is none. */
function rangeOf({ startTime, endTime }: RecordedRequest['params'], nowMs: number) {
  const endMs = endTime === undefined ? nowMs : timeIn(endTime)
  const from = startTime === undefined ? Math.max(0, endMs - dayMs) : timeIn(startTime)
  if (Number.isNaN(from) || Number.isNaN(endMs)) return undefined
  // The last second is in it as a whole.
  return { from, to: Math.max(from, endMs) + 1000 }
}

/** A date as Jeedom writes it, in the local time of the hub; NaN when it is none. */
function timeIn(text: unknown): number {
  const [, day, time = '00:00:00'] =
    /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?))?$/.exec(String(text)) ?? []
  return Math.max(0, Date.parse(`${day}T${time}`))
}

/** More than a day has seconds. */
const mostSteps = 100_000

interface RecordedSource extends RecordedParts, Pick<RecordedRequest, 'dialectUser'> {
  readonly command: JeedomCommand
}

/** Nothing of actions, and of texts. */
async function recordedIn(
  range: TimeRange,
  { command, dialectUser: { mayRead }, context: { history } }: RecordedSource,
): Promise<Recorded[]> {
  // The history has names of its own for the fields of a report.
  const [{ quantity } = {}] = quantitiesIn({ [command.row.key]: 0 })
  const wanted = { filter: command.device.topic, quantity, mayRead }
  const series = 'action' in command ? [] : readableSeries(history, wanted)
  const answer = await historyAnswer(history, series, { range, points: mostSteps })
  const points = answer.series.at(-1)?.points ?? []
  const told = points.filter((point) => point !== null)
  return told.map(([atMs, count, lowest, mean, highest, , last]) => {
    return { atMs, count, lowest, mean, highest, last }
  })
}

/** What one step is told as: the mean of what was measured; of what switches and counts, the last. */
function toldValue({ row }: JeedomCommand, { mean, last }: Recorded): number {
  return row.form === 'measured' ? mean : last
}

/** `cmd::getHistory`: numbers as texts, as they come out of Jeedom's database. */
export const historyOf = recordedMethod((recorded, command) =>
  recorded.map((one) => ({
    cmd_id: command.id,
    value: String(toldValue(command, one)),
    datetime: localDate(one.atMs),
  })),
)

const nothingKnown = { avg: null, min: null, max: null, sum: null, std: null, variance: null }

/** `cmd::getStatistique`: texts, too; clients look at `count` first. */
export const statisticsOf = recordedMethod((recorded) => {
  const last = recorded.at(-1)
  if (last === undefined) return { ...nothingKnown, count: '0' }
  const count = sumOf(recorded, (one) => one.count)
  const sum = sumOf(recorded, (one) => one.mean * one.count)
  const avg = sum / count
  const variance = sumOf(recorded, (one) => one.count * (one.mean - avg) ** 2) / count
  return {
    avg: textOf(avg),
    min: textOf(recorded.reduce((least, { lowest }) => Math.min(least, lowest), last.lowest)),
    max: textOf(recorded.reduce((most, { highest }) => Math.max(most, highest), last.highest)),
    sum: textOf(sum),
    count: String(count),
    std: textOf(Math.sqrt(variance)),
    variance: textOf(variance),
    last: textOf(last.last),
  }
})

/** `cmd::getTendance`: by how much it rises from one value to the next, by least squares; 0 of fewer than two. */
export const trendOf = recordedMethod((recorded, command) => {
  if (recorded.length < 2) return 0
  const values = recorded.map((one) => toldValue(command, one))
  const middle = (values.length - 1) / 2
  const mean = sumOf(values, (value) => value) / values.length
  const places = [...values.entries()]
  const rise = sumOf(places, ([at, value]) => (at - middle) * (value - mean))
  return rise / sumOf(places, ([at]) => (at - middle) ** 2)
})

function sumOf<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0)
}

/** With as many digits as the database of Jeedom computes. */
function textOf(value: number): string {
  return String(Number(value.toFixed(6)))
}
