/** The systems that a hub dials: how they are, and how they come into a configuration and out of it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import { HubError, quote, reasonOf } from '../core/errors.ts'
import { writeSecret } from '../core/files.ts'
import { fieldOf, parseJson } from '../core/json.ts'
import { parseYaml } from '../core/yaml.ts'
import {
  type CliCommand,
  configPath,
  jsonOption,
  onlyOne,
  printAnswer,
  readArguments,
  required,
} from './arguments.ts'
import { type HubAnswer, rowsIn, tellAnswer } from './ask-hub.ts'
import { alignedLines, type Row } from './device-rows.ts'
import { hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { interruptedCode, stopSignal, type Terminal, wordOf } from './terminal.ts'

const listUsage = `upstream list [--json] ${hubUsage}`

export const upstreamList: CliCommand = {
  usage: listUsage,
  summary: 'list the systems that a hub dials: whether they are there, since when, and why not',
  run: async (args, terminal) => {
    const options = { ...jsonOption, ...hubOptions } as const
    const { values } = readArguments(listUsage, () => parseArgs({ args, options }))
    const linesOf = ({ upstreams }: HubAnswer['body']) => {
      const rows = rowsIn(upstreams)
      if (rows?.length === 0) return ['no upstreams: "clown-hub upstream add" adds one']
      return rows && alignedLines(rows.map(cellsOf))
    }
    const request = { path: '/api/upstreams' }
    const asking = { request, does: 'lists upstreams', isJson: values.json, linesOf }
    return tellAnswer(hubAddress(values, terminal), asking, terminal)
  },
}

function cellsOf({ name, dialect, url, state, since, devices, reason, nextTry }: Row): string[] {
  const why = reason === undefined ? [] : [wordOf(reason)]
  const next = nextTry === undefined ? [] : [`next try ${wordOf(nextTry)}`]
  const about = [`${wordOf(devices)} devices`, `since ${wordOf(since)}`, ...why, ...next]
  return [...[name, dialect, url, state].map(wordOf), about.join(', ')]
}

const addUsage =
  'upstream add DIALECT URL [--name NAME] [--user USER] [--password-file FILE] [--key-file FILE] [--wait SECONDS] [--config FILE] [--json]'

const addOptions = {
  name: { type: 'string' },
  user: { type: 'string' },
  'password-file': { type: 'string' },
  'key-file': { type: 'string' },
  wait: { type: 'string', default: '60' },
  config: { type: 'string' },
  ...jsonOption,
} as const

export const upstreamAdd: CliCommand = {
  usage: addUsage,
  summary:
    'add a system that the hub dials to the configuration; of a deCONZ gateway without a key, wait a minute for its link button',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(addUsage, () =>
      parseArgs({ args, options: addOptions, allowPositionals: true }),
    )
    const [dialect, url] = positionals
    const place = required(
      positionals.length === 2 ? url : undefined,
      'a dialect and a URL',
      addUsage,
    )
    const name = values.name ?? nameIn(place)
    const config = configPath(values.config)
    // Before anybody walks to the gateway.
    checkNew(config, name)
    const inConfig = (file: string | undefined) =>
      file && relative(dirname(resolve(config)), resolve(file))
    let keyFile = inConfig(values['key-file'])
    if (dialect === 'deconz' && keyFile === undefined) {
      const key = await pairedKey({ url: place, seconds: Number(values.wait) }, terminal)
      if (key === undefined) return interruptedCode
      keyFile = `${name}-key.txt`
      writeSecret(join(dirname(config), keyFile), `${key}\n`)
      terminal.printError(`its key is in ${keyFile}, for you only`)
    }
    const passwordFile = inConfig(values['password-file'])
    const settings = { dialect, url: place, user: values.user, passwordFile, keyFile }
    const known = Object.entries(settings).filter(([, value]) => value !== undefined)
    change(config, terminal, (upstreams) => upstreams.set(name, Object.fromEntries(known)))
    const line = `${name} is in ${config} now: it counts when the hub is started again`
    printAnswer(terminal, values, { value: { name, config, ...settings }, lines: [line] })
    return 0
  },
}

/** The first word of the host. */
function nameIn(url: string): string {
  const host = URL.canParse(url) ? new URL(url).hostname : ''
  const word = /^[0-9.]+$/.test(host) ? host : host.replace(/\..*/, '')
  return word.replace(/[^A-Za-z0-9_-]/g, '-') || 'upstream'
}

function upstreamsIn(config: string): readonly string[] {
  const { value } = parseYaml(readFileSync(config, 'utf8'), config)
  return Object.keys(Object(fieldOf(value, 'upstreams')))
}

function checkNew(config: string, name: string): void {
  if (!upstreamsIn(config).includes(name)) return
  const sentence = `expected a new name, ${quote(name)} is in ${config}: --name gives another`
  throw new HubError('bad-command-line', sentence)
}

interface Upstreams {
  set(name: string, settings: object): void
  remove(name: string): void
}

/** Changes a configuration, and leaves what stood there if the hub would not start with it any more. */
function change(config: string, terminal: Terminal, act: (upstreams: Upstreams) => void): void {
  const before = readFileSync(config, 'utf8')
  const { document } = parseYaml(before, config)
  act({
    set: (name, settings) => document.setIn(['upstreams', name], document.createNode(settings)),
    remove: (name) => document.deleteIn(['upstreams', name]),
  })
  writeFileSync(config, document.toString())
  try {
    readConfig(config, terminal.environment)
  } catch (error) {
    writeFileSync(config, before)
    throw error
  }
}

const removeUsage = 'upstream remove NAME [--config FILE] [--json]'

export const upstreamRemove: CliCommand = {
  usage: removeUsage,
  summary: 'take a system that the hub dials out of the configuration; files with its secrets stay',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(removeUsage, () =>
      parseArgs({
        args,
        options: { config: { type: 'string' }, ...jsonOption },
        allowPositionals: true,
      }),
    )
    const name = onlyOne(positionals, 'the name of one upstream', removeUsage)
    const config = configPath(values.config)
    const known = upstreamsIn(config)
    if (!known.includes(name)) {
      const some = known.map(quote).join(', ') || 'there are none'
      throw new HubError(
        'bad-command-line',
        `expected an upstream of ${config} (${some}), got ${quote(name)}`,
      )
    }
    change(config, terminal, (upstreams) => upstreams.remove(name))
    const line = `${name} is no more in ${config}: that counts when the hub is started again`
    printAnswer(terminal, values, { value: { name, config }, lines: [line] })
    return 0
  },
}

interface Pairing {
  readonly url: string
  /** So long is waited for somebody to get there. */
  readonly seconds: number
}

/** A key of a gateway, once it is unlocked; undefined when the user did not wait for that. */
async function pairedKey(
  { url, seconds }: Pairing,
  terminal: Terminal,
): Promise<string | undefined> {
  const signal = stopSignal(terminal)
  terminal.printError('unlock the gateway now (in Phoscon: Gateway, Advanced, Authenticate app)')
  for (let left = seconds; left > 0; left--) {
    const key = await askForKey(url, signal)
    if (key !== undefined || signal.aborted) return key
    terminal.progress(`${left} s left`)
    await delay(1000, undefined, { signal }).catch(() => {})
  }
  throw new HubError('cannot-connect', `expected ${quote(url)} to be unlocked within ${seconds} s`)
}

async function askForKey(url: string, signal: AbortSignal): Promise<string | undefined> {
  const body = JSON.stringify({ devicetype: `clown-hub#${hostname()}`.slice(0, 40) })
  const answer = await fetch(`${url.replace(/\/$/, '')}/api`, {
    ...{ method: 'POST', body, signal, redirect: 'manual' },
    headers: { 'Content-Type': 'application/json' },
  })
    .then((response) => response.text())
    .catch((error: unknown) => {
      if (signal.aborted) return '[{"error":{"type":101}}]'
      throw new HubError(
        'cannot-connect',
        `expected ${quote(url)} to answer: ${reasonOf(Object(error).cause)}`,
      )
    })
  const [first]: readonly unknown[] = [parseJson(answer)].flat()
  const key = fieldOf(fieldOf(first, 'success'), 'username')
  if (typeof key === 'string') return key
  // Nobody has unlocked it yet.
  if (fieldOf(fieldOf(first, 'error'), 'type') === 101) return undefined
  throw new HubError(
    'cannot-connect',
    `expected a deCONZ gateway, ${quote(url)} has answered ${quote(answer)}`,
  )
}
