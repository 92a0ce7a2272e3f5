/** On and off, as devices say them: docs/relay-guard.md. */

/** Whether a report says on; undefined when it says neither. */
export function isOn(report: unknown): boolean | undefined {
  const state = stateOf(report)
  if (state === undefined || state === null || typeof state === 'object') return undefined
  return !['off', '0', 'false'].includes(String(state).toLowerCase())
}

/** What stands in the field `state`, or a bare value as a whole. */
export function stateOf(report: unknown): unknown {
  if (typeof report !== 'object' || report === null) return report
  return 'state' in report ? report.state : undefined
}

/** The payload that turns a device on or off, in the words in which it has reported before. */
export function switchPayload(wanted: boolean, report: unknown, kind: string): unknown {
  const state = inWordsOf(wanted, stateOf(report) ?? (kind === 'led' ? 'off' : false))
  const isBare = report !== null && report !== undefined && typeof report !== 'object'
  return isBare ? state : { state }
}

function inWordsOf(wanted: boolean, said: unknown): unknown {
  if (typeof said === 'boolean') return wanted
  if (typeof said === 'number') return wanted ? 1 : 0
  const text = String(said)
  const pair = /^[01]$/.test(text) ? ['0', '1'] : /^(true|false)$/i.test(text) ? bools : words
  const word = pair[wanted ? 1 : 0] ?? ''
  return text.length > 1 && text === text.toUpperCase() ? word.toUpperCase() : word
}

const bools = ['false', 'true']
const words = ['off', 'on']

/** What a kind can be besides on and off: schemas/clown-model. */
export const furtherStates: Readonly<Record<string, readonly string[]>> = {
  led: ['off', 'on', '1-dot', '2-dot', '3-dot'],
}
