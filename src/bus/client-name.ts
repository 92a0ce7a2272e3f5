import { randomUUID } from 'node:crypto'
import { anonymousName, normalForm } from '../access/user.ts'

/**
 * The name of a client inside the broker: the name of its user, and the client id that it gave itself.
 * So users never meet under one client id: whoever connects with the id of another user's client
 * neither ends that connection [MQTT-3.1.4-2] nor gets its session.
 */
export function clientName(user: string | undefined, clientId: string): string {
  // Who comes without an id gets one of its own [MQTT-3.1.3-6].
  return `${normalForm(user || anonymousName)}:${clientId || randomUUID()}`
}

/** What `clientName` was made of. The name of a user holds no colon; a client id may. */
export function partsOf(name: string): { readonly user: string; readonly clientId: string } {
  const colon = name.indexOf(':')
  return { user: name.slice(0, colon), clientId: name.slice(colon + 1) }
}
