import { parseArgs } from 'node:util'
import { ageOf } from '../core/clock.ts'
import { isRecord } from '../core/json.ts'
import { checkFilter } from '../core/topic.ts'
import { type CliCommand, readArguments, required } from './arguments.ts'
import { deviceNamed, hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { type KnownValue, lastReports } from './last-reports.ts'
import { painted, plainText, type Terminal, wordOf } from './terminal.ts'

const usage = `get (DEVICE | FILTER)… [--base BASE] [--json] ${hubUsage}`

const options = {
  base: { type: 'string' },
  json: { type: 'boolean', default: false },
  ...hubOptions,
} as const

export const get: CliCommand = {
  usage,
  summary:
    'print what a device has reported last, as JSON; of several, or of what a filter matches, with their topics (exit code 1 when nothing is known)',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    required(positionals[0], 'a device or a filter', usage)
    const filters = positionals.map((name) => filterNamed(name, values.base))
    const all = await lastReports(hubAddress(values, terminal), filters, terminal)
    const [problems, known] = [all.filter(isProblem), all.filter((each) => !isProblem(each))]
    const isOne = filters.length === 1 && !/[+#]/.test(String(filters[0]))
    const lineOf = lineWriter({ isOne, isJson: values.json }, terminal)
    for (const report of known) terminal.print(lineOf(report))
    for (const { topic, value } of problems) {
      terminal.printError(`${topic.replace(/\/error$/, '')}: ${wordOf(Object(value).message)}`)
    }
    if (all.length === 0) {
      const others = positionals.filter((name, at) => name !== filters[at] && !values.base)
      const hint = others.length === 0 ? '' : `: of the topic ${others[0]} ask with --base ''`
      terminal.printError(`nothing is known of ${filters.join(', ')}${hint}`)
    }
    return known.length > 0 && problems.length === 0 ? 0 : 1
  },
}

/** A filter is whole, as a topic of more than two levels is. */
function filterNamed(name: string, base: string | undefined): string {
  if (!/[+#]/.test(name)) return deviceNamed(name, base)
  const filter = base === undefined ? name : `${base}/${name}`
  checkFilter(filter)
  return filter
}

/** Of an actuator whose state nobody knows, a hub says why. */
function isProblem({ topic, value }: KnownValue): boolean {
  return topic.endsWith('/error') && isRecord(value) && 'code' in value
}

interface Style {
  readonly isOne: boolean
  readonly isJson: boolean
}

function lineWriter(
  { isOne, isJson }: Style,
  { screen }: Terminal,
): (report: KnownValue) => string {
  if (isJson) return (report) => JSON.stringify(report)
  return (report) => {
    const { topic, value } = report
    const name = isOne ? '' : `${painted(screen, 'cyan', plainText(topic))} `
    const note = screen === undefined ? '' : painted(screen, 'dim', noteOn(report))
    return `${name}${plainText(JSON.stringify(value))}${note}`
  }
}

function noteOn({ ageMs, isStale }: KnownValue): string {
  const age = ageMs === undefined ? [] : [ageOf(0, ageMs)]
  const notes = [...age, ...(isStale ? ['stale'] : [])]
  return notes.length === 0 ? '' : `  (${notes.join(', ')})`
}
