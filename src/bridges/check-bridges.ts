import { HubError, quote } from '../core/errors.ts'
import { readSecretFile } from '../core/files.ts'
import { overlaps } from '../core/filter.ts'
import type { DeepReadonly } from '../core/json.ts'
import { checkConfiguredFilter, isOfBroker } from '../core/topic.ts'
import type { Config } from '../generated/config.ts'

export type BridgeSettings = DeepReadonly<Config['bridges'][number]>

/** What a bridge is called: unless it has a name, as the host of its `url`. */
export function nameOf({ name, url }: Pick<BridgeSettings, 'name' | 'url'>): string {
  return name ?? new URL(url).hostname.replace(/[^A-Za-z0-9_.-]/g, '_')
}

/**
 * Checks the part `bridges`: each has a name of its own, and says once what goes which way.
 *
 * @throws HubError `bad-config`, beginning with `source`; as `readSecretFile` for a password
 */
export function checkBridges({ bridges }: DeepReadonly<Config>, source: string): void {
  const names = new Set<string>()
  for (const [at, bridge] of bridges.entries()) {
    const place = `bridges.${at}`
    const name = nameOf(bridge)
    if (names.has(name)) {
      const sentence = `expected ${place} to have a name of its own, got ${quote(name)}`
      throw new HubError('bad-config', source + sentence)
    }
    names.add(name)
    checkFilters(bridge.in, `${place}.in`, source)
    checkFilters(bridge.out, `${place}.out`, source)
    if (bridge.in.length + bridge.out.length === 0) {
      const sentence = `expected ${place} to have filters in its in or out, got none`
      throw new HubError('bad-config', source + sentence)
    }
    const { passwordFile } = bridge
    if (passwordFile !== undefined) readSecretFile(`${place}.passwordFile`, passwordFile)
  }
}

function checkFilters(filters: readonly string[], place: string, source: string): void {
  for (const [at, filter] of filters.entries()) {
    checkConfiguredFilter(filter, `${place}.${at}`, source)
    if (isOfBroker(filter)) {
      const sentence = `expected ${place}.${at} without a $ at its start, got ${quote(filter)}`
      throw new HubError('bad-config', source + sentence)
    }
    const other = filters.slice(0, at).find((before) => overlaps(before, filter))
    if (other === undefined) continue
    const sentence = `expected ${place} to have no topic in common, got ${quote(other)}`
    throw new HubError('bad-config', `${source}${sentence} and ${quote(filter)}`)
  }
}
