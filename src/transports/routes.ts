import { baseOfPath } from './base-path.ts'
import { sendJson } from './json-answer.ts'
import type { Route } from './route.ts'

export interface Routes {
  /** Fixed paths, each with its route. */
  readonly pages: ReadonlyMap<string, Route>
  /** Websockets that talk below a base. */
  talk(base: string): Route
  readonly mqtt: Route
  /** What is served on a path whose end is not fixed; undefined when nothing. */
  api(path: string): Route | undefined
  /** What `/healthz` tells besides that the hub is well. */
  health(): Record<string, unknown>
}

/** Every path the hub serves on its HTTP port. */
export function createRoutes({
  pages,
  talk,
  mqtt,
  api,
  health,
}: Routes): (path: string) => Route | undefined {
  const fixed = new Map<string, Route>([
    ...pages,
    ['/healthz', { get: ({ response }) => sendJson(response, { status: 'ok', ...health() }) }],
    ['/mqtt', mqtt],
  ])
  return (path) => {
    const route = fixed.get(path) ?? api(path)
    if (route !== undefined) return route
    const base = baseOfPath(path)
    return base === undefined ? undefined : talk(base)
  }
}
