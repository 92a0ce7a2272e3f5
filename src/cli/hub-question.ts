import { HubError } from '../core/errors.ts'
import { isoTime, readTime } from '../core/iso-time.ts'
import { isRecord } from '../core/record.ts'
import type { Terminal } from './command.ts'
import type { HubAddress } from './hub-address.ts'
import { askHub, type HubAnswer } from './hub-client.ts'
import { plainText } from './plain-text.ts'

/** As a shell says of a program that Ctrl-C has ended: 128 and the number of the signal. */
export const interruptedCode = 130

/** What is asked of a hub; `json` is the body of a POST, and without it it is a GET. */
export interface HubQuestion {
  readonly path: string
  readonly json?: string
}

/**
 * What a hub answers, or undefined when the user did not wait for it.
 *
 * @throws HubError `cannot-connect`, as `askHub`.
 */
export async function answerOf(
  hub: HubAddress,
  question: HubQuestion,
  { stopped }: Pick<Terminal, 'stopped'>,
): Promise<HubAnswer | undefined> {
  const waiting = new AbortController()
  void stopped.then(() => waiting.abort())
  try {
    return await askHub(hub, { ...question, signal: waiting.signal })
  } catch (error) {
    if (waiting.signal.aborted) return undefined
    throw error
  }
}

/**
 * The time that an option such as `--since` names, as a hub is asked for it; undefined without one.
 *
 * @throws HubError `bad-command-line` for what is no time.
 */
export function timeOption(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const reader = { name, code: 'bad-command-line', nowMs: Date.now(), takesNumbers: false } as const
  return isoTime(readTime(text, reader))
}

/** The sentence with which a hub refuses a question; undefined when it does not refuse it. */
export function refusalIn({ status, body: { message } }: HubAnswer): string | undefined {
  const isRefused = status >= 400 && status < 500 && typeof message === 'string'
  return isRefused ? plainText(message) : undefined
}

type Row = Readonly<Record<string, unknown>>

/**
 * The objects of the list `name` in an answer.
 *
 * @throws HubError `cannot-connect` when there is no such list.
 */
export function rowsIn({ status, body }: HubAnswer, name: string): Row[] {
  const list = body[name]
  if (status === 200 && Array.isArray(list)) return list.filter(isRecord)
  throw new HubError('cannot-connect', `expected a hub that lists ${name}, got status ${status}`)
}

/** A value of a row as one word or more; a dash when there is none. */
export function wordOf(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-'
  return plainText(typeof value === 'string' ? value : JSON.stringify(value))
}
