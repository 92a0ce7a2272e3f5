import { parseArgs } from 'node:util'
import { HubError, quote } from '../core/errors.ts'
import { type CliCommand, onlyOne, readArguments } from './arguments.ts'
import { type HubAnswer, tellAnswer } from './ask-hub.ts'
import { deviceNamed, hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { wordOf } from './terminal.ts'

const usage = `label DEVICE [--title TEXT] [--room TEXT] [--icon NAME] [--order NUMBER] [--hidden yes|no] [--favorite yes|no] [--auto-off SECONDS] [--base BASE] [--json] ${hubUsage}`

const options = {
  title: { type: 'string' },
  room: { type: 'string' },
  icon: { type: 'string' },
  order: { type: 'string' },
  hidden: { type: 'string' },
  favorite: { type: 'string' },
  'auto-off': { type: 'string' },
  base: { type: 'string' },
  json: { type: 'boolean', default: false },
  ...hubOptions,
} as const

export const labelDevice: CliCommand = {
  usage,
  summary:
    'say what a device is called, which room it is in, how pages show it, and how long it may be on; an empty text takes what was said away',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const device = deviceNamed(onlyOne(positionals, 'one device', usage), values.base)
    const { title, room, icon, order, hidden, favorite } = values
    const json = JSON.stringify({
      device,
      title: given(title, String),
      room: given(room, String),
      icon: given(icon, String),
      order: given(order, readNumber('--order')),
      hidden: given(hidden, readAnswer('--hidden')),
      favorite: given(favorite, readAnswer('--favorite')),
      autoOffSeconds: given(values['auto-off'], readNumber('--auto-off')),
    })
    const request = { path: '/api/label', json }
    const linesOf = (body: HubAnswer['body']) =>
      body['device'] === device ? [words(body)] : undefined
    const about = `${device}: `
    const asking = { request, does: 'has labels', isJson: values.json, about, linesOf }
    return tellAnswer(hubAddress(values, terminal), asking, terminal)
  },
}

/** What an option says; an empty text takes away what was said before. */
function given<Value>(text: string | undefined, read: (text: string) => Value) {
  if (text === undefined) return undefined
  return text === '' ? null : read(text)
}

/** @throws HubError `bad-command-line` */
function readNumber(option: string): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (Number.isFinite(number)) return number
    throw new HubError('bad-command-line', `expected ${option} to be a number, got ${quote(text)}`)
  }
}

/** @throws HubError `bad-command-line` */
function readAnswer(option: string): (text: string) => boolean {
  return (text) => {
    if (text === 'yes' || text === 'no') return text === 'yes'
    const sentence = `expected ${option} to be yes or no, got ${quote(text)}`
    throw new HubError('bad-command-line', sentence)
  }
}

/** What a label says, as somebody would: `"Pump", in Cellar, a favorite`. */
function words({ title, room, icon, order, ...flags }: HubAnswer['body']): string {
  const { hidden, favorite, autoOffSeconds } = flags
  const parts = [
    title === undefined ? [] : `called ${wordOf(title)}`,
    room === undefined ? [] : `in ${wordOf(room)}`,
    icon === undefined ? [] : `icon ${wordOf(icon)}`,
    order === undefined ? [] : `order ${wordOf(order)}`,
    hidden === true ? 'hidden' : [],
    favorite === true ? 'a favorite' : [],
    autoOffSeconds === undefined ? [] : `turned off after ${wordOf(autoOffSeconds)} s`,
  ]
  return parts.flat().join(', ') || 'has no name and no room'
}
