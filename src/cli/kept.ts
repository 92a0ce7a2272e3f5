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
      body['old'] === old ? [`takes the place of ${old}, with ${partsIn(body)}`] : undefined
    const about = `${spare}: `
    const asking = { request, does: 'replaces devices', isJson: values.json, about, linesOf }
    return tellAnswer(hubAddress(values, terminal), asking, terminal)
  },
}

const forgetUsage = `forget DEVICE [--base BASE] [--json] ${hubUsage}`

export const forgetDevice: CliCommand = {
  usage: forgetUsage,
  summary:
    'remove all that a hub keeps of a device, for good: its history, its name, who commanded it',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(forgetUsage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const device = deviceNamed(onlyOne(positionals, 'one device', forgetUsage), values.base)
    const request = { path: '/api/forget', json: JSON.stringify({ device }) }
    const linesOf = (body: HubAnswer['body']) =>
      body['device'] === device ? [`forgotten, with ${partsIn(body)}`] : undefined
    const about = `${device}: `
    const asking = { request, does: 'forgets devices', isJson: values.json, about, linesOf }
    return tellAnswer(hubAddress(values, terminal), asking, terminal)
  },
}

/** What went elsewhere, or away: `3 quantities of its history, its name and room, 12 commands`. */
function partsIn({ known, series, label, lock, autoOff, commands }: HubAnswer['body']): string {
  const parts = [
    known === true ? 'its last value' : [],
    Number(series) > 0 ? `${series} quantities of its history` : [],
    label === true ? 'its name and room' : [],
    lock === true ? 'its lock' : [],
    autoOff === true ? 'its auto-off' : [],
    Number(commands) > 0 ? `${commands} commands` : [],
  ]
  return parts.flat().join(', ') || 'nothing but its rules'
}
