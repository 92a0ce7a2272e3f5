/** What the hub is and how it fares, for operators and admins: its release, its disk, limits that were hit, its languages. */
import { statfs } from 'node:fs/promises'
import { release as systemRelease, type as systemType } from 'node:os'
import { arch, memoryUsage, version as nodeVersion, uptime } from 'node:process'
import { isoTime } from '../core/clock.ts'
import { variableFor } from '../core/environment.ts'
import type { DeepReadonly } from '../core/json.ts'
import type { Route } from '../core/route.ts'
import type { Counters } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import { validateCheckedConfig } from '../generated/validate-config.js'
import { type AsUser, asOperator } from './as-user.ts'

export interface AboutRoutesOptions {
  readonly asUser: AsUser
  readonly version: string
  readonly config: DeepReadonly<Config>
  readonly counters: Pick<Counters, 'snapshot'>
  /** Where the languages of other systems are served, once they are. */
  dialects(): readonly object[]
}

/** By path. */
export function aboutRoutes(options: AboutRoutesOptions): readonly [path: string, route: Route][] {
  const { asUser, version, config, counters, dialects } = options
  const get = (path: string, ask: () => unknown): [string, Route] => [
    path,
    { get: (exchange) => asOperator(asUser, exchange, ask) },
  ]
  return [
    get('/api/about', async () => ({
      ...{ version, node: nodeVersion, system: `${systemType()} ${systemRelease()} ${arch}` },
      since: isoTime(Date.now() - uptime() * 1000),
      memoryBytes: memoryUsage.rss(),
      data: config.data.folder ? await roomIn(config.data.folder) : null,
    })),
    get('/api/limits', () => ({ hits: hitsOf(counters.snapshot(), countedLimits(config)) })),
    get('/api/dialects', () => ({ dialects: dialects() })),
  ]
}

function hitsOf(
  counts: Record<string, number>,
  limits: ReadonlyMap<string, readonly CountedLimit[]>,
) {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([counter, count]) => ({ counter, count, limits: limits.get(counter) ?? [] }))
}

async function roomIn(folder: string) {
  const { bsize, bavail, blocks } = await statfs(folder)
  return { folder, freeBytes: bsize * bavail, totalBytes: bsize * blocks }
}

interface CountedLimit {
  readonly setting: string
  readonly variable: string
  readonly value: unknown
  readonly meaning: string
}

/** Which settings a counter is of: what docs/limits.md says, with the values that hold here now. */
function countedLimits(config: DeepReadonly<Config>): ReadonlyMap<string, CountedLimit[]> {
  const { properties: groups } = validateCheckedConfig.schema['properties'].limits
  const found = new Map<string, CountedLimit[]>()
  for (const [group, values] of Object.entries(config.limits)) {
    for (const [key, value] of Object.entries(values)) {
      const { counter, description: meaning } = groups[group].properties[key]
      if (counter === undefined) continue
      const path = ['limits', group, key]
      const limit = { setting: path.join('.'), variable: variableFor(path, ''), value, meaning }
      found.set(counter, [...(found.get(counter) ?? []), limit])
    }
  }
  return found
}
