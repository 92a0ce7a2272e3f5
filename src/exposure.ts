/** What an operator can open on purpose and should not forget. */
import { isLoopbackHost } from './access/address.ts'
import type { Config } from './config.ts'

/** What the configuration leaves open, in one sentence each with the way to mend it. */
export function exposures({ http, mqtt }: Pick<Config, 'http' | 'mqtt'>): string[] {
  const listeners = Object.entries({ http, mqtt }).flatMap(([key, { host }]) =>
    isLoopbackHost(host) ? [] : plainListener(key, host),
  )
  return http.origins.includes('*') ? [...listeners, anyOrigin] : listeners
}

function plainListener(key: string, host: string): string {
  const sentence = `${key}.host ${host} lets other machines in, and passwords travel in the clear`
  return `${sentence}: set it to 127.0.0.1, and let them in by tls, or by a proxy that speaks TLS`
}

const anyOrigin =
  'http.origins has *: any page that a user of this hub visits may talk to it as that user; list origins'
