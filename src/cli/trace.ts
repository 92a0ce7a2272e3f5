import { parseArgs } from 'node:util'
import { localTime } from '../core/clock.ts'
import { isRecord } from '../core/json.ts'
import { checkFilter } from '../core/topic.ts'
import { type CliCommand, readArguments, readCount, required, timeOption } from './arguments.ts'
import { type HubAnswer, rowsIn, tellAnswer } from './ask-hub.ts'
import { type Row, timeIn } from './device-rows.ts'
import { hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { painted, type Screen, wordOf } from './terminal.ts'

const usage = `trace [FILTER] [--user NAME] [--kind message|command|connection] [--since 10m|ISO-TIME] [--limit COUNT] [--json] ${hubUsage}`

const options = {
  user: { type: 'string' },
  kind: { type: 'string' },
  since: { type: 'string' },
  limit: { type: 'string', default: '20' },
  json: { type: 'boolean', default: false },
  ...hubOptions,
} as const

export const trace: CliCommand = {
  usage,
  summary:
    'say what became of the latest messages: who sent each, which rule allowed or denied it, who received it, what was dropped and why, how long it took; and how connections ended',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const [topic, ...more] = positionals
    if (more.length > 0) required(undefined, 'one filter', usage)
    if (topic !== undefined) checkFilter(topic)
    const { user, kind, since, json } = values
    const limit = readCount(values.limit, { name: '--limit', least: 1, most: 1000 })
    const query = { topic, user, kind, since: timeOption('--since', since), limit: String(limit) }
    const asked = Object.entries(query).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, value]],
    )
    const linesOf = ({ entries }: HubAnswer['body']) =>
      rowsIn(entries)
        ?.reverse()
        .map((entry) => (json ? JSON.stringify(entry) : lineOf(entry, terminal.screen)))
    const request = { path: `/api/trace?${new URLSearchParams(asked)}` }
    const asking = { request, does: 'traces messages', isJson: false, linesOf }
    return tellAnswer(hubAddress(values, terminal), asking, terminal)
  },
}

/** When, who, what, and what became of it. */
function lineOf(entry: Row, screen: Screen | undefined): string {
  const { at, user, client, way, topic, refused } = entry
  const time = localTime(Number(timeIn(at)), Date.now())
  const who = [wordOf(user), ...(client === undefined ? [] : [wordOf(client)]), wordOf(way)]
  const what = topic === undefined ? '' : ` ${painted(screen, 'cyan', wordOf(topic))}`
  const told = [...endOf(entry), ...wayOf(entry)].join(', ')
  const color = refused === undefined ? 'dim' : 'red'
  return `${painted(screen, 'dim', time)} ${who.join(' ')}${what}: ${painted(screen, color, told)}`
}

function endOf({ refused, shed, ended, openMs, receipt, receiptMs }: Row): string[] {
  if (isRecord(refused))
    return [`refused (${wordOf(refused['code'])}): ${wordOf(refused['message'])}`]
  if (ended !== undefined) return [`ended after ${Number(openMs) / 1000} s: ${wordOf(ended)}`]
  const dropped = shed === true ? ['dropped: the hub had too much to do'] : []
  const end = receipt === undefined ? [] : [`${wordOf(receipt)} after ${wordOf(receiptMs)} ms`]
  return [...dropped, ...end]
}

function wayOf({ rule, receivers, receivedBy, tookMs }: Row): string[] {
  const names = (rowsIn(receivedBy) ?? []).map(({ user, client, waits, slow }) => {
    const whose = client === undefined ? wordOf(user) : `${wordOf(user)} ${wordOf(client)}`
    return `${whose}${slow === true ? ' (too slow)' : waits === true ? ' (waits)' : ''}`
  })
  const received = receivers === 0 ? 'received by nobody' : `received by ${wordOf(receivers)}`
  return [
    ...(rule === undefined ? [] : [wordOf(rule)]),
    ...(receivers === undefined
      ? []
      : [`${received}${names.length > 0 ? `: ${names.join('; ')}` : ''}`]),
    ...(tookMs === undefined ? [] : [`took ${wordOf(tookMs)} ms`]),
  ]
}
