import type { HubError } from './errors.ts'
import { Payload } from './payload.ts'

/** What the sender of a refused message is told: `{"code": …, "message": …}`. */
export function errorPayload({ code, message }: HubError): Payload {
  const value = { code, message }
  return Payload.ofJson(JSON.stringify(value), value)
}

/** Where the refusal of a message on `topic` is told. */
export function errorTopic(topic: string): string {
  return `${topic}/error`
}
