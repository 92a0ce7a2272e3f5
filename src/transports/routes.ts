import type { ServerResponse } from 'node:http'
import { baseOfPath } from './base-path.ts'
import type { Route } from './route.ts'

export interface Routes {
  /** Websockets that talk below a base. */
  talk(base: string): Route
  readonly mqtt: Route
  /** What `/healthz` tells besides that the hub is well. */
  health(): Record<string, unknown>
}

/** Every path the hub serves on its HTTP port. */
export function createRoutes({ talk, mqtt, health }: Routes): (path: string) => Route | undefined {
  return (path) => {
    if (path === '/healthz')
      return { get: (response) => sendJson(response, { status: 'ok', ...health() }) }
    if (path === '/mqtt') return mqtt
    const base = baseOfPath(path)
    return base === undefined ? undefined : talk(base)
  }
}

function sendJson(response: ServerResponse, value: unknown): void {
  const body = `${JSON.stringify(value)}\n`
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  }
  response.writeHead(200, headers).end(body)
}
