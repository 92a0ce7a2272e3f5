/** The systems that a hub dials: how they are, and how they come into a configuration and out of it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Config, readConfig } from '../config.ts'
import { HubError, quote, reasonOf } from '../core/errors.ts'
import { writeSecret } from '../core/files.ts'
import { fieldOf, parseJson } from '../core/json.ts'
import { parseYaml } from '../core/yaml.ts'
import type { DialResult } from '../open-upstreams.ts'
import {
  type CliCommand,
  configPath,
  jsonOption,
  onlyOne,
  printAnswer,
  readArguments,
  readSeconds,
  required,
} from './arguments.ts'
import { type HubAnswer, refusedCode, rowsIn, tellAnswer } from './ask-hub.ts'
import { alignedLines, type Row } from './device-rows.ts'
import { hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { interruptedCode, stopSignal, type Terminal, timedOutCode, wordOf } from './terminal.ts'

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

const testUsage = 'upstream test [NAME…] [--wait SECONDS] [--config FILE] [--json]'

/** How long a system may take to tell of all that it has. */
const testWait = { name: '--wait', minimumSeconds: 1, maximumSeconds: 600 } as const

const testOptions = {
  wait: { type: 'string', default: '30' },
  config: { type: 'string' },
  ...jsonOption,
} as const

export const upstreamTest: CliCommand = {
  usage: testUsage,
  summary:
    'dial systems of the configuration once, without a hub, and say what was found: whether they are there and let the hub in, and which devices they have (refused: exit code 4, not there: 5)',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(testUsage, () =>
      parseArgs({ args, options: testOptions, allowPositionals: true }),
    )
    const waitMs = readSeconds(values.wait, testWait)
    const config = configPath(values.config)
    const { upstreams } = readConfig(config, terminal.environment)
    const known = Object.keys(upstreams)
    for (const name of positionals) checkKnown(name, { known, config })
    const wanted = positionals.length === 0 ? known : positionals
    if (wanted.length === 0) {
      required(undefined, 'an upstream in the configuration: "clown-hub upstream add"', testUsage)
    }
    const { dialOnce } = await import('../open-upstreams.ts')
    const { stopped } = terminal
    const signal = stopSignal(terminal)
    const dialled = Object.entries(upstreams).filter(([name]) => wanted.includes(name))
    const results = await Promise.all(
      dialled.map(async ([name, settings]): Promise<Found> => {
        const { status, devices } = await dialOnce({ name, settings, waitMs, stopped })
        return { ...status, devices, signedIn: signedInAs(settings) }
      }),
    )
    if (signal.aborted) return interruptedCode
    const lines = alignedLines(results.map(foundCells))
    printAnswer(terminal, values, { value: { upstreams: results }, lines })
    return testCodes[results.find(({ state }) => state !== 'connected')?.state ?? 'connected']
  },
}

type Found = Omit<DialResult['status'], 'devices'> &
  Pick<DialResult, 'devices'> & {
    /** As whom, if it is there. */
    readonly signedIn: string | null
  }

const testCodes = { connected: 0, connecting: timedOutCode, refused: refusedCode, away: 5 } as const

function signedInAs({ user, keyFile }: Config['upstreams'][string]): string | null {
  return user ?? (keyFile === undefined ? null : 'the owner of its key')
}

function foundCells(found: Found): string[] {
  const { name, dialect, url } = found
  return [...[name, dialect, url].map(wordOf), wordOf(foundWords(found))]
}

function foundWords({ state, reason, devices, signedIn }: Found): string {
  if (state === 'connecting') return 'late: it has not told what it has, --wait gives it more time'
  if (state !== 'connected') return `${state}: ${reason}`
  const counts = new Map<string, number>()
  for (const { kind } of devices) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  const kinds = [...counts].map(([kind, count]) => `${count} ${kind}`)
  const offline = devices.filter(({ online }) => !online).length
  return [
    'reachable',
    ...(signedIn === null ? [] : [`signed in as ${signedIn}`]),
    `${devices.length} devices seen${kinds.length > 0 ? ` (${kinds.join(', ')})` : ''}`,
    ...(offline > 0 ? [`${offline} of them offline`] : []),
  ].join(', ')
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
    checkKnown(name, { known: upstreamsIn(config), config })
    change(config, terminal, (upstreams) => upstreams.remove(name))
    const line = `${name} is no more in ${config}: that counts when the hub is started again`
    printAnswer(terminal, values, { value: { name, config }, lines: [line] })
    return 0
  },
}

interface KnownUpstreams {
  readonly known: readonly string[]
  readonly config: string
}

function checkKnown(name: string, { known, config }: KnownUpstreams): void {
  if (known.includes(name)) return
  const some = known.map(quote).join(', ') || 'there are none'
  const sentence = `expected an upstream of ${config} (${some}), got ${quote(name)}`
  throw new HubError('bad-command-line', sentence)
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
