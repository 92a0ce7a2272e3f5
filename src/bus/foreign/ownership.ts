/**
 * Which of several hubs before one broker commands: the one that holds the connection with the owner's client id, of which
 * a broker lets there be one [MQTT-3.1.4-3]. This is when a hub tries to have it, and when it gives it up; it knows no
 * broker, and is told what happens.
 */
import type { AlarmClock } from '../../core/clock.ts'
import { isRecord } from '../../core/json.ts'

/** Of two connections with this client id a broker closes the first. */
export const ownerClientId = 'clown-hub-owner'

/** What is asked of the owner has so long to come there. */
export const askedMs = 1000

/** Nothing is taken that quotes a beat so many before the last one. Whoever hears that beat without an answer knows it. */
export const proofBeats = 3

/** The owner says that it is there so often, and has to be told within `provenMs` that the broker took it. */
const beatMs = 500
const provenMs = 1500

/** Three beats were missed, the third by as much as one may be late. */
const silentMs = 4 * beatMs

/** Those of a higher rank let the others go first. */
const rankMs = 100

/** A hub that says that it wants to own hears itself say so within this, or tries again. */
const claimMs = 1000

/**
 * The word of an owner is taken back by its will, which a broker may send behind the word of the next one. Whoever has
 * just become the owner has the time of a beat to say that it is there.
 */
const young = { forMs: 2000, waitMs: 600 } as const

/** Who owns, from when on; a later owner has a higher term. */
export interface Term {
  readonly name: string
  readonly term: number
}

/** A hub wants to own, and has never said so with this number before. */
export interface OwnerClaim {
  readonly name: string
  readonly claim: number
}

type State =
  /** The hub hears nothing of the broker, and so of no owner. */
  | 'away'
  /** Somebody owns, or may: a hub that has lost its turn believes so, too, until nothing is heard for long enough. */
  | 'following'
  /** Nobody owns: hubs of a lower rank go first. */
  | 'waiting'
  /** It has said that it wants to own: of several that do, all hear the same one first. */
  | 'claiming'
  /** It connects as the owner, which ends the connection of any other one, and reads what that has left. */
  | 'taking'
  /** It commands. */
  | 'owning'

type Event =
  | 'reading'
  | 'not-reading'
  /** A word or a beat of an owner. */
  | 'owner-heard'
  /** An owner has said goodbye, or the broker for it. */
  | 'owner-gone'
  | 'silence'
  | 'turn'
  /** This hub has heard itself claim before any other one. */
  | 'mine'
  /** Another hub has claimed. */
  | 'claimed'
  | 'caught-up'
  /** The owner's connection has ended: another hub has it now, or nobody. */
  | 'lost'
  /** The broker has not said for too long that it took a beat: it may be cut off from what it is a part of. */
  | 'unproven'
  /** Another hub has said that it owns, after this one. */
  | 'outdone'

/** Where an event leads to; none of the others changes anything. */
const transitions: Readonly<Record<State, Partial<Record<Event, State>>>> = {
  away: { reading: 'following' },
  following: { 'not-reading': 'away', 'owner-gone': 'waiting', silence: 'waiting' },
  waiting: {
    'not-reading': 'away',
    'owner-heard': 'following',
    claimed: 'following',
    turn: 'claiming',
  },
  claiming: {
    'not-reading': 'away',
    'owner-heard': 'following',
    claimed: 'following',
    mine: 'taking',
    silence: 'waiting',
  },
  taking: {
    'not-reading': 'away',
    lost: 'following',
    outdone: 'following',
    'caught-up': 'owning',
  },
  owning: {
    'not-reading': 'away',
    lost: 'following',
    unproven: 'following',
    outdone: 'following',
  },
}

export interface OwnershipOptions {
  readonly name: string
  /** Those with a lower one go first. */
  readonly rank: number
  /** For what judges others: it calls when all was read that came in time. */
  readonly clock: AlarmClock
  /** For beats, by which others judge: each goes out as soon as it can. */
  readonly beating: Pick<AlarmClock, 'after'>
  /** Says to all hubs, this one too, that it wants to own. */
  claim(claim: OwnerClaim): void
  /** Connects as the owner; answered by `connected` and `caughtUp`, and at its end by `lost`. */
  connect(): void
  /** Ends that connection at once. */
  disconnect(reason: string): void
  /** Says on it, retained, that this hub owns. */
  say(term: Term): void
  /** Says on it that this hub is there; `proven` is called when the broker has taken it. */
  beat(beat: Term & { readonly beat: number }, proven: () => void): void
  /** This hub owns from now on, or not any more. */
  changed(owns: boolean): void
}

export class Ownership {
  readonly #options: OwnershipOptions
  #state: State = 'away'
  /** The latest that was heard of, or said. */
  #owner: Term | undefined
  #ownerSinceMs = Number.NEGATIVE_INFINITY
  #isGone = true
  /** Whether the broker has let this hub in as the owner. */
  #isConnected = false
  #claim = 0
  #beat = 0
  #beatsAtMs: readonly number[] = []
  #stop: () => void = () => {}
  #stopProving: () => void = () => {}

  constructor(options: OwnershipOptions) {
    this.#options = options
  }

  get owns(): boolean {
    return this.#state === 'owning'
  }

  /** Who owns, as far as is known. */
  get owner(): Term | undefined {
    return this.#isGone ? undefined : this.#owner
  }

  /** Whether what quotes this beat as the last one was asked within `askedMs`, and can still be proved to be taken. */
  isFresh(term: number, beat: number): boolean {
    const since = this.#beat - beat
    const saidMs = this.#beatsAtMs[this.#beatsAtMs.length - 1 - since]
    const isMine = this.owns && term === this.#owner?.term && saidMs !== undefined
    return isMine && since < proofBeats && this.#options.clock.nowMs() - saidMs <= askedMs
  }

  /** Says that this hub is there, if it owns, to somebody who has just come. */
  beatNow(): void {
    if (!this.owns) return
    this.#stop()
    this.#beatAgain()
  }

  // --- what happens ---

  /** All that the broker retains was heard. */
  reading(): void {
    this.#happen('reading')
    if (this.#isGone) this.#happen('owner-gone')
  }

  notReading(): void {
    this.#isGone = true
    this.#happen('not-reading')
  }

  /** What is retained of the owner; undefined for nothing. */
  heardWord(word: Term | undefined): void {
    if (word !== undefined) this.#heard(word)
    // The will of the one before has come behind the word of this one.
    else if (this.#isConnected && this.#owner !== undefined) this.#options.say(this.#owner)
    else {
      this.#isGone = true
      this.#happen('owner-gone')
    }
  }

  heardBeat(beat: Term): void {
    this.#heard(beat)
  }

  /** What hubs say that want to own comes to all of them in one order. */
  heardClaim(heard: OwnerClaim | undefined): void {
    if (heard === undefined) return
    if (heard.name === this.#options.name) {
      if (heard.claim === this.#claim) this.#happen('mine')
    } else if (this.#state === 'following') this.#listen()
    else this.#happen('claimed')
  }

  #heard(said: Term): void {
    const { name, clock } = this.#options
    const mine = this.#isConnected ? this.#owner : undefined
    // What the clock of one machine calls late, another one calls early: only who is there can be outdone.
    if (said.name === name || said.term < (this.owner?.term ?? 0)) {
      if (mine !== undefined && said.term < mine.term) this.#options.say(mine)
      return
    }
    if (said.term !== this.#owner?.term) this.#ownerSinceMs = clock.nowMs()
    this.#owner = { name: said.name, term: said.term }
    this.#isGone = false
    if (mine !== undefined) this.#happen('outdone')
    else if (this.#state === 'following') this.#listen()
    else this.#happen('owner-heard')
  }

  /** The broker has let this hub in as the owner. */
  connected(): void {
    const { name, clock } = this.#options
    this.#owner = { name, term: Math.max(clock.wallMs(), (this.#owner?.term ?? 0) + 1) }
    this.#ownerSinceMs = clock.nowMs()
    this.#isGone = false
    this.#isConnected = true
    this.#beat = 0
    this.#beatsAtMs = []
    this.#options.say(this.#owner)
    // What the one before has left may be much, and nobody is to take over while it is read.
    this.#beatAgain()
  }

  /** What the owner before has left was heard. */
  caughtUp(): void {
    this.#happen('caught-up')
  }

  lost(): void {
    this.#happen('lost')
  }

  close(): void {
    this.notReading()
  }

  // --- what follows from it ---

  #happen(event: Event): void {
    const before = this.#state
    const next = transitions[before][event]
    if (next === undefined) return
    this.#stop()
    this.#stopProving()
    this.#state = next
    if (before === 'owning' || before === 'taking') this.#leave(before, next, event)
    this.#enter(next)
  }

  #leave(before: State, next: State, event: Event): void {
    if (next === 'owning') return
    this.#isConnected = false
    if (this.#owner?.name === this.#options.name) this.#isGone = true
    if (before === 'owning') this.#options.changed(false)
    if (event !== 'lost') this.#options.disconnect(event)
  }

  #enter(state: State): void {
    if (state === 'following') this.#listen()
    else if (state === 'waiting') this.#wait()
    else if (state === 'claiming') this.#claimIt()
    else if (state === 'taking') this.#options.connect()
    else if (state === 'owning') this.#own()
  }

  #listen(): void {
    this.#stop()
    this.#stop = this.#options.clock.after(silentMs, () => {
      this.#isGone = true
      this.#happen('silence')
    })
  }

  #wait(): void {
    const { clock, rank } = this.#options
    const isYoung = clock.nowMs() - this.#ownerSinceMs < young.forMs
    const waitMs = rank * rankMs + (isYoung ? young.waitMs : 0)
    this.#stop = clock.after(waitMs, () => this.#happen('turn'))
  }

  #claimIt(): void {
    const { clock, name } = this.#options
    this.#claim++
    this.#stop = clock.after(claimMs, () => this.#happen('silence'))
    this.#options.claim({ name, claim: this.#claim })
  }

  #own(): void {
    this.#prove()
    this.#options.changed(true)
    this.#beatAgain()
  }

  #beatAgain(): void {
    const { clock, beating } = this.#options
    const term = this.#owner
    /* c8 ignore next: who owns has said its word; only the types do not know. */
    if (term === undefined) return
    this.#beat++
    this.#beatsAtMs = [...this.#beatsAtMs, clock.nowMs()].slice(-proofBeats)
    this.#stop = beating.after(beatMs, () => this.#beatAgain())
    this.#options.beat({ ...term, beat: this.#beat }, () => {
      if (this.owns && term === this.#owner) this.#prove()
    })
  }

  #prove(): void {
    this.#stopProving()
    this.#stopProving = this.#options.clock.after(provenMs, () => this.#happen('unproven'))
  }
}

// --- what hubs say, as JSON ---

export function asClaim(value: unknown): OwnerClaim | undefined {
  if (!isRecord(value)) return undefined
  const { name, claim } = value
  return typeof name === 'string' && typeof claim === 'number' ? { name, claim } : undefined
}

/** The end of the year 9999: terms are times. */
const latestMs = 253_402_300_799_999

export function asTerm(value: unknown): Term | undefined {
  if (!isRecord(value)) return undefined
  const { name, term } = value
  const isTime = typeof term === 'number' && term > 0 && term <= latestMs
  return typeof name === 'string' && isTime ? { name, term } : undefined
}
