/** What an operator can open on purpose and should not forget. */
import { isLoopback, isLoopbackHost } from './access/address.ts'
import type { Config } from './config.ts'

/** What the configuration leaves open, in one sentence each with the way to mend it. */
export function exposures({
  http,
  mqtt,
  dialects,
}: Pick<Config, 'http' | 'mqtt' | 'dialects'>): string[] {
  const onPorts = dialects.map((settings, at) => [`dialects.${at}`, settings] as const)
  const ofOwnPort = onPorts.filter(([, { path }]) => path === undefined)
  const listeners = [...Object.entries({ http, mqtt }), ...ofOwnPort].flatMap(([key, { host }]) =>
    isLoopbackHost(host) ? [] : plainListener(key, host),
  )
  const guests = onPorts.flatMap(([key, { guest }]) => openToGuests(key, guest))
  const origins = http.origins.flatMap((origin) => openOrigins[origin] ?? [])
  const pages = onPorts.flatMap(([key, { guest }]) => (guest?.anyOrigin ? `${key}.guest` : []))
  return [...listeners, ...guests, ...origins, ...openToPages(pages)]
}

function plainListener(key: string, host: string): string {
  const sentence = `${key}.host ${host} lets other machines in, and passwords travel in the clear`
  return `${sentence}: set it to 127.0.0.1, and let them in by tls, or by a proxy that speaks TLS`
}

/** Whoever comes from there needs no password. */
function openToGuests(key: string, guest: Config['dialects'][number]['guest']): string[] {
  const elsewhere = guest?.addresses.filter((network) => !isLoopback(network.replace(/\/.*/, '')))
  if (guest === undefined || elsewhere?.length === 0) return []
  const sentence = `${key}.guest lets ${elsewhere?.join(', ')} in as ${guest.user} without a password`
  return [`${sentence}: take out of its addresses what is not yours alone`]
}

/** In a lab there are several, and one sentence is enough. */
function openToPages(keys: readonly string[]): string[] {
  if (keys.length === 0) return []
  const sentence = `anyOrigin of ${keys.join(', ')}: any page that somebody visits there is a guest`
  return [`${sentence}; list origins in http.origins in its place`]
}

const openOrigins: Readonly<Record<string, string>> = {
  '*': 'http.origins has *: any page that a user of this hub visits may talk to it as that user; list origins',
  null: 'http.origins has null: any page that a user of this hub visits can call itself so, and talk to it as that user; list origins',
}
