import { HubError, quote } from '../core/errors.ts'

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }

/** An option of the command line that takes a time. */
export interface TimeOption {
  /** With its dashes. */
  readonly name: string
  readonly minimumSeconds: number
  readonly maximumSeconds: number
}

/**
 * The milliseconds in `text`: seconds such as `5` or `0.5`, or with a unit such as `5s`, `500ms` or `2m`.
 *
 * @throws HubError `bad-command-line` for other texts, and for a time that the option does not take.
 */
export function readSeconds(text: string, option: TimeOption): number {
  const { name, minimumSeconds, maximumSeconds } = option
  const [, digits, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? []
  const ms = Math.round(Number(digits) * Number(unitMs[unit]))
  if (ms >= minimumSeconds * 1000 && ms <= maximumSeconds * 1000) return ms
  const expected = `seconds from ${minimumSeconds} to ${maximumSeconds}, such as 5 or 500ms`
  throw new HubError('bad-command-line', `expected ${name} to be ${expected}, got ${quote(text)}`)
}
