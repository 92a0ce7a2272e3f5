/** What an operator can open on purpose and should not forget. */

import type { DeepReadonly } from '../core/json.ts'
import type { Config } from '../generated/config.ts'
import { isLoopback, isLoopbackHost } from './address.ts'

/** How `accept` calls a kind of what is open. */
type Kind = Config['accept'][number]

interface Exposure {
  readonly kind: Kind
  readonly sentence: string
}

/**
 * What the configuration leaves open and does not accept, in one sentence each with the way to fix it.
 */
export function exposures(config: DeepReadonly<Config>): string[] {
  const { http, mqtt, metrics, dialects, accept } = config
  const onPorts = dialects.map((settings, at) => [`dialects.${at}`, settings] as const)
  const ofOwnPort = onPorts.filter(([, { path }]) => path === undefined)
  const found = [
    ...plainListener('http', http.host, 'plain-http'),
    ...plainListener('mqtt', mqtt.host, 'plain-mqtt'),
    ...openMetrics(metrics),
    ...ofOwnPort.flatMap(([key, { host }]) => plainListener(key, host, 'plain-dialects')),
    ...onPorts.flatMap(([key, { guest }]) => openToGuests(key, guest)),
    ...http.origins.flatMap((origin) => openOrigins[origin] ?? []),
    ...openToPages(onPorts.flatMap(([key, { guest }]) => (guest?.anyOrigin ? `${key}.guest` : []))),
  ]
  return found
    .filter(({ kind }) => !accept.includes(kind))
    .map(({ kind, sentence }) => `${sentence}. If that is meant: accept: [${kind}]`)
}

function plainListener(key: string, host: string, kind: Kind): Exposure[] {
  if (isLoopbackHost(host)) return []
  const open = `${key}.host ${host} lets other machines in, and passwords travel in the clear`
  const fix = 'set it to 127.0.0.1, and let them in by tls, or by a proxy that speaks TLS'
  return [{ kind, sentence: `${open}: ${fix}` }]
}

function openMetrics({ host, port }: DeepReadonly<Config>['metrics']): Exposure[] {
  if (port === undefined || isLoopbackHost(host)) return []
  const open = `metrics.host ${host} shows whoever reaches its port how the hub is, without a password`
  const fix = 'set it to 127.0.0.1, or let Prometheus sign in at /metrics of the HTTP port'
  return [{ kind: 'open-metrics', sentence: `${open}: ${fix}` }]
}

/** Whoever comes from there needs no password. */
function openToGuests(
  key: string,
  guest: DeepReadonly<Config>['dialects'][number]['guest'],
): Exposure[] {
  const elsewhere = guest?.addresses.filter((network) => !isLoopback(network.replace(/\/.*/, '')))
  if (guest === undefined || elsewhere?.length === 0) return []
  const open = `${key}.guest lets ${elsewhere?.join(', ')} in as ${guest.user} without a password`
  const fix = 'take out of its addresses what is not yours alone'
  return [{ kind: 'guests', sentence: `${open}: ${fix}` }]
}

/** In a lab there are several, and one sentence is enough. */
function openToPages(keys: readonly string[]): Exposure[] {
  if (keys.length === 0) return []
  const open = `anyOrigin of ${keys.join(', ')}: any page that somebody visits there is a guest`
  return [{ kind: 'guest-pages', sentence: `${open}; list origins in http.origins in its place` }]
}

const openOrigins: Readonly<Record<string, Exposure>> = {
  '*': {
    kind: 'any-origin',
    sentence:
      'http.origins has *: any page that a user of this hub visits may talk to it as that user; list origins',
  },
  null: {
    kind: 'any-origin',
    sentence:
      'http.origins has null: any page that a user of this hub visits can call itself so, and talk to it as that user; list origins',
  },
}
