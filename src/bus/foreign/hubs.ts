/**
 * Several hubs before one broker, as one of them sees it: who is there, who owns, and the connection of the owner, on which
 * alone leaves what switches hardware. What hubs tell each other is below `hub/` on the broker, where only hubs may write.
 */
import type { Logger } from 'pino'
import { createListeners } from '../../core/callbacks.ts'
import { type AlarmClock, isoTime, systemClock } from '../../core/clock.ts'
import { HubError, quote, reasonOf } from '../../core/errors.ts'
import { isRecord, parseJson } from '../../core/json.ts'
import { isAtOrBelow } from '../../core/topic.ts'
import {
  BrokerConnection,
  type BrokerConnectionOptions,
  type CommandOptions,
  type LinkMessage,
  type MqttLevel,
} from './broker-connection.ts'
import {
  asAnswer,
  asQuestion,
  type Lost,
  OpenQuestions,
  type OwnerAnswer,
  type OwnerQuestion,
} from './open-questions.ts'
import { asClaim, askedMs, asTerm, Ownership, ownerClientId, type Term } from './ownership.ts'

const topics = {
  owner: 'hub/owner',
  beat: 'hub/owner/beat',
  claim: 'hub/owner/claim',
  ask: 'hub/ask',
  answers: 'hub/answers',
  guard: 'hub/guard',
  states: 'hub/state',
  told: 'hub/told',
} as const

export interface HubsOptions
  extends Pick<BrokerConnectionOptions, 'address' | 'packetBytes' | 'clock'> {
  /** The name of this hub among them, and when it may own. */
  readonly name: string
  readonly rank: number
  readonly clock: AlarmClock
  /** What the reading connection speaks. */
  level(): MqttLevel
  /** Says something to all hubs, on the reading connection. */
  sayOn(message: LinkMessage): void
  /** Asks on it: it matters whether that was taken. */
  askOn(message: LinkMessage, options: CommandOptions): void
  readonly log: Pick<Logger, 'info' | 'warn'>
}

/** Who is there, and who owns. */
export interface HubsState {
  readonly name: string
  readonly owner: string | null
  /** Since when it owns, as it says itself; null where nobody does. */
  readonly since: string | null
  readonly hubs: readonly {
    readonly name: string
    readonly online: boolean
    readonly owner: boolean
  }[]
  /** How often the owner has changed, as this hub has seen it. */
  readonly changes: number
}

/** A question of another hub to the owner, and whether that was asked lately enough to be taken. */
interface Asked extends Pick<OwnerQuestion, 'id' | 'from' | 'question'> {
  readonly isFresh: boolean
}

export class Hubs {
  readonly #options: HubsOptions
  readonly #ownership: Ownership
  #connection: BrokerConnection | undefined
  /** The beat that was heard last: what is asked now quotes it. */
  #beat: (Term & { readonly beat: number }) | undefined
  readonly #questions: OpenQuestions
  readonly #online = new Map<string, boolean>()
  #lastOwner: Term | undefined
  #changes = 0
  /** What the broker has not yet acknowledged of what was kept for the next owner. */
  #unkept = 0
  readonly #whenKept: (() => void)[] = []
  readonly #changed = createListeners<[owns: boolean]>()
  readonly #ownerChanged = createListeners<[owner: Term | undefined]>()
  readonly #stateChanged = createListeners<[state: HubsState]>()
  readonly #asked = createListeners<[asked: Asked]>()
  readonly #answered = createListeners<[answer: OwnerAnswer]>()
  readonly #told = createListeners<[told: unknown]>()
  readonly #kept = createListeners<[key: string, value: unknown]>()

  constructor(options: HubsOptions) {
    this.#options = options
    const { name, rank, clock } = options
    this.#questions = new OpenQuestions(clock)
    this.#ownership = new Ownership({
      ...{ name, rank, clock, beating: systemClock },
      claim: (claim) => options.sayOn(jsonOn(topics.claim, claim)),
      connect: () => this.#connect(),
      disconnect: (reason) => this.#connection?.reset(reason),
      say: (term) => this.#publish(wordOf(term)),
      beat: (beat, done) =>
        this.#connection?.publish(jsonOn(topics.beat, beat), (why) => why ?? done()),
      changed: (owns) => this.#ownsNow(owns),
    })
  }

  // --- for those who command ---

  get name(): string {
    return this.#options.name
  }

  /** Whether this hub commands. */
  get owns(): boolean {
    return this.#ownership.owns && this.#connection?.isThere === true
  }

  /** Why a command may not leave here. */
  refusal(): HubError {
    const { owner } = this.#ownership
    const is = owner === undefined ? 'none is' : `it is ${quote(owner.name)}`
    return new HubError('no-owner', `expected this hub to be the one that commands, ${is}`)
  }

  /** Called when this hub begins or ends to own. */
  readonly onChange = this.#changed.add
  /** Called when somebody else owns than before, or nobody. */
  readonly onOwner = this.#ownerChanged.add
  /** Called when a hub comes or goes, or another one owns. */
  readonly onState = this.#stateChanged.add
  readonly onAsked = this.#asked.add
  readonly onAnswer = this.#answered.add
  readonly onTold = this.#told.add
  /** Called with what the owner has kept for the next one; undefined for what it keeps no more. */
  readonly onKept = this.#kept.add

  /**
   * Asks the owner, who answers with `onAnswer` and takes what was asked within a second, or `lost` is called.
   *
   * @throws HubError `no-owner` when nobody is there who could be asked.
   */
  ask(id: string, question: object, lost: Lost): void {
    if (this.#beat === undefined || this.#askable === undefined) throw this.refusal()
    const { term, beat } = this.#beat
    this.#questions.add(id, { term, beat, lost })
    const unsent = (reason: string) => this.#questions.unsent(id, reason)
    const message = jsonOn(topics.ask, { id, from: this.name, term, beat, question })
    const expirySeconds = askedMs / 1000
    this.#options.askOn(message, { expirySeconds, refused: unsent, unsent })
  }

  /** Tells all other hubs that are there what each has to do for itself, too. */
  tell(told: object): void {
    const message = jsonOn(topics.told, { from: this.name, told })
    // Before the answer to whoever has asked for it.
    if (this.owns) this.#publish(message)
    else this.#options.sayOn(message)
  }

  /** Tells `hub` what became of what it has asked. */
  answer(hub: string, { id, answer }: OwnerAnswer): void {
    this.#publish(jsonOn(`${topics.answers}/${hub}`, { id, answer }))
  }

  /** Keeps what the next owner has to know, before anything that follows from it leaves; undefined keeps nothing. */
  keep(key: string, value: object | undefined): void {
    if (!this.owns) return
    const message = { ...jsonOn(`${topics.guard}/${key}`, value), retain: true }
    this.#unkept++
    const kept = () => {
      this.#unkept--
      this.#keptAll()
    }
    this.#connection?.publish(message, (refusal) => refusal ?? kept())
  }

  /** Resolves when the broker has all that was kept, or this hub does not own any more. */
  kept(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenKept.push(resolve)
      this.#keptAll()
    })
  }

  #keptAll(): void {
    if (this.#unkept > 0) return
    for (const done of this.#whenKept.splice(0)) done()
  }

  get state(): HubsState {
    const { owner } = this.#ownership
    const hubs = [...this.#online].map(([name, online]) => ({
      ...{ name, online },
      owner: name === owner?.name,
    }))
    return {
      name: this.name,
      owner: owner?.name ?? null,
      since: owner === undefined ? null : isoTime(owner.term),
      hubs: hubs.sort((one, other) => (one.name < other.name ? -1 : 1)),
      changes: this.#changes,
    }
  }

  // --- for the bus ---

  /** A command leaves as the owner's, or not at all. */
  command(message: LinkMessage, options: CommandOptions): void {
    if (this.owns) this.#connection?.command(message, options)
    else options.unsent(this.refusal().message)
  }

  /** Says what only the owner may say. */
  say(message: LinkMessage): void {
    if (this.owns) this.#publish(message)
  }

  recall(topic: string): void {
    /* c8 ignore next: the connection may have ended since, which takes a race that no test wins each time. */
    this.#connection?.recall(topic)
  }

  /** The reading connection has heard all that was retained, or is away. */
  reading(isThere: boolean): void {
    if (isThere) this.#ownership.reading()
    else this.#ownership.notReading()
    if (!isThere)
      this.#deaf('expected to hear the answer of the hub that commands, the broker is away')
    this.#tellOwner()
  }

  #deaf(reason: string): void {
    this.#beat = undefined
    this.#questions.deaf(reason)
  }

  /** What came on the reading connection, below `hub/`. */
  heard({ topic, bytes }: LinkMessage): void {
    if (topic === topics.owner) this.#heardWord(asTerm(parseJson(bytes)))
    else if (topic === topics.beat) this.#heardBeat(parseJson(bytes))
    else if (topic === topics.claim) this.#ownership.heardClaim(asClaim(parseJson(bytes)))
    else if (topic === `${topics.answers}/${this.name}`)
      this.#heardAnswer(asAnswer(parseJson(bytes)))
    else if (topic === topics.told) this.#heardTold(parseJson(bytes))
    else if (isAtOrBelow(topics.guard, topic)) this.#heardKept(topic, bytes)
    else if (isAtOrBelow(topics.states, topic)) this.#heardState(topic, parseJson(bytes))
    else return
    this.#tellOwner()
  }

  /** Lets another hub own, and knows it. */
  async close(): Promise<void> {
    this.#deaf('expected a hub that goes on, but it ends')
    const connection = this.#connection
    connection?.publish(nobody)
    // It ends by itself, with a goodbye.
    this.#connection = undefined
    this.#ownership.close()
    await connection?.end()
  }

  #heardWord(word: Term | undefined): void {
    this.#ownership.heardWord(word)
    if (word !== undefined) this.#questions.prove(word)
  }

  #heardBeat(value: unknown): void {
    const term = asTerm(value)
    if (term === undefined || !isRecord(value) || typeof value['beat'] !== 'number') return
    const heard = { ...term, beat: value['beat'] }
    this.#ownership.heardBeat(term)
    if (term.term === this.#ownership.owner?.term) this.#beat = heard
    this.#questions.prove(heard)
  }

  #heardAnswer(answer: OwnerAnswer | undefined): void {
    if (answer === undefined) return
    this.#questions.answered(answer.id)
    this.#answered.tell(answer)
  }

  #heardTold(value: unknown): void {
    if (isRecord(value) && value['from'] !== this.name) this.#told.tell(value['told'])
  }

  #heardKept(topic: string, bytes: Buffer): void {
    const key = topic.slice(topics.guard.length + 1)
    // What this hub has said itself it knows.
    if (!this.owns) this.#kept.tell(key, parseJson(bytes))
  }

  #heardState(topic: string, value: unknown): void {
    const name = topic.slice(topics.states.length + 1)
    // Whoever comes can ask at once.
    const was = this.#online.get(name)
    if (was !== true) this.#ownership.beatNow()
    if (!isRecord(value)) this.#online.delete(name)
    else if (this.#online.size < mostHubs) this.#online.set(name, value['online'] === true)
    if (was !== this.#online.get(name)) this.#stateChanged.tell(this.state)
  }

  /** Who owns, and has said so since this hub is there. */
  get #askable(): Term | undefined {
    const { owner, owns } = this.#ownership
    return owns || owner?.term === this.#beat?.term ? owner : undefined
  }

  #tellOwner(): void {
    const owner = this.#askable
    if (owner?.term === this.#lastOwner?.term) return
    this.#lastOwner = owner
    if (owner !== undefined) this.#changes++
    const { log } = this.#options
    const name = owner?.name ?? null
    log.info({ event: 'owner-changed', owner: name }, 'another hub owns, or none')
    this.#ownerChanged.tell(owner)
    this.#stateChanged.tell(this.state)
  }

  // --- as the owner ---

  #connect(): void {
    const { address, packetBytes, clock, log } = this.#options
    const options: BrokerConnectionOptions = {
      ...{ address, place: 'bus', packetBytes, clock, clientId: ownerClientId },
      filters: [topics.ask, `${topics.guard}/#`],
      subscribing: { qos: 1, nl: false },
      fence: `hub/fence/${ownerClientId}`,
      will: nobody,
      heard: (message, isPast) => this.#heardAsOwner(message, isPast),
    }
    try {
      this.#connection = new BrokerConnection(this.#options.level(), options, {
        connected: () => this.#ownership.connected(),
        caughtUp: () => this.#ownership.caughtUp(),
        gone: ({ reason }) => {
          this.#connection = undefined
          log.info({ event: 'owner-connection-ended', reason }, 'the owner is no longer connected')
          this.#ownership.lost()
          this.#tellOwner()
        },
      })
    } catch (error) {
      // A file that cannot be read.
      const reason = reasonOf(error)
      log.warn({ event: 'owner-cannot-connect', reason }, 'the hub cannot connect as the owner')
      clock.after(0, () => this.#ownership.lost())
    }
  }

  #heardAsOwner({ topic, bytes }: LinkMessage, isPast: boolean): void {
    if (topic === topics.ask) this.#heardAsk(asQuestion(parseJson(bytes)))
    else if (isPast) this.#heardKept(topic, bytes)
  }

  #heardAsk(asked: OwnerQuestion | undefined): void {
    if (asked === undefined) return
    const { id, from, term, beat, question } = asked
    this.#asked.tell({ id, from, isFresh: this.#ownership.isFresh(term, beat), question })
  }

  #ownsNow(owns: boolean): void {
    if (!owns) this.#unkept = 0
    this.#keptAll()
    const { log } = this.#options
    log.info({ event: 'ownership-changed', hub: this.name, owns }, 'this hub owns, or no more')
    this.#changed.tell(owns)
    this.#tellOwner()
  }

  #publish(message: LinkMessage): void {
    this.#connection?.publish(message)
  }
}

/** More are no hubs. */
const mostHubs = 256

/** Whether a hub is there, for the others. */
export function hubStateTopic(name: string): string {
  return `${topics.states}/${name}`
}

/** What the broker says for an owner that is gone. */
const nobody = { topic: topics.owner, bytes: Buffer.alloc(0), qos: 1, retain: true } as const

function wordOf(term: Term): LinkMessage {
  return { ...jsonOn(topics.owner, term), retain: true }
}

/** Nothing at all for undefined. */
function jsonOn(topic: string, value: object | undefined): LinkMessage {
  const bytes = value === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(value))
  return { topic, bytes, qos: 1, retain: false }
}
