/** A request to the REST API on its way to what answers it. */
import type { User } from '../../access/user.ts'
import type { Visitor } from '../../nodes/served/visitors.ts'
import type { ServedAnswer, ServedContext, ServedRequest } from '../served-dialect.ts'
import { notAvailable } from './answers.ts'
import type { Identity } from './gateway.ts'
import type { KeyMakers } from './key-makers.ts'
import type { Names } from './names.ts'
import { type Shown, shownOf } from './resources.ts'
import { lightsAmong, type Telling } from './telling.ts'

export interface RestParts {
  readonly context: ServedContext
  readonly identity: Identity
  readonly keyMakers: KeyMakers
  readonly names: Names
  readonly telling: Telling
}

/** A request with a key that somebody has. */
export interface Asked {
  readonly request: ServedRequest
  readonly key: string
  readonly user: User
  readonly visitor: Visitor
  /** What stands behind the key, and what it says of the resource. */
  readonly path: readonly string[]
  readonly body: unknown
}

export type Act = (asked: Asked, parts: RestParts) => Promise<ServedAnswer> | ServedAnswer

/** The light or sensor of a path such as `lights/3`; undefined when the visitor may not see it. */
function foundAt([resource, id = '']: readonly string[], visitor: Visitor, parts: RestParts) {
  const device = /^[1-9]\d{0,14}$/.test(id) ? parts.context.devices.get(Number(id)) : undefined
  const shown = device && visitor.mayRead(device.topic) ? shownOf(device) : undefined
  return shown?.column.resource === resource ? shown : undefined
}

/** Runs `act` with the light or sensor that the path begins with. */
export function withShown(
  act: (shown: Shown, asked: Asked, parts: RestParts) => ReturnType<Act>,
): Act {
  return (asked, parts) => {
    const { path, visitor } = asked
    const shown = foundAt(path, visitor, parts)
    if (shown === undefined) return notAvailable(`/${path.slice(0, 2).join('/')}`)
    return act(shown, asked, parts)
  }
}

/** The lights that a visitor may see. */
export function lightsOf(visitor: Visitor, { context }: RestParts): Shown[] {
  return lightsAmong(context.devices.all()).filter(({ device }) => visitor.mayRead(device.topic))
}

/** Percent-decodes a level of a path; one that is malformed stays as it is. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
