import { parseArgs } from 'node:util'
import { HubError, quote } from '../core/errors.ts'
import { isRecord } from '../core/json.ts'
import { type CliCommand, readArguments, required } from './arguments.ts'
import { type Asking, type HubAnswer, rowsIn, tellAnswer } from './ask-hub.ts'
import { hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { wordOf } from './terminal.ts'

const common = { json: { type: 'boolean', default: false }, ...hubOptions } as const

const whom = '(address | user | client) WHO'

const addUsage = `ban add ${whom} --reason TEXT [--for TIME] [--json] ${hubUsage}`

export const banAdd: CliCommand = {
  usage: addUsage,
  summary: 'keep somebody out from now on: an address or network, a user or an MQTT client id',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(addUsage, () =>
      parseArgs({
        args,
        options: { ...common, reason: { type: 'string' }, for: { type: 'string' } },
        allowPositionals: true,
      }),
    )
    const target = targetIn(positionals, addUsage)
    const reason = required(values.reason, 'a --reason', addUsage)
    const json = JSON.stringify({ ...target, reason, ...secondsIn(values.for) })
    const linesOf = (body: HubAnswer['body']) =>
      body['since'] === undefined ? undefined : [`banned ${describe(body)}`]
    const asking = asked({ path: '/api/ban', json }, values.json, linesOf)
    return tellAnswer(hubAddress(values, terminal), asking, terminal)
  },
}

const removeUsage = `ban remove ${whom} [--json] ${hubUsage}`

export const banRemove: CliCommand = {
  usage: removeUsage,
  summary: 'let somebody in again who is banned',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(removeUsage, () =>
      parseArgs({ args, options: common, allowPositionals: true }),
    )
    const json = JSON.stringify(targetIn(positionals, removeUsage))
    const linesOf = ({ what, who, unbanned }: HubAnswer['body']) => {
      if (unbanned === null) return [`${wordOf(what)} ${wordOf(who)} was not banned`]
      return isRecord(unbanned) ? [`let in again; banned was ${describe(unbanned)}`] : undefined
    }
    const asking = asked({ path: '/api/unban', json }, values.json, linesOf)
    return tellAnswer(hubAddress(values, terminal), asking, terminal)
  },
}

const listUsage = `ban list [--json] ${hubUsage}`

export const banList: CliCommand = {
  usage: listUsage,
  summary: 'list who is banned, by whom, since when and why',
  run: async (args, terminal) => {
    const { values } = readArguments(listUsage, () => parseArgs({ args, options: common }))
    const linesOf = ({ bans }: HubAnswer['body']) => {
      const rows = rowsIn(bans)
      return rows?.length === 0 ? ['nobody is banned'] : rows?.map(describe)
    }
    const asking = asked({ path: '/api/bans' }, values.json, linesOf)
    return tellAnswer(hubAddress(values, terminal), asking, terminal)
  },
}

function asked(request: Asking['request'], isJson: boolean, linesOf: Asking['linesOf']): Asking {
  return { request, does: 'has bans', isJson, linesOf }
}

function describe({ what, who, by, since, until, reason }: Readonly<Record<string, unknown>>) {
  const end = until === undefined ? 'for good' : `until ${wordOf(until)}`
  return `${wordOf(what)} ${wordOf(who)}, ${end}, by ${wordOf(by)} since ${wordOf(since)}: ${wordOf(reason)}`
}

function targetIn([what, who, ...more]: readonly string[], usage: string) {
  const isWhat = what === 'address' || what === 'user' || what === 'client'
  const target = isWhat && more.length === 0 ? what : undefined
  return {
    what: required(target, 'address, user or client, and one of them', usage),
    who: required(who, `one ${what}`, usage),
  }
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** @throws HubError `bad-command-line` */
function secondsIn(text: string | undefined): { seconds?: number } {
  if (text === undefined) return {}
  const [, digits, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const seconds = Number(digits) * Number(unitSeconds[unit])
  if (seconds > 0) return { seconds }
  const expected = 'expected --for to be a time such as 90s, 30m, 2h or 7d'
  throw new HubError('bad-command-line', `${expected}, got ${quote(text)}`)
}
