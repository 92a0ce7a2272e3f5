import { createListeners } from '../core/callbacks.ts'
import { matches } from '../core/filter.ts'
import type { DeepReadonly } from '../core/json.ts'
import { checkConfiguredFilter, filterBelow } from '../core/topic.ts'
import type { Config } from '../generated/config.ts'
import { deviceOf } from './device.ts'

/**
 * Where Clown.Model says what topics and payloads mean. Elsewhere a topic that looks like one of its own, such
 * as `espurna/relay/0/set`, belongs to somebody else, who knows better what `1` stands for.
 */
export interface ClownBases {
  /** Whether Clown.Model binds what is said on `topic`, of a node of `base`. */
  binds(topic: string, base: string): boolean
  /** The node of `base` has spoken Clown.Model, or is a user of the role node; or it is no longer. */
  set(base: string, reason: Reason, isSo: boolean): void
  /** Calls `listener` when `binds` may return something else than before; what is returned ends that. */
  onChange(listener: () => void): () => void
}

type Reason = 'introduced' | 'user'

export type ClownBasesSettings = DeepReadonly<
  Pick<Config, 'commands'> & { profiles: Pick<Config['profiles'], 'clown'> }
>

/**
 * `source` begins the sentence of an error.
 *
 * @throws HubError `bad-config` that names the base that is no filter.
 */
export function checkClownBases({ clown }: ClownBasesSettings['profiles'], source: string): void {
  for (const [at, base] of clown.bases.entries()) {
    checkConfiguredFilter(base, `profiles.clown.bases.${at}`, source)
  }
}

export function createClownBases({ profiles, commands }: ClownBasesSettings): ClownBases {
  const { bases } = profiles.clown
  const ofRules = commands.rules.flatMap(({ topic }) => (topic === undefined ? [] : below(topic)))
  const filters = [...bases, ...bases.map(filterBelow), ...ofRules]
  const found: Readonly<Record<Reason, Set<string>>> = { introduced: new Set(), user: new Set() }
  const isFound = (base: string) => found.introduced.has(base) || found.user.has(base)
  const { add: onChange, tell } = createListeners<[]>()
  return {
    onChange,
    binds: (topic, base) => {
      return isAnyAbove(base, isFound) || filters.some((filter) => matches(filter, topic))
    },
    set: (base, reason, isSo) => {
      const bound = found[reason]
      if (bound.has(base) === isSo) return
      if (isSo) bound.add(base)
      else bound.delete(base)
      tell()
    },
  }
}

/** The filters for what is below the base of a rule; a rule whose base is anywhere means its devices only. */
function below(filter: string): string[] {
  if (/^[+#]$/.test(filter) || /^\+\/#$/.test(filter)) return []
  if (filter.endsWith('/#')) return [filter]
  const { base } = deviceOf(filter)
  return [filterBelow(base.startsWith('+') ? filter : base)]
}

/** Whether `isFound` says so of `base`, or of a base above it. */
function isAnyAbove(base: string, isFound: (base: string) => boolean): boolean {
  for (let end = base.length; end > 0; end = base.lastIndexOf('/', end - 1)) {
    if (isFound(base.slice(0, end))) return true
  }
  return false
}
