import { createListeners } from '../../core/callbacks.ts'
import { matches } from '../../core/filter.ts'
import type { Message } from '../../core/message.ts'
import type { HeardMessage, Hearing } from './profile.ts'

/** Who hears what is said on some topics. */
export interface Claim {
  /** The name of its profile. */
  readonly profile: string
  /** What it is released by, within its profile. */
  readonly owner: string
  /** See `TopicPattern` in profile.ts. */
  readonly pattern: string
  /** Whether its topics are no devices of their own. */
  readonly isOwned: boolean
  readonly hear: Hearing
}

/** Who hears one topic: to be kept for as long as `Claims.version` is the same. */
export interface Claimed {
  readonly claims: readonly Claim[]
  /** Whether the topic belongs to a profile, and is no device of its own. */
  readonly isOwned: boolean
}

/** What was said before a claim. */
export interface Past {
  /** The retained or last known value of a topic. */
  on(topic: string): Message | undefined
  /** Tells all that match, at once or later. */
  matching(isMatch: (topic: string) => boolean, tell: (message: Message) => void): void
}

export interface ClaimsOptions {
  readonly past: Past
  /** Something was said on `topic` before it was somebody's own. */
  owned(topic: string): void
  /** What a hearing has thrown. */
  failed(claim: Claim, topic: string, error: unknown): void
}

/**
 * Claims by the topics they are about. Exact ones, which nearly all are, cost one look-up; patterns are found by
 * their last or first level. What is released is found by its owner: a search through all would take longer than
 * everything else that a config does.
 */
export class Claims {
  readonly #options: ClaimsOptions
  readonly #index = createIndex()
  readonly #owners = new Map<string, Claim[]>()
  readonly #released = new WeakSet<Claim>()
  readonly #ownership = createListeners<[pattern: string]>()
  #version = 0
  #isRunning = false
  /** Those that have not heard yet what was said before. */
  #untold: Claim[] = []

  constructor(options: ClaimsOptions) {
    this.#options = options
  }

  /** Grows whenever another claim holds: what `on` has returned may not be so any more. */
  get version(): number {
    return this.#version
  }

  /** Who hears `topic`; undefined when nobody does. */
  on(topic: string): Claimed | undefined {
    const claims = this.#index.on(topic)
    if (claims.length === 0) return undefined
    return { claims, isOwned: claims.some(({ isOwned }) => isOwned) }
  }

  /** Whether another profile than `profile` owns `topic` by this very name. */
  isTaken(topic: string, profile: string): boolean {
    const claims = this.#index.exactlyOn(topic)
    return claims.some((claim) => claim.isOwned && claim.profile !== profile)
  }

  /** Calls `listener` with each pattern that somebody owns now, or does not any more. */
  onOwned(listener: (pattern: string) => void): void {
    this.#ownership.add(listener)
  }

  /** Lets those hear a message who have claimed its topic, and afterwards what they claim by that. */
  hear({ claims }: Claimed, { topic, payload, isPast = false }: Message): void {
    this.run(() => {
      for (const claim of claims) this.#hear(claim, { topic, payload, isPast })
    })
  }

  /** What was said before is heard once nobody is hearing anything any more. */
  add(claim: Claim): void {
    push(this.#owners, ownerKey(claim), claim)
    this.#index.add(claim)
    this.#version++
    this.#untold.push(claim)
    if (claim.isOwned) this.#ownership.tell(claim.pattern)
    this.run(() => {})
  }

  release(owner: Pick<Claim, 'profile' | 'owner'>): void {
    const key = ownerKey(owner)
    const claims = this.#owners.get(key) ?? []
    this.#owners.delete(key)
    for (const claim of claims) {
      this.#released.add(claim)
      this.#index.remove(claim)
    }
    if (claims.length > 0) this.#version++
    for (const { isOwned, pattern } of claims) if (isOwned) this.#ownership.tell(pattern)
  }

  /** Calls `act`, and lets hear what was said before whoever claims something by that, once it has returned. */
  run(act: () => void): void {
    if (this.#isRunning) {
      act()
      return
    }
    this.#isRunning = true
    try {
      act()
      // It grows while it is told.
      for (const claim of this.#untold) this.#tellPast(claim)
    } finally {
      this.#untold = []
      this.#isRunning = false
    }
  }

  #tellPast(claim: Claim): void {
    const { past, owned } = this.#options
    const { pattern } = claim
    const tell = ({ topic, payload }: Message) => {
      if (claim.isOwned) owned(topic)
      if (payload.bytes.length > 0) this.#hear(claim, { topic, payload, isPast: true })
    }
    const last = isExact(pattern) ? past.on(pattern) : undefined
    if (last !== undefined) tell(last)
    else if (!isExact(pattern)) {
      past.matching(matcherOf(pattern), (message) => this.run(() => tell(message)))
    }
  }

  #hear(claim: Claim, message: HeardMessage): void {
    if (this.#released.has(claim)) return
    try {
      claim.hear(message)
    } catch (error) {
      this.#options.failed(claim, message.topic, error)
    }
  }
}

function ownerKey({ profile, owner }: Pick<Claim, 'profile' | 'owner'>): string {
  return `${profile}/${owner}`
}

function isExact(pattern: string): boolean {
  return !pattern.includes('+') && !pattern.includes('#')
}

/** Whether `pattern` is about all topics that differ in their last level alone. */
function isOfSiblings(pattern: string): boolean {
  return pattern.endsWith('/+') && isExact(pattern.slice(0, -1))
}

/** Whether `pattern` is about a topic. Patterns that begin with `#` are about what is behind a level at least. */
function matcherOf(pattern: string): (topic: string) => boolean {
  if (!pattern.startsWith('#/')) return (topic) => matches(pattern, topic)
  const ending = pattern.slice(2)
  const levels = ending.split('/').length
  return (topic) => {
    let at = topic.length
    for (let left = levels; left > 0; left--) {
      at = topic.lastIndexOf('/', at - 1)
      if (at <= 0) return false
    }
    return matches(ending, topic.slice(at + 1))
  }
}

/** Claims by what their patterns are found by. */
function createIndex() {
  const exact = new Map<string, Claim[]>()
  /** Of `a/b/+`, by that: as quick as exact ones, where a thousand devices begin with one level. */
  const siblings = new Map<string, Claim[]>()
  const byLast = new Map<string, Matched[]>()
  const byFirst = new Map<string, Matched[]>()
  const listOf = (pattern: string) => {
    const last = lastLevelOf(pattern)
    return last === '#' || last === '+'
      ? { found: byFirst, level: firstLevelOf(pattern) }
      : { found: byLast, level: last }
  }
  return {
    exactlyOn: (topic: string): readonly Claim[] => exact.get(topic) ?? [],
    on: (topic: string): readonly Claim[] => {
      const last = lastLevelOf(topic)
      const ofSiblings = siblings.get(`${topic.slice(0, topic.length - last.length)}+`)
      const claims = [...(exact.get(topic) ?? []), ...(ofSiblings ?? [])]
      const found = [byLast.get(last), byFirst.get(firstLevelOf(topic)), byFirst.get('+')]
      for (const { claim, isMatch } of found.flatMap((list) => list ?? [])) {
        if (isMatch(topic)) claims.push(claim)
      }
      return claims
    },
    add: (claim: Claim) => {
      const { pattern } = claim
      if (isExact(pattern)) push(exact, pattern, claim)
      else if (isOfSiblings(pattern)) push(siblings, pattern, claim)
      else {
        const { found, level } = listOf(pattern)
        push(found, level, { claim, isMatch: matcherOf(pattern) })
      }
    },
    remove: (claim: Claim) => {
      const { pattern } = claim
      if (isExact(pattern)) pull(exact, pattern, (each) => each === claim)
      else if (isOfSiblings(pattern)) pull(siblings, pattern, (each) => each === claim)
      else {
        const { found, level } = listOf(pattern)
        pull(found, level, (each) => each.claim === claim)
      }
    },
  }
}

function firstLevelOf(topic: string): string {
  const end = topic.indexOf('/')
  return end < 0 ? topic : topic.slice(0, end)
}

function lastLevelOf(topic: string): string {
  return topic.slice(topic.lastIndexOf('/') + 1)
}

interface Matched {
  readonly claim: Claim
  isMatch(topic: string): boolean
}

function push<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}

function pull<T>(lists: Map<string, T[]>, key: string, isIt: (item: T) => boolean): void {
  const left = lists.get(key)?.filter((item) => !isIt(item))
  if (left !== undefined && left.length > 0) lists.set(key, left)
  else lists.delete(key)
}
