import { pino } from 'pino'
import type { Test } from 'tap'
import { createForwarding } from '../src/access/forwarding.ts'
import { createIngress } from '../src/access/ingress.ts'
import { checkConfig } from '../src/config.ts'
import { createCounters, createSampledLog } from '../src/core/sampled-log.ts'
import { type HttpServer, type HttpServerOptions, openHttpServer } from '../src/http/http-server.ts'

/** A limiter that takes everybody. */
export const openLimiter: HttpServerOptions['limiter'] = {
  accept: () => undefined,
  forward: () => undefined,
  secured: () => {},
  understood: () => {},
}

/** An HTTP server without a hub, which takes everybody unless told otherwise; closed at teardown. */
export async function startedHttpServer(
  t: Test,
  options: Pick<HttpServerOptions, 'routeOf'> & Partial<HttpServerOptions>,
): Promise<HttpServer> {
  const { limits } = checkConfig({ users: { clown: { password: 'bigclown' } } })
  const server = await openHttpServer({
    host: '127.0.0.1',
    port: 0,
    knownHosts: [],
    ingress: createIngress(undefined),
    limits: limits.http,
    settings: { host: 'HOST', port: 'PORT' },
    pathPrefix: '',
    forwarding: createForwarding([]),
    origins: { foreignOf: () => undefined, listedOf: () => undefined, mayForeignSignIn: true },
    limiter: openLimiter,
    bans: { refusal: () => undefined },
    sampledLog: createSampledLog(pino({ level: 'silent' }), createCounters()),
    ...options,
  })
  t.teardown(server.close)
  return server
}
