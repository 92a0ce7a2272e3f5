import type { ServerResponse } from 'node:http'
import { sendJson } from './api/json-answer.ts'
import type { Route } from './core/route.ts'
import { baseOfPath } from './ws/base-path.ts'

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
  /** Why the hub is not ready, as `/readyz` tells; undefined when it is. */
  unready(): string | undefined
}

/** Every path the hub serves on its HTTP port. */
export function createRoutes({
  pages,
  talk,
  mqtt,
  api,
  health,
  unready,
}: Routes): (path: string) => Route | undefined {
  const fixed = new Map<string, Route>([
    ...pages,
    [
      '/healthz',
      { isProbe: true, get: ({ response }) => sendJson(response, { status: 'ok', ...health() }) },
    ],
    ['/readyz', { isProbe: true, get: ({ response }) => sendReadiness(response, unready()) }],
    ['/mqtt', mqtt],
  ])
  return (path) => {
    const route = fixed.get(path) ?? api(path)
    if (route !== undefined) return route
    const base = baseOfPath(path)
    return base === undefined ? undefined : talk(base)
  }
}

/** Apart from `/healthz`: a hub that waits for room on its disk must not be restarted for that. */
function sendReadiness(response: ServerResponse, reason: string | undefined): void {
  if (reason === undefined) sendJson(response, { status: 'ready' })
  else sendJson(response, { status: 'not-ready', reason }, 503)
}
