/** What can be asked for, by path: what an answer is made from, and what several of them begin with. */
import type { User } from '../../access/user.ts'
import { isRecord } from '../../core/json.ts'
import type { DialectUser } from '../../nodes/served/dialect-users.ts'
import type { ServedAnswer, ServedContext, ServedRequest } from '../served-dialect.ts'
import { failure, jsonAnswer } from './answers.ts'
import type { DeconzEvents } from './events.ts'
import type { Identity, KeyMakers } from './gateway.ts'
import type { ResourceLinks } from './resourcelinks.ts'
import { type Names, type Resource, resourcesOf } from './resources.ts'

export interface RestRoute {
  readonly method: string
  /** Levels, with `|` between those that may stand there, and `*` for any. */
  readonly pattern: readonly string[]
  readonly act: Act
}

export interface RestParts {
  readonly context: ServedContext
  readonly identity: Identity
  readonly keyMakers: KeyMakers
  readonly names: Names
  readonly events: DeconzEvents
  readonly links: ResourceLinks
}

/** A request with a key that somebody has. */
export interface RestRequest {
  readonly request: ServedRequest
  readonly key: string
  readonly user: User
  readonly dialectUser: DialectUser
  /** What stands behind the key, and what it says of the resource. */
  readonly path: readonly string[]
  readonly body: unknown
}

export type Act = (
  restRequest: RestRequest,
  parts: RestParts,
) => Promise<ServedAnswer> | ServedAnswer

/** Percent-decodes a level of a path; one that is malformed stays as it is. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Runs `act` with the object in the body. */
export function withBody(
  act: (
    body: Readonly<Record<string, unknown>>,
    restRequest: RestRequest,
    parts: RestParts,
  ) => ReturnType<Act>,
): Act {
  return (restRequest, parts) => {
    const { body, path } = restRequest
    if (isRecord(body)) return act(body, restRequest, parts)
    const address = `/${path.join('/')}`
    return jsonAnswer(400, [failure('invalidJson', address, 'body contains invalid JSON')])
  }
}

export function missing(address: string, text: string): ServedAnswer {
  return jsonAnswer(400, [failure('missingParameter', address, text)])
}

/** The lights and sensors that a user may see. */
export function seenResources(dialectUser: DialectUser, { context }: RestParts): Resource[] {
  return context.devices
    .all()
    .flatMap((device) => (dialectUser.mayRead(device.topic) ? resourcesOf(device) : []))
}
