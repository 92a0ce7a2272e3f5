import { isDeepStrictEqual } from 'node:util'
import { HubError, quote } from '../../core/errors.ts'
import { readSecretFile } from '../../core/files.ts'
import { overlaps } from '../../core/filter.ts'
import { type DeepReadonly, fieldOf } from '../../core/json.ts'
import { withinBudget } from '../../core/memory-budget.ts'
import { checkConfiguredFilter } from '../../core/topic.ts'
import type { Config } from '../../generated/config.ts'
import { validateCheckedConfig } from '../../generated/validate-config.js'
import { ownerClientId } from './ownership.ts'

/**
 * Checks the part `bus`. What is of a broker of our own has no meaning beside another one, which is not to be told by
 * silence; `input` is the configuration before its defaults were filled in, or once more what was completed before.
 *
 * @throws HubError `bad-config`, beginning with `source`; as `readSecretFile` for the password
 */
export function checkBus(config: DeepReadonly<Config>, input: unknown, source: string): void {
  const { bus } = config
  if (bus === undefined) return
  const usual = usualBeside(config)
  for (const part of ['mqtt', 'bridges', 'limits.sessions', 'tls.mqttPort']) {
    const [value, same] = [input, usual].map((from) => part.split('.').reduce(fieldOf, from))
    if (value === undefined || isDeepStrictEqual(value, same)) continue
    const sentence = `expected no ${part} beside bus: the broker ${bus.url} has settings of its own`
    throw new HubError('bad-config', source + sentence)
  }
  checkFilters(bus.filters, source)
  checkHubs(bus, source)
  if (bus.passwordFile !== undefined) readSecretFile('bus.passwordFile', bus.passwordFile)
}

/** What a configuration that was completed has in those places, without that anybody has said it. */
function usualBeside({ limits: { memory } }: DeepReadonly<Config>): unknown {
  const usual: unknown = { bridges: [], limits: { memory }, tls: { certFile: '-', keyFile: '-' } }
  return validateCheckedConfig(usual) && { ...usual, limits: withinBudget(usual.limits) }
}

function checkFilters(filters: readonly string[], source: string): void {
  for (const [at, filter] of filters.entries()) {
    checkConfiguredFilter(filter, `bus.filters.${at}`, source)
    const other = filters.slice(0, at).find((before) => overlaps(before, filter))
    if (other === undefined) continue
    const sentence = `expected bus.filters to have no topic in common, got ${quote(other)}`
    throw new HubError('bad-config', `${source}${sentence} and ${quote(filter)}`)
  }
}

/** Several hubs hear all that they tell each other below `hub/`, and none of them calls itself what the owner does. */
function checkHubs({ hubs, clientId, filters }: DeepReadonly<Bus>, source: string): void {
  if (hubs === undefined) return
  if (clientId === ownerClientId) {
    const sentence = `expected bus.clientId to be another one than the owner's, got ${quote(clientId)}`
    throw new HubError('bad-config', source + sentence)
  }
  const part = filters.find((filter) => overlaps(filter, 'hub/#') && !whole.includes(filter))
  if (part === undefined) return
  const sentence = 'expected bus.filters to have all below hub/ beside bus.hubs, or nothing of it'
  throw new HubError('bad-config', `${source}${sentence}, got ${quote(part)}`)
}

type Bus = NonNullable<Config['bus']>

const whole: readonly string[] = ['#', 'hub/#']
