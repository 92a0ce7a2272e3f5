/** Log lines for people: when, how bad, what, and what else is known of it. */
import { clockTime } from './local-time.ts'
import { isRecord } from './record.ts'

interface Look {
  /** Whether the terminal shows colours. */
  readonly isColoured: boolean
}

const levels: Readonly<Record<number, { readonly word: string; readonly colour: string }>> = {
  10: { word: 'trace', colour: '2' },
  20: { word: 'debug', colour: '2' },
  30: { word: 'info', colour: '32' },
  40: { word: 'warn', colour: '33' },
  50: { word: 'error', colour: '31' },
  60: { word: 'fatal', colour: '1;31' },
}

/** In every line of the hub, or said elsewhere in it. */
const leftOut = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'err'])

/**
 * A JSON line of the log as a terminal shows it: `07:26:11 warn  a message was refused  topic=a/b`, in local
 * time, and below it where an error was thrown. What strangers wrote cannot command the terminal.
 */
export function logLine(json: string, look: Look): string {
  const line: unknown = JSON.parse(json)
  if (!isRecord(line)) return json
  const { level, time, msg = '', err } = line
  const { word, colour } = levels[Number(level)] ?? { word: String(level), colour: '0' }
  const known = Object.entries(line).filter(
    ([key, value]) => !leftOut.has(key) && isWorthIt(key, value),
  )
  const fields = known.map(([key, value]) => `${printable(key)}=${valueText(value)}`).join(' ')
  const words = [
    painted(clockTime(Number(time)), '2', look),
    painted(word.padEnd(5), colour, look),
    printable(String(msg)),
    ...(fields === '' ? [] : [` ${painted(fields, '2', look)}`]),
  ]
  return `${[words.join(' '), ...stackOf(err)].join('\n')}\n`
}

/** Nothing was left out of nearly every line that is sampled. */
function isWorthIt(key: string, value: unknown): boolean {
  return value !== undefined && !(key === 'leftOut' && value === 0)
}

function valueText(value: unknown): string {
  const isPlain = typeof value === 'string' && /^[^\s"=]+$/.test(value)
  return printable(isPlain ? value : JSON.stringify(value))
}

function stackOf(error: unknown): string[] {
  if (!isRecord(error)) return []
  const { stack, message } = error
  return String(stack ?? message)
    .split('\n')
    .map((line) => `         ${printable(line)}`)
}

/** Control and format characters move the cursor, or turn the text around: they are shown by number. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u${Number(character.codePointAt(0)).toString(16).padStart(4, '0')}`
  })
}

function painted(text: string, colour: string, { isColoured }: Look): string {
  return isColoured ? `\u001b[${colour}m${text}\u001b[0m` : text
}
