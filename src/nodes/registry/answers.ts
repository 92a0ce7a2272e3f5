import { type Clock, nextTurn, systemClock } from '../../core/clock.ts'
import { errorTopic, type Message } from '../../core/message.ts'
import { Payload } from '../../core/payload.ts'
import { joinTopic } from '../../core/topic.ts'
import { shapeOf } from '../clown-model.ts'
import type { LastValue, LastValues } from '../last-values.ts'
import { listOf } from './node-json.ts'
import { baseBefore } from './node-message.ts'
import type { Registry } from './registry.ts'

/** The third element of a line, as whoever asked sent it, or as the answer carries it. */
export type LineOptions = Readonly<Record<string, unknown>>

/** Somebody who asks, and alone hears the answers. */
export interface Requester {
  /** What the topics of questions and answers are relative to. */
  readonly base: string
  /** `topic` is complete, as it goes on the bus. */
  mayRead(topic: string): boolean
  tell(topic: string, payload: Payload, options?: LineOptions): void
  /** Who asks. */
  readonly user: string
}

/** What the hub answers to one session, in place of nodes. */
export interface Answering {
  /**
   * Answers a request for a list of devices with those that may be read; false when it is something
   * else, or no device is known.
   */
  list(topic: string, payload: Payload, options?: LineOptions): boolean
  /** Call it after a `…/get` went out: a node that does not answer is answered for. */
  requested(topic: string, options?: LineOptions): void
  /** Nothing is told any more. */
  close(): void
}

export interface AnswersOptions {
  readonly registry: Pick<Registry, 'devicesBelow'>
  readonly values: Pick<LastValues, 'of'>
  readonly clock: Pick<Clock, 'nowMs'>
  /** Says that the last value of a device is history, where it is. */
  markOf(device: string): Message | undefined
  /** So long a node may take to answer, in milliseconds. */
  readonly waitMs?: number
}

/** Returns what opens the answering to a session. */
export function createAnswers(options: AnswersOptions): (requester: Requester) => Answering {
  const { registry, values, clock, markOf, waitMs = 300 } = options
  return (requester) => {
    const later = createLater(waitMs)
    const tellLast = (last: LastValue, name: string, line: LineOptions | undefined) => {
      const ageMs = Math.round(clock.nowMs() - last.heardMs)
      requester.tell(name, last.payload, line && { ...idOf(line), ageMs })
      const mark = markOf(joinTopic(requester.base, name))
      if (mark !== undefined) requester.tell(errorTopic(name), mark.payload, idOf(line))
    }
    return {
      list: (topic, payload, line) => {
        if (!isListRequest(topic) || !isEmptyQuestion(payload)) return false
        const base = baseBefore(joinTopic(requester.base, topic), listRequest)
        if (base === undefined) return false
        const devices = registry.devicesBelow(base)
        if (devices.length === 0) return false
        const readable = devices.filter((device) => requester.mayRead(device.topic))
        const list = Payload.ofValue(listOf(base, readable))
        requester.tell(topic.replace(/list$/, 'ok'), list, idOf(line))
        return true
      },
      requested: (topic, line) => {
        const name = readDevice(topic)
        if (name === undefined) return
        const device = joinTopic(requester.base, name)
        const before = values.of(device)
        if (before === undefined) return
        later.call(() => {
          const last = values.of(device)
          // Any other value came meanwhile, and was told as every report is.
          const isSilent = last !== undefined && last.heardMs === before.heardMs
          if (isSilent && requester.mayRead(device)) tellLast(last, name, line)
        })
      },
      close: later.close,
    }
  }
}

const listRequest = '-/-/config/list'

/** Whether a line on `topic` asks for a list, whatever the base of its session ends in. */
function isListRequest(topic: string): boolean {
  return topic === listRequest || topic.endsWith(`/${listRequest}`)
}

/** The device that a message on `topic` asks to report; undefined when it asks for something else. */
function readDevice(topic: string): string | undefined {
  const device = topic.replace(/\/get$/, '')
  return device !== topic && shapeOf(topic) === 'command' ? device : undefined
}

/** What the schema of a request for a list lets through; the rest is for the message path to refuse. */
function isEmptyQuestion({ value }: Payload): boolean {
  return typeof value === 'object' && !Array.isArray(value)
}

function idOf(line: LineOptions | undefined): LineOptions | undefined {
  return line !== undefined && 'id' in line ? { id: line['id'] } : undefined
}

/** Calls functions `afterMs` later, once what came meanwhile was read, also after a stall of our own. */
function createLater(afterMs: number) {
  const waiting = new Set<() => void>()
  return {
    call: (act: () => void) => {
      const cancel = systemClock.after(afterMs, () => {
        waiting.delete(cancel)
        nextTurn(act)
      })
      waiting.add(cancel)
    },
    close: () => {
      for (const cancel of waiting) cancel()
    },
  }
}
