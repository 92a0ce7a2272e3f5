/** Who is kept out, by address, user or MQTT client id: for a time or for good, and for a reason. */
import { createListeners } from '../core/callbacks.ts'
import { isoTime } from '../core/clock.ts'
import { HubError, quote } from '../core/errors.ts'
import type { HttpError } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { isFitName } from '../core/topic.ts'
import type { BanRequest } from '../generated/ban.ts'
import type { BanEntry } from '../generated/stored.ts'
import { validateBanEntry } from '../generated/validate-stored.js'
import type { Store } from '../store/store.ts'
import { openStoredTable } from '../store/stored-table.ts'
import { createNetworks, isLoopback, type Networks, unmapped } from './address.ts'
import type { SecurityLog } from './security-log.ts'
import { normalForm, type User } from './user.ts'

/** Whom a ban is for: an address or network, the name of a user, or the id of an MQTT client. */
export type BanTarget = Pick<BanRequest, 'what' | 'who'>

/** A ban that holds. */
export interface Ban extends BanTarget, Readonly<BanEntry> {}

/** Somebody, as far as that is known. */
export interface Somebody {
  readonly address: string
  readonly user?: Pick<User, 'name' | 'role'> | undefined
  readonly clientId?: string | undefined
}

export interface Bans {
  /**
   * Bans from now on, until so many seconds have passed, where they are given; one of the same target is replaced.
   * `asking` is who asks, and is not banned by that.
   *
   * @throws HubError `bad-payload` for what is no target, and for a ban of `asking` or of this machine; `too-many`.
   */
  add(asked: BanRequest, asking: Somebody & Required<Pick<Somebody, 'user'>>): Ban
  /** Ends a ban for `by`, an admin, and returns it; undefined when there was none. */
  remove(target: BanTarget, by: string): Ban | undefined
  list(): Ban[]
  /** @throws HubError `cannot-write-store` when the last change would not outlive the hub. */
  stored(): Promise<void>
  /** The ban that keeps somebody out; this machine has no banned address, and its admins are never banned. */
  of(somebody: Somebody): Ban | undefined
  /** The same, counted and logged: somebody knocks. */
  refusal(somebody: Somebody): HttpError | undefined
  /** Calls `listener` when there is one ban more. */
  onBan(listener: () => void): () => void
}

export interface BansOptions {
  readonly store: Pick<Store, 'entries' | 'write'>
  readonly sampledLog: SampledLog
  readonly securityLog: Pick<SecurityLog, 'note'>
  /** How many there may be. */
  readonly most: number
  /** Milliseconds since 1970. */
  readonly wallMs?: () => number
}

export async function openBans(options: BansOptions): Promise<Bans> {
  const { store, sampledLog, securityLog, most, wallMs = Date.now } = options
  const table = await openStoredTable<Readonly<BanEntry>>({
    ...{ store, sampledLog, name: 'ban', maxSize: most, validate: validateBanEntry },
    revive: (key, entry) => (targetOf(key) === undefined ? undefined : entry),
  })
  const { add: onBan, tell } = createListeners<[]>()
  const isOver = ({ until }: BanEntry) => until !== undefined && Date.parse(until) <= wallMs()
  const holding = (target: BanTarget): Ban | undefined => {
    const entry = table.get(keyOf(target))
    return entry === undefined || isOver(entry) ? undefined : { ...target, ...entry }
  }
  const list = () =>
    [...table.entries()].flatMap(([key]) => {
      const target = targetOf(key)
      return (target && holding(target)) ?? []
    })
  let networks = networksOf(list())
  const ofAddress = (address: string) => {
    if (isLoopback(address) || !networks.all(address)) return undefined
    const found = networks.each.find(({ has, ban }) => has(address) && holding(ban) !== undefined)
    return found?.ban
  }
  const of = ({ address, user, clientId }: Somebody): Ban | undefined => {
    const isOwnAdmin = user?.role === 'admin' && isLoopback(address)
    const others = isOwnAdmin ? [] : targetsIn(user?.name, clientId)
    return ofAddress(address) ?? others.map(holding).find((ban) => ban !== undefined)
  }
  const forget = () => {
    for (const [key, entry] of [...table.entries()]) if (isOver(entry)) table.delete(key)
  }
  return {
    of,
    list,
    onBan,
    stored: table.stored,
    add: ({ what, who, reason, seconds }, asking) => {
      const target = checked({ what, who: normalForm(who) }, asking)
      checkReason(reason)
      forget()
      if (table.size >= most && table.get(keyOf(target)) === undefined) {
        sampledLog.warn('bans-refused', { ban: `${what} ${who}` }, 'there are too many bans')
        throw new HubError('too-many', `expected at most ${most} bans, got one more`)
      }
      const since = isoTime(wallMs())
      const until = seconds === undefined ? {} : { until: isoTime(wallMs() + seconds * 1000) }
      const entry = { by: asking.user?.name ?? '', reason, since, ...until }
      table.set(keyOf(target), entry)
      networks = networksOf(list())
      tell()
      securityLog.note('ban-added', { ...target, ...entry })
      return { ...target, ...entry }
    },
    remove: ({ what, who }, by) => {
      const target = { what, who: normalForm(who) }
      const ban = holding(target)
      table.delete(keyOf(target))
      networks = networksOf(list())
      if (ban !== undefined) securityLog.note('ban-removed', { ...target, by })
      return ban
    },
    refusal: (somebody) => {
      const ban = of(somebody)
      if (ban === undefined) return undefined
      const { address, user, clientId } = somebody
      const fields = { address, user: user?.name, client: clientId, ban: `${ban.what} ${ban.who}` }
      sampledLog.warn('banned-refused', fields, 'somebody who is banned was refused')
      return banned(ban)
    },
  }
}

/** Says why to who is kept out: it may be a mistake. */
function banned({ what, reason, until }: Ban): HttpError {
  const time = until === undefined ? '' : ` until ${until}`
  const sentence = `expected somebody who is not banned, got a banned ${what}${time}: ${reason}`
  return { status: 403, code: 'banned', reason: sentence }
}

function keyOf({ what, who }: BanTarget): string {
  return `${what}/${who}`
}

function targetOf(key: string): BanTarget | undefined {
  const [, what, who = ''] = /^(address|user|client)\/(.+)$/s.exec(key) ?? []
  return what === 'address' || what === 'user' || what === 'client' ? { what, who } : undefined
}

function targetsIn(user: string | undefined, clientId: string | undefined): BanTarget[] {
  return [
    ...(user === undefined ? [] : [{ what: 'user', who: user } as const]),
    ...(clientId === undefined ? [] : [{ what: 'client', who: clientId } as const]),
  ]
}

/** One look tells nearly everybody that no address is theirs. */
function networksOf(bans: readonly Ban[]): { all: Networks; each: { ban: Ban; has: Networks }[] } {
  const ofAddresses = bans.filter(({ what }) => what === 'address')
  const networkOf = (listed: string[]) => createNetworks(listed, 'the bans')
  return {
    all: networkOf(ofAddresses.map(({ who }) => who)),
    each: ofAddresses.map((ban) => ({ ban, has: networkOf([ban.who]) })),
  }
}

/** @throws HubError `bad-payload` */
function checked(target: BanTarget, asking: Somebody): BanTarget {
  const { what, who } = target
  if (what === 'address') checkNetwork(who, asking.address)
  else if (who === (what === 'user' ? asking.user?.name : undefined)) {
    throw new HubError('bad-payload', 'expected a ban of somebody else, got one of who asks for it')
  }
  return what === 'address' ? { what, who: unmapped(who) } : target
}

function checkNetwork(network: string, own: string): void {
  let has: Networks
  try {
    has = createNetworks([network], 'who')
  } catch {
    const expected = 'expected an address, or a network such as 10.0.0.0/8'
    throw new HubError('bad-payload', `${expected}, got ${quote(network)}`)
  }
  // A network that holds this machine's own address is no mistake: it counts for the others there.
  const [address = ''] = network.split('/')
  const isOwn = isLoopback(address) || (!isLoopback(own) && has(own))
  if (!isOwn) return
  const expected = 'expected an address that is neither of this machine nor where you ask from'
  throw new HubError('bad-payload', `${expected}, got ${quote(network)}`)
}

const maxReasonCharacters = 200

function checkReason(reason: string): void {
  const { length } = [...reason]
  if (length > 0 && length <= maxReasonCharacters && isFitName(reason)) return
  const expected = `expected a reason of 1 to ${maxReasonCharacters} characters, none of them a control character`
  throw new HubError('bad-payload', `${expected}, got ${quote(reason)}`)
}
