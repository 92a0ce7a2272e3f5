import type { Config } from '../config.ts'
import { HubError, quote } from '../core/errors.ts'
import type { DialectPlace } from '../hub.ts'
import { servedDialects } from '../served-dialects.ts'

type Entry = Config['dialects'][number]

/** Every language, where its original listens: on this machine only, and without a password where clients have none. */
export function labDialects(text: string | undefined, user: string, base: string): Entry[] {
  const ports = text === undefined ? usualPorts() : portsIn(text)
  return [...ports].map(([dialect, port]) => ({
    dialect,
    port,
    host: '127.0.0.1',
    base,
    guest: { user, addresses: ['127.0.0.0/8', '::1'] },
    // The original may run on this machine, too.
    optional: true,
  }))
}

type Name = Entry['dialect']

function usualPorts(): Map<Name, number> {
  return new Map(Object.entries(servedDialects).filter(isServed).map(([name, { labPort }]) => [name, labPort]))
}
