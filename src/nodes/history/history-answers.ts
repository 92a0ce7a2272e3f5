import { HubError, reasonOf } from '../../core/errors.ts'
import { isRecord } from '../../core/json.ts'
import { errorPayload, errorTopic } from '../../core/message.ts'
import { Payload } from '../../core/payload.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { isTopic, joinTopic } from '../../core/topic.ts'
import type { LineOptions, Requester } from '../registry/answers.ts'
import {
  type HistoryQuery,
  type HistorySource,
  historyAnswer,
  readableSeries,
  readHistoryQuery,
} from './history-answer.ts'

/** Tells one session what quantities were. */
export interface HistoryAnswering {
  /**
   * Answers a request for the history of a device; false when it is something else.
   *
   * @throws HubError `bad-payload`, or `too-fast` when many are not answered yet.
   */
  history(topic: string, payload: Payload, options?: LineOptions): boolean
  /** Nothing is told any more. */
  close(): void
}

export interface HistoryAnswersOptions {
  readonly history: HistorySource
  readonly clock: { wallMs(): number }
  readonly sampledLog: SampledLog
}

const request = '/history/get'
const known = ['from', 'to', 'points']

/** So many requests of a session wait for their turn. */
const mostWaiting = 64

/** Returns what opens the answering to a session, one request after the other. */
export function createHistoryAnswers(options: HistoryAnswersOptions) {
  const { clock } = options
  return (requester: Requester): HistoryAnswering => {
    const turns = createTurns(options.sampledLog)
    return {
      history: (topic, payload, line) => {
        if (!topic.endsWith(request)) return false
        const name = topic.slice(0, -request.length)
        const query = readPayload(payload, clock.wallMs())
        turns.take(() => answer({ name, query, line }, requester, options.history))
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
    const payload = Payload.ofJson(JSON.stringify(value), value)
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
      if (!isBusy) void goOn()
    },
    close: () => {
      waiting.length = 0
    },
  }
}
