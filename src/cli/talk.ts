import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { WebSocket } from 'ws'
import { ageOf, clockTime } from '../core/clock.ts'
import { HubError, quote, reasonOf, systemCodeOf } from '../core/errors.ts'
import { isRecord, parseJson } from '../core/json.ts'
import { type CliCommand, jsonOption, readArguments, readSeconds, required } from './arguments.ts'
import { refusedCode } from './ask-hub.ts'
import { type HubAddress, hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { exitCodeOf } from './receipts.ts'
import {
  interruptedCode,
  painted,
  plainText,
  type Screen,
  type Terminal,
  timedOutCode,
  wordOf,
} from './terminal.ts'

const usage = `talk [URL] [-x LINE [--timeout 10s]] [--json] ${hubUsage}`

const options = {
  execute: { type: 'string', short: 'x' },
  timeout: { type: 'string', default: '10' },
  ...jsonOption,
  ...hubOptions,
} as const

const timeout = { name: '--timeout', minimumSeconds: 0.1, maximumSeconds: 600 }

export const talk: CliCommand = {
  usage,
  summary:
    'talk to a hub line by line, as its pages do: it introduces itself, tells what comes, and comes back after a loss; -x says one line and waits for its answer (exit codes as of set)',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const [url = values.url, ...more] = positionals
    if (more.length > 0) required(undefined, 'one URL', usage)
    const hub = talkAddress({ ...values, url: url?.replace(/^ws/, 'http') }, terminal)
    const { execute } = values
    // Without a screen lines are printed as they came.
    const shown = values.json ? { ...terminal, screen: undefined } : terminal
    if (execute === undefined) return new Conversation(hub, shown).goOn()
    const line = readTyped(execute)
    return askOnce({ hub, line, timeoutMs: readSeconds(values.timeout, timeout) }, terminal)
  },
}

/** Without a path, topics are complete. */
function talkAddress(values: Parameters<typeof hubAddress>[0], terminal: Terminal): HubAddress {
  const hub = hubAddress(values, terminal)
  const hasPath = /\/(talk|auth)\b/.test(new URL(hub.url).pathname)
  return hasPath ? hub : { ...hub, url: `${hub.url}/talk` }
}

/** What goes between a hub and us: `["topic", payload]`, with an object as optional third element. */
type Line = readonly [topic: string, payload: unknown, options?: Readonly<Record<string, unknown>>]

/**
 * The line that somebody has typed: as it goes, or `TOPIC PAYLOAD` with JSON, a text, or nothing as the payload.
 *
 * @throws HubError `bad-command-line`
 */
function readTyped(text: string): Line {
  if (text.trimStart().startsWith('[')) return readLine(text)
  const [topic = '', rest = ''] = text.trim().split(/\s+(.*)/s)
  return [topic, rest === '' ? {} : (parseJson(rest) ?? rest)]
}

function readLine(text: string): Line {
  const line = parseJson(text)
  const [topic, payload, third] = Array.isArray(line) ? line : []
  if (typeof topic === 'string' && payload !== undefined) {
    return isRecord(third) ? [topic, payload, third] : [topic, payload]
  }
  const expected = 'expected a line like ["relay/i2c0-3b/set", {"state": true}]'
  throw new HubError('bad-command-line', `${expected}, got ${quote(text)}`)
}

/** How a connection ended. */
interface Ended {
  readonly wasOpen: boolean
  /** Whether the same again would end the same way. */
  readonly isFinal: boolean
  readonly why: string
}

interface Listeners {
  /** Aborted when the connection is not wanted any more. */
  readonly signal: AbortSignal
  opened(socket: WebSocket): void
  received(text: string): void
}

/** Dials once, and resolves when that connection is over. */
async function connection({ url, user, password }: HubAddress, on: Listeners): Promise<Ended> {
  const { WebSocket } = await import('ws')
  if (on.signal.aborted) return { wasOpen: false, isFinal: false, why: '' }
  const address = url.replace(/^http/, 'ws')
  const socket = new WebSocket(address, ['clown.talk.v1'], { auth: `${user}:${password}` })
  on.signal.addEventListener('abort', () => socket.terminate(), { once: true })
  return new Promise((resolve) => {
    let wasOpen = false
    let why = ''
    let status = 0
    socket.on('open', () => {
      wasOpen = true
      on.opened(socket)
    })
    socket.on('message', (data) => {
      for (const text of String(data).split('\n')) if (text !== '') on.received(text)
    })
    socket.on('error', (error) => {
      // Several addresses tried in vain have a code, and no words.
      why = String([reasonOf(error), systemCodeOf(error)].find(Boolean))
      status = Number(/Unexpected server response: (\d+)/.exec(why)?.[1])
    })
    socket.on('close', (code, reason) => {
      const words = why || [code, reason].join(' ').trim()
      const isRefused = [400, 401, 403, 404].includes(status) || code >= 4400
      resolve({ wasOpen, isFinal: isRefused, why: plainText(words) })
    })
  })
}

function refusedBy({ url }: HubAddress, why: string): HubError {
  return new HubError('cannot-connect', `expected a hub at ${url} that lets us in, got ${why}`)
}

const firstPauseMs = 500
const longestPauseMs = 30_000

/** Our side of a talk that goes on until somebody ends it. */
class Conversation {
  readonly #hub: HubAddress
  readonly #terminal: Terminal
  readonly #typing: ReturnType<typeof createInterface>
  /** What has been heard of, for who types. */
  readonly #topics = new Set<string>()
  /** What was typed before there was a connection. */
  readonly #waiting: Line[] = []
  readonly #over = new AbortController()
  #socket: WebSocket | undefined
  #lastId = 0
  #isLeaving = false

  constructor(hub: HubAddress, terminal: Terminal) {
    this.#hub = hub
    this.#terminal = terminal
    const { input, screen } = terminal
    this.#typing = createInterface({
      input,
      ...(screen && { output: screen.output, terminal: true }),
      completer: (text: string) => [
        [...this.#topics].filter((topic) => topic.startsWith(text)),
        text,
      ],
    })
    this.#typing
      .on('line', (text) => this.#say(text))
      .on('close', () => this.#leave())
      .on('SIGINT', () => this.#end())
    void terminal.stopped.then(() => this.#end())
  }

  async goOn(): Promise<number> {
    const { signal } = this.#over
    let pauseMs = firstPauseMs
    for (;;) {
      const { wasOpen, isFinal, why } = await connection(this.#hub, {
        signal,
        opened: (socket) => this.#introduce(socket),
        received: (text) => this.#tell(text),
      })
      if (signal.aborted || (wasOpen && this.#isLeaving)) break
      if (isFinal || this.#socket === undefined) {
        this.#end()
        throw refusedBy(this.#hub, why)
      }
      pauseMs = wasOpen ? firstPauseMs : Math.min(2 * pauseMs, longestPauseMs)
      this.#note(`the connection is gone (${why}): trying again in ${pauseMs / 1000} s`)
      await pause(pauseMs, undefined, { signal }).catch(() => {})
    }
    this.#end()
    return 0
  }

  /** What was said is heard before. */
  #leave(): void {
    this.#isLeaving = true
    if (this.#socket?.readyState === 1) this.#send(['$hub/ping', {}])
  }

  #end(): void {
    this.#over.abort()
    this.#typing.close()
  }

  #introduce(socket: WebSocket): void {
    this.#socket = socket
    this.#send(['clown.talk/-/config/set', { ages: true, presence: true }])
    this.#note(`connected to ${this.#hub.url} as ${this.#hub.user}`)
    for (const line of this.#waiting.splice(0)) this.#send(line)
    if (this.#isLeaving) this.#leave()
  }

  #say(text: string): void {
    if (text.trim() === '') return
    try {
      const [topic, payload, third = { id: ++this.#lastId }] = readTyped(text)
      this.#send([topic, payload, third])
    } catch (error) {
      this.#note(reasonOf(error))
    }
  }

  #send(line: Line): void {
    if (this.#socket?.readyState === 1) this.#socket.send(`${JSON.stringify(line)}\n`)
    else if (this.#socket === undefined) this.#waiting.push(line)
    else this.#note('not sent: there is no connection')
  }

  #tell(text: string): void {
    const line = readLine(text)
    if (this.#isLeaving && line[0] === '$hub/ping/ok') {
      this.#end()
      return
    }
    this.#topics.add(line[0])
    const { screen, print } = this.#terminal
    if (screen === undefined) print(text)
    else this.#above(shownLine(line, screen))
  }

  /** What is none of the talk itself. */
  #note(sentence: string): void {
    const { screen, printError } = this.#terminal
    if (screen === undefined) printError(sentence)
    else this.#above(painted(screen, 'dim', sentence))
  }

  /** Prints a line above the one that is being typed. */
  #above(line: string): void {
    this.#terminal.print(`\r\u001b[K${line}`)
    this.#typing.prompt(true)
  }
}

/** When, on which topic, what, and what the hub says besides. */
function shownLine([topic, payload, third = {}]: Line, screen: Screen): string {
  const { ageMs, stale, id } = third
  const notes = [
    ...(typeof ageMs === 'number' ? [ageOf(0, ageMs)] : []),
    ...(stale === true ? ['stale'] : []),
    ...(id === undefined ? [] : [`answer ${wordOf(id)}`]),
  ]
  const note = notes.length === 0 ? '' : painted(screen, 'dim', `  (${notes.join(', ')})`)
  const color = topic.endsWith('/error') ? 'red' : 'cyan'
  const time = painted(screen, 'dim', clockTime(Date.now()))
  return `${time} ${painted(screen, color, plainText(topic))} ${wordOf(payload)}${note}`
}

interface Question {
  readonly hub: HubAddress
  readonly line: Line
  readonly timeoutMs: number
}

/** Ids of what is asked, and of the ping behind it. */
const askedId = 1
const pingId = 2

/** Says one line, prints what is answered to it, and returns the exit code. */
async function askOnce(question: Question, terminal: Terminal): Promise<number> {
  const { hub, line, timeoutMs } = question
  const [topic, payload, third] = line
  const codeOf = readAnswers(topic, terminal)
  let code: number | undefined
  const over = new AbortController()
  const late = setTimeout(() => {
    terminal.printError(
      `expected the last answer to ${topic} within ${timeoutMs / 1000} s, got none`,
    )
    over.abort()
  }, timeoutMs)
  void terminal.stopped.then(() => {
    code ??= interruptedCode
    over.abort()
  })
  const ended = await connection(hub, {
    signal: over.signal,
    opened: (socket) => {
      // Whatever has no answer is done when what was said behind it is answered.
      const asked = [topic, payload, { ...third, id: askedId }]
      const ping = ['$hub/ping', {}, { id: pingId }]
      socket.send([asked, ping].map((each) => `${JSON.stringify(each)}\n`).join(''))
    },
    received: (text) => {
      code ??= codeOf(readLine(text))
      if (code !== undefined) over.abort()
    },
  })
  clearTimeout(late)
  if (!ended.wasOpen && !over.signal.aborted) throw refusedBy(hub, ended.why)
  return code ?? timedOutCode
}

/**
 * Prints what is answered to a line on `topic`, and tells the exit code that an answer means; undefined when another
 * one is to come.
 */
function readAnswers(topic: string, { print }: Terminal): (line: Line) => number | undefined {
  const isAnswered = /\/(set|get|list)$|^\$hub\//.test(topic)
  // A node that is asked reports, and knows no ids.
  const report = topic.replace(/\/get$/, '')
  const isMeant = (answered: string, id: unknown) =>
    id === askedId || (answered === report && report !== topic)
  return ([answered, payload, third = {}]) => {
    const { id } = third
    if (id === pingId) return isAnswered ? undefined : 0
    if (!isMeant(answered, id)) return undefined
    print(JSON.stringify([answered, payload]))
    return answered.endsWith('/error') ? refusedCode : codeOfReceipt(payload)
  }
}

function codeOfReceipt(payload: unknown): number | undefined {
  const { receipt, final } = Object(payload)
  if (receipt === undefined) return 0
  return final === true ? exitCodeOf(receipt) : undefined
}
