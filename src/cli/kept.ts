import { parseArgs } from 'node:util'
import { HubError } from '../core/errors.ts'
import { type CliCommand, onlyOne, readArguments } from './arguments.ts'
import { type HubAnswer, tellAnswer } from './ask-hub.ts'
import { deviceNamed, hubAddress, hubOptions, hubUsage } from './hub-address.ts'

const options = {
  base: { type: 'string' },
  json: { type: 'boolean', default: false },
  ...hubOptions,
} as const

const replaceUsage = `device replace OLD NEW [--base BASE] [--json] ${hubUsage}`

export const replaceDevice: CliCommand = {
  usage: replaceUsage,
  summary:
    'give the history, the name, the room, the rules, the lock and the auto-off of a broken device to its spare part',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(replaceUsage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const [old, spare] = positionals.map((name) => deviceNamed(name, values.base))
    if (old === undefined || spare === undefined || positionals.length > 2) {
      const sentence = `expected a device and its spare part; usage: clown-hub ${replaceUsage}`
      throw new HubError('bad-command-line', sentence)
    }
    const request = { path: '/api/replace', json: JSON.stringify({ old, new: spare }) }
    const linesOf = (body: HubAnswer['body']) =>
      body['old'] === old
        ? [`takes the place of ${old}, with ${partsIn(body)}`, ...warningIn(body)]
        : undefined
    const about = `${spare}: `
    const asking = { request, does: 'replaces devices', isJson: values.json, about, linesOf }
    return tellAnswer(hubAddress(values, terminal), asking, terminal)
  },
}

const forgetUsage = `forget DEVICE|USER [--base BASE] [--json] ${hubUsage}`

export const forget: CliCommand = {
  usage: forgetUsage,
  summary:
    'remove all that a hub keeps of a device or a user, for good: history, names, who commanded',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(forgetUsage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const name = onlyOne(positionals, 'one device or user', forgetUsage)
    // A device of the usual base has two levels at least.
    const isUser = values.base === undefined && !name.includes('/')
    const asked = isUser ? { user: name } : { device: deviceNamed(name, values.base) }
    const request = { path: '/api/forget', json: JSON.stringify(asked) }
    const [about = ''] = Object.values(asked)
    const isAnswer = (body: HubAnswer['body']) =>
      Object.entries(asked).every(([key, value]) => body[key] === value)
    const parts = isUser ? userPartsIn : partsIn
    const linesOf = (body: HubAnswer['body']) =>
      isAnswer(body) ? [`forgotten, with ${parts(body)}; backups have it still`] : undefined
    const does = 'forgets devices and users'
    const asking = { request, does, isJson: values.json, about: `${about}: `, linesOf }
    return tellAnswer(hubAddress(values, terminal), asking, terminal)
  },
}

function warningIn({ fewerRights }: HubAnswer['body']): string[] {
  if (!Array.isArray(fewerRights) || fewerRights.length === 0) return []
  return [
    `rights are by topic, and stay: ${fewerRights.join(', ')} may do less with it than with the old one`,
  ]
}

/** What went elsewhere, or away: `3 quantities of its history, its name and room, 12 commands`. */
function partsIn({ known, series, label, lock, autoOff, commands }: HubAnswer['body']): string {
  const parts = [
    known === true ? 'its last value' : [],
    counted(series, 'quantities of its history'),
    label === true ? 'its name and room' : [],
    lock === true ? 'its lock' : [],
    autoOff === true ? 'its auto-off' : [],
    counted(commands, 'commands'),
  ]
  return parts.flat().join(', ') || 'nothing but its rules'
}

/** What went away with a user: `the account, 2 sessions, 1 keys of dialects, 12 commands`. */
function userPartsIn(body: HubAnswer['body']): string {
  const words = {
    sessions: 'sessions',
    keys: 'keys of dialects',
    links: 'links',
    bans: 'bans',
    devices: 'devices',
    series: 'quantities of their history',
    labels: 'names and rooms',
    retained: 'retained values',
    commands: 'commands',
    events: 'lines of the security log',
  }
  const counts = Object.entries(words).flatMap(([key, what]) => counted(body[key], what))
  return [body['account'] === true ? 'the account' : [], counts].flat().join(', ')
}

function counted(count: unknown, what: string): string | [] {
  return Number(count) > 0 ? `${count} ${what}` : []
}
