import { type Ending, endingOf, refusalOf } from './endings.ts'
import { OfflineError } from './errors.ts'
import type { Place } from './place.ts'
import type { Credentials, HubState, WebSocketClass, WebSocketLike } from './types.ts'

export interface ConnectionOptions {
  readonly place: Place
  readonly credentials: Credentials | undefined
  /** Asked when those that are there will not do again; without an answer nothing more is tried. */
  ask(why: string): Promise<Credentials | undefined> | Credentials | undefined
  readonly WebSocket: WebSocketClass
  receive(line: readonly unknown[]): void
  changed(state: HubState): void
}

/** Full jitter: a pause of any length up to this, which grows with each failure. */
const pauseMs = { first: 500, longest: 30_000 }

/** Who was connected for so long begins anew with short pauses. */
const settledMs = 10_000

/** A connection of which nothing comes for so long is asked for a sign of life, and given up after as long again. */
const silentMs = 15_000

/** One websocket after another, for as long as it is wanted. */
export class Connection {
  readonly #options: ConnectionOptions
  #credentials: Credentials | undefined
  #state: HubState = { name: 'connecting' }
  #websocket: WebSocketLike | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #watch: ReturnType<typeof setInterval> | undefined
  #failures = 0
  #isSilent = false
  #openedAtMs = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#credentials = options.credentials
    this.#dial()
  }

  get state(): HubState {
    return this.#state
  }

  /** @throws OfflineError */
  send(...line: readonly unknown[]): void {
    if (this.#state.name !== 'open') throw new OfflineError()
    this.#write(line)
  }

  /** Tries now what would be tried later, or not by itself; with other credentials, if some are given. */
  retry(credentials?: Credentials): void {
    if (credentials !== undefined) {
      this.#credentials = credentials
      this.#drop()
    } else if (this.#websocket !== undefined) return
    this.#dial()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#drop()
    this.#change({ name: 'closed' })
  }

  #write(line: readonly unknown[]): void {
    this.#websocket?.send(`${JSON.stringify(line)}\n`)
  }

  #change(state: HubState): void {
    this.#state = state
    this.#options.changed(state)
  }

  #giveUp(): void {
    this.#drop()
    this.#pause('the hub does not answer')
  }

  /** What comes of the websocket until now is of no interest any more. */
  #drop(): void {
    clearInterval(this.#watch)
    const former = this.#websocket
    this.#websocket = undefined
    former?.close(1000)
  }

  #dial(): void {
    clearTimeout(this.#timer)
    this.#change({ name: 'connecting' })
    const { place, WebSocket } = this.#options
    const credentials = this.#credentials
    const url = new URL(place.talk)
    if (isSaid(credentials)) url.searchParams.set('sign-in', 'message')
    const websocket = new WebSocket(url.href, protocolsFor(credentials))
    this.#websocket = websocket
    let hasOpened = false
    let error: unknown
    websocket.onopen = () => {
      hasOpened = true
      if (isSaid(credentials)) this.#write(['$hub/auth', credentials])
      else this.#opened()
    }
    websocket.onmessage = ({ data }) => {
      if (this.#websocket === websocket) this.#receive(JSON.parse(String(data)))
    }
    websocket.onerror = (event) => {
      error = event
    }
    websocket.onclose = async ({ code, reason }) => {
      if (this.#websocket !== websocket) return
      const ending = hasOpened ? endingOf(code, reason) : await refusalOf(error, place, credentials)
      if (this.#websocket !== websocket) return
      this.#drop()
      await this.#ended(ending)
    }
  }

  #receive(line: readonly unknown[]): void {
    this.#isSilent = false
    if (this.#state.name === 'open') this.#options.receive(line)
    else if (line[0] === '$hub/auth/ok') this.#opened(Object(line[1]).user)
  }

  #opened(user?: string): void {
    this.#openedAtMs = Date.now()
    let isAsked = false
    // Nobody else tells a page that its network is gone.
    this.#watch = setInterval(() => {
      if (this.#isSilent && isAsked) this.#giveUp()
      isAsked = this.#isSilent
      if (isAsked) this.#write(['$hub/ping', {}, { id: 0 }])
      this.#isSilent = true
    }, silentMs)
    this.#change({ name: 'open', user })
  }

  async #ended({ needs, why }: Ending): Promise<void> {
    const given = this.#credentials
    if (needs === 'mending') this.#change({ name: 'refused', needs, why })
    else if (needs === 'credentials') await this.#signInAnew(why)
    else if (given !== undefined && 'ticket' in given && this.#state.name === 'open') {
      await this.#signInAnew('a ticket is good for one connection')
    } else this.#pause(why)
  }

  async #signInAnew(why: string): Promise<void> {
    const refused: HubState = { name: 'refused', needs: 'credentials', why }
    this.#change(refused)
    const credentials = await this.#options.ask(why)
    if (credentials !== undefined && this.#state === refused) this.retry(credentials)
  }

  #pause(why: string): void {
    const wasSettled = this.#state.name === 'open' && Date.now() - this.#openedAtMs > settledMs
    if (wasSettled) this.#failures = 0
    const longest = Math.min(pauseMs.longest, pauseMs.first * 2 ** this.#failures++)
    const askedMs = Number(/in (\d+) s$/.exec(why)?.[1] ?? 0) * 1000
    const inMs = askedMs + Math.random() * longest
    this.#timer = setTimeout(() => this.#dial(), inMs)
    const atMs = Date.now() + inMs
    this.#change({ name: 'reconnecting', inSeconds: Math.ceil(inMs / 1000), atMs, why })
  }
}

/** Whether who signs in says so in the first message. */
function isSaid(credentials: Credentials | undefined): boolean {
  return credentials !== undefined && !('ticket' in credentials)
}

function protocolsFor(credentials: Credentials | undefined): string[] {
  const ticket = credentials !== undefined && 'ticket' in credentials ? credentials.ticket : ''
  return ['clown.talk.v1', ...(ticket === '' ? [] : [`clown.ticket.${ticket}`])]
}
