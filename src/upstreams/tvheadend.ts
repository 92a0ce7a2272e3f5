/**
 * A Tvheadend server, of which the hub is a client: the mailbox of its pages tells what happens, by websocket or by long
 * poll, and its API what there is. It takes no commands. Facts: tvheadend/tvheadend (src/webui/comet.c, src/api).
 */

import { randomBytes } from 'node:crypto'
import { digestResponse, digestSecretOf, digestValues } from '../access/digest.ts'
import { quote } from '../core/errors.ts'
import { fieldOf, isRecord, parseJson } from '../core/json.ts'
import { isOfUpstream } from '../nodes/profiles/open-profile.ts'
import type { DeviceFacts, Report } from '../nodes/profiles/profile.ts'
import { FarConversation } from './far-conversation.ts'
import { basicOf, FarFailure, statusEnding } from './far-http.ts'
import type { SocketEnding } from './far-websocket.ts'
import { type FarSystem, type LinkEvents, secretOf, type UpstreamLanguage } from './upstream.ts'

export const tvheadendServer: UpstreamLanguage = {
  open: (far) => {
    const server = new Server(far)
    const mailbox: Mailbox = { id: '' }
    return (link) => {
      const reader = new Reader(far, { link, server, mailbox })
      return () => reader.end()
    }
  },
}

/** A mailbox lives on for a minute after a connection, and tells then what has piled up. */
interface Mailbox {
  id: string
}

interface ReaderParts {
  readonly link: LinkEvents
  readonly server: Server
  readonly mailbox: Mailbox
}

/** Lists are read again so soon after one has changed, and a poll may take so long. */
const delayMs = { reload: 500, poll: 20_000 }

type Fields = Readonly<Record<string, unknown>>

/** One connection. */
class Reader {
  readonly #far: FarSystem
  readonly #talk: FarConversation
  readonly #parts: ReaderParts
  readonly #base: string
  readonly #stale = new Set<List>()
  #challenge: string | undefined
  #uses = 0
  #hasHeard = false

  constructor(far: FarSystem, parts: ReaderParts) {
    this.#far = far
    this.#talk = new FarConversation(far, parts.link)
    this.#parts = parts
    this.#base = new URL(far.settings.url).pathname.replace(/\/$/, '')
    this.#talk.try(() => this.#begin())
  }

  end(): void {
    this.#talk.end()
  }

  async #begin(): Promise<void> {
    const info = await this.#get('/api/serverinfo')
    if (typeof fieldOf(info, 'sw_version') !== 'string') {
      throw new FarFailure(
        `expected the version of a Tvheadend, got ${quote(JSON.stringify(info))}`,
      )
    }
    this.#parts.server.is(info)
    const path = this.#mailboxPath('/comet/ws')
    const url = new URL(this.#base + path, this.#far.settings.url.replace(/^http/, 'ws'))
    const headers = this.#credentials('GET', path)
    this.#talk.dial(
      // Whatever it is offered, it answers this one.
      { url, headers, protocol: 'tvheadend-comet' },
      {
        opened: () => this.#talk.try(() => this.#picture()),
        said: (text) => this.#said(text),
        gone: (ending) => this.#socketGone(ending),
      },
    )
  }

  #mailboxPath(path: string): string {
    return `${path}?boxid=${encodeURIComponent(this.#parts.mailbox.id)}`
  }

  /** Where websockets do not come through, the same is told by long polls. */
  #socketGone(ending: SocketEnding): void {
    const { status, isRefused, code } = ending
    if (status !== undefined && isRefused !== true) this.#talk.try(() => this.#poll())
    // It drops the connection, without a word, whenever one ends.
    else this.#talk.gone(code === 1006 ? { reason: 'it has cut the connection' } : ending)
  }

  async #poll(): Promise<void> {
    await this.#picture()
    for (;;) {
      const path = `${this.#mailboxPath('/comet/poll')}&immediate=0`
      this.#said(await this.#text(path, delayMs.poll))
      // A server that does not wait for anything is not to be asked all the time.
      await this.#talk.http.pause(delayMs.reload)
    }
  }

  async #picture(): Promise<void> {
    for (const list of lists) await this.#read(list)
    this.#talk.connected()
  }

  /** Some lists are for administrators; who is none does without. */
  async #read(list: List): Promise<void> {
    const { path } = list
    const answer = await this.#answer(path)
    if (answer.status === 403) return
    const entries = fieldOf(jsonOf(answer), 'entries')
    if (!Array.isArray(entries)) throw new FarFailure(`expected the entries of ${path}, got none`)
    this.#parts.server.list(list, entries.filter(isRecord))
  }

  #reload(list: List): void {
    this.#stale.add(list)
    this.#talk.after(delayMs.reload, async () => {
      const stale = [...this.#stale]
      this.#stale.clear()
      await Promise.all(stale.map((each) => this.#read(each)))
    })
  }

  /** What cannot be read is left out, as long as anything could be read before. */
  #said(text: string): void {
    // Before May 2026 control characters in titles and log lines came as they are.
    const frame = parseJson(text) ?? parseJson(text.replace(/\p{Cc}/gu, ' '))
    const messages = fieldOf(frame, 'messages')
    if (Array.isArray(messages)) {
      this.#hasHeard = true
      const boxId = fieldOf(frame, 'boxid')
      if (typeof boxId === 'string') this.#parts.mailbox.id = boxId
      for (const message of messages) if (isRecord(message)) this.#message(message)
    } else if (!this.#hasHeard) {
      this.#talk.gone({ reason: `expected a mailbox of Tvheadend, got ${quote(text)}` })
    }
  }

  #message(message: Fields): void {
    const name = String(message['notificationClass'])
    const list = lists.find(({ of }) => of.includes(name))
    const isEntry = 'update' in message || 'updateEntry' in message
    if (list !== undefined && !isEntry) this.#reload(list)
    else this.#parts.server.told(name, message)
  }

  async #get(path: string): Promise<unknown> {
    return jsonOf(await this.#answer(path))
  }

  async #text(path: string, timeoutMs: number): Promise<string> {
    return (await this.#answer(path, timeoutMs)).text
  }

  /** With the credentials that it wants: most only say at the first request what they are. */
  async #answer(path: string, timeoutMs = 10_000) {
    const ask = () => {
      const headers = this.#credentials('GET', path)
      return this.#talk.http.anyAnswer({ path, headers, timeoutMs })
    }
    let answer = await ask()
    if (answer.status === 401 && this.#far.settings.user !== undefined) {
      this.#challenge = String(answer.headers['www-authenticate'])
      this.#uses = 0
      answer = await ask()
    }
    const isRead = answer.status === 200 || (answer.status === 403 && path !== '/api/serverinfo')
    if (isRead) return answer
    const { reason, isRefused = false } = statusEnding(answer.status, answer.headers['location'])
    throw new FarFailure(reason, isRefused)
  }

  /** RFC 7616 with MD5, as the server asks for it; or Basic. */
  #credentials(method: string, path: string): Record<string, string> {
    const { user = '' } = this.#far.settings
    const challenge = this.#challenge
    if (challenge === undefined) return {}
    if (!/^digest /i.test(challenge)) return basicOf(this.#far)
    const values = digestValues(challenge)
    const [realm = '', nonce = ''] = [values.get('realm'), values.get('nonce')]
    const uri = this.#base + path
    this.#uses++
    const [nc, cnonce] = [this.#uses.toString(16).padStart(8, '0'), randomBytes(8).toString('hex')]
    const secret = digestSecretOf(user, secretOf(this.#far, 'passwordFile'), realm)
    const response = digestResponse({ nonce, nc, cnonce, uri }, method, secret)
    const quoted = { username: user, realm, nonce, uri, cnonce, response, ...opaqueIn(values) }
    const pairs = Object.entries(quoted).map(([key, value]) => `${key}=${quotedPair(value)}`)
    return { Authorization: `Digest ${pairs.join(', ')}, qop=auth, nc=${nc}, algorithm=MD5` }
  }
}

function opaqueIn(values: ReadonlyMap<string, string>): { readonly opaque?: string } {
  const opaque = values.get('opaque')
  return opaque === undefined ? {} : { opaque }
}

/** RFC 9110, 5.6.4. */
function quotedPair(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

function jsonOf({ text }: { readonly text: string }): unknown {
  const value = parseJson(text)
  if (value === undefined) throw new FarFailure(`expected JSON, got ${quote(text)}`)
  return value
}

/** A list of the API, and the notifications that say that it has changed. */
interface List {
  readonly path: string
  readonly of: readonly string[]
}

const inputs: List = { path: '/api/status/inputs', of: ['input_status', 'hardware'] }
const subscriptions: List = { path: '/api/status/subscriptions', of: ['subscriptions'] }
const connections: List = { path: '/api/status/connections', of: ['connections'] }
const recordings: List = { path: '/api/dvr/entry/grid_upcoming?limit=1000', of: ['dvrentry'] }
const lists = [inputs, subscriptions, connections, recordings]

/** What there is of a server itself, whatever it has. */
const own = {
  disk: { kind: 'sensor', name: 'Disk' },
  log: { kind: 'event', name: 'Log' },
  connections: { kind: 'sensor', name: 'Connections' },
  subscriptions: { kind: 'sensor', name: 'Subscriptions' },
  started: { kind: 'event', name: 'Subscriptions' },
  recording: { kind: 'binary-sensor', name: 'Recording', about: 'running' },
} as const

const ownIds: readonly (keyof typeof own)[] = [
  ...(['disk', 'log', 'connections'] as const),
  ...(['subscriptions', 'started', 'recording'] as const),
]

/** How strong a signal is: scale 1 is a part of 65,535, 2 is thousandths of a decibel. */
function level(value: unknown, scale: unknown, unit: string): readonly [number | null, string] {
  if (typeof value !== 'number' || scale === 0) return [null, '%']
  return scale === 2 ? [value / 1000, unit] : [Math.round((value * 100) / 65_535), '%']
}

const count = (value: unknown) => [typeof value === 'number' ? value : null, null] as const

/** The server and its inputs as devices, for as long as the hub runs. */
class Server {
  readonly #far: FarSystem
  /** What each has reported last, as text: much is told once a second. */
  readonly #last = new Map<string, string>()
  #running = new Map<unknown, Fields>()

  constructor(far: FarSystem) {
    this.#far = far
    far.devices.remember(({ node, kind, part = '-' }) => idAt(node, kind, part))
  }

  /** It is there. */
  is(info: unknown): void {
    this.#last.clear()
    const firmware = String(fieldOf(info, 'sw_version'))
    for (const part of ownIds) {
      this.#declare(idOf(part), { node: 'server', part, firmware, ...own[part] })
    }
  }

  #declare(id: string, facts: DeviceFacts): void {
    this.#far.devices.declare(id, facts)
    this.#far.devices.available(id, true)
  }

  #report(id: string, report: Report): void {
    const text = JSON.stringify(report)
    const isFirst = !this.#last.has(id)
    if (this.#last.get(id) === text) return
    this.#last.set(id, text)
    this.#far.devices.report(id, report, isFirst ? 'memory' : 'device')
  }

  list(list: List, entries: readonly Fields[]): void {
    if (list === inputs) this.#inputs(entries)
    else if (list === subscriptions) this.#subscriptions(entries)
    else if (list === connections)
      this.#report(idOf('connections'), { count: count(entries.length) })
    else this.#recordings(entries)
  }

  #inputs(entries: readonly Fields[]): void {
    // What another hub has from systems that it dials could go round and round.
    const ours = entries.filter(({ input }) => !isOfUpstream(String(input)))
    for (const entry of ours) {
      const { uuid, input } = entry
      this.#declare(inputId(entry), { node: String(uuid), kind: 'sensor', name: String(input) })
      this.#input(entry)
    }
    this.#far.devices.keepOnly(new Set([...ownIds.map(idOf), ...ours.map(inputId)]))
  }

  #input(entry: Fields): void {
    const { stream, subs, signal, signal_scale, snr, snr_scale, unc, bps } = entry
    this.#report(inputId(entry), {
      signal: level(signal, signal_scale, 'dBm'),
      snr: level(snr, snr_scale, 'dB'),
      subscriptions: count(subs),
      errors: count(unc),
      rate: [typeof bps === 'number' ? bps : null, 'bit/s'],
      stream: typeof stream === 'string' ? stream : null,
    })
  }

  #subscriptions(entries: readonly Fields[]): void {
    const before = this.#running
    this.#running = new Map(entries.map((entry) => [entry['id'], entry]))
    this.#report(idOf('subscriptions'), { count: count(entries.length) })
    const tell = (what: string, { title, channel, username }: Fields) => {
      const about = [title, channel, username].filter((each) => typeof each === 'string')
      this.#far.devices.report(idOf('started'), { event: [what, ...about].join(' ') })
    }
    if (!this.#last.has(idOf('started'))) this.#last.set(idOf('started'), '')
    else {
      for (const [id, entry] of this.#running) if (!before.has(id)) tell('started', entry)
      for (const [id, entry] of before) if (!this.#running.has(id)) tell('ended', entry)
    }
  }

  #recordings(entries: readonly Fields[]): void {
    const running = entries.filter((entry) => entry['sched_status'] === 'recording')
    const titles = running.map((entry) => String(entry['disp_title']))
    this.#report(idOf('recording'), {
      state: running.length > 0,
      running: [running.length > 0, null],
      title: titles.length === 0 ? null : titles.join(', '),
    })
  }

  /** What a mailbox says by itself. */
  told(name: string, message: Fields): void {
    const { freediskspace: free, useddiskspace: used, totaldiskspace: total, logtxt } = message
    if (name === 'input_status' && this.#far.devices.has(inputId(message))) this.#input(message)
    // Who is no administrator is told so in a line of the log, without a time.
    if (name === 'logmessage' && typeof logtxt === 'string') {
      const event = logtxt.replace(/^\d{4}-\d\d-\d\d [\d:.]+ /, '')
      this.#far.devices.report(idOf('log'), { event })
    }
    if (typeof free !== 'number') return
    const bytes = (value: unknown) => [typeof value === 'number' ? value : null, 'B'] as const
    this.#report(idOf('disk'), { free: bytes(free), used: bytes(used), total: bytes(total) })
  }
}

function idAt(node: string, kind: string, part: string): string {
  return `${node}/${kind}/${part}`
}

function idOf(part: keyof typeof own): string {
  return idAt('server', own[part].kind, part)
}

function inputId({ uuid }: Fields): string {
  return idAt(String(uuid), 'sensor', '-')
}
