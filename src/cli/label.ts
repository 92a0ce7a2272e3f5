import { parseArgs } from 'node:util'
import { HubError, quote } from '../core/errors.ts'
import { type CliCommand, onlyOne, readArguments } from './arguments.ts'
import { type HubAnswer, tellAnswer } from './ask-hub.ts'
import { deviceNamed, hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { wordOf } from './terminal.ts'

const usage = `label DEVICE [--title TEXT] [--room TEXT] [--icon NAME] [--order NUMBER] [--hidden yes|no] [--favorite yes|no] [--base BASE] [--json] ${hubUsage}`

const options = {
  title: { type: 'string' },
  room: { type: 'string' },
  icon: { type: 'string' },
  order: { type: 'string' },
  hidden: { type: 'string' },
  favorite: { type: 'string' },
  base: { type: 'string' },
  json: { type: 'boolean', default: false },
  ...hubOptions,
} as const

export const labelDevice: CliCommand = {
  usage,
  summary:
    'say what a device is called, which room it is in, and how pages show it; an empty text takes what was said away',
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
      order: given(order, readNumber),
      hidden: given(hidden, readAnswer('--hidden')),
      favorite: given(favorite, readAnswer('--favorite')),
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

function readNumber(text: string): number {
  const number = Number(text)
  if (Number.isFinite(number)) return number
  throw new HubError('bad-command-line', `expected --order to be a number, got ${quote(text)}`)
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
function words({ title, room, icon, order, hidden, favorite }: HubAnswer['body']): string {
  const parts = [
    title === undefined ? [] : `called ${wordOf(title)}`,
    room === undefined ? [] : `in ${wordOf(room)}`,
    icon === undefined ? [] : `icon ${wordOf(icon)}`,
    order === undefined ? [] : `order ${wordOf(order)}`,
    hidden === true ? 'hidden' : [],
    favorite === true ? 'a favorite' : [],
  ]
  return parts.flat().join(', ') || 'has no name and no room'
}
