import { pino } from 'pino'
import type { Test } from 'tap'
import type { Admit } from '../../src/access/open-access.ts'
import type { Until } from '../../src/access/secrets.ts'
import { createSignedIn } from '../../src/access/signed-in.ts'
import { checkConfig } from '../../src/config.ts'
import { createEndOfTick } from '../../src/core/callbacks.ts'
import { systemClock } from '../../src/core/clock.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import type { ServedDialect } from '../../src/dialects/served-dialect.ts'
import { createDialectUsers } from '../../src/nodes/served/dialect-users.ts'
import { createLinkTraffics } from '../../src/ws/link-traffic.ts'
import { createServedWebSockets, servedRoute } from '../../src/ws/served-route.ts'
import { createHeartbeat } from '../../src/ws/websockets.ts'
import { changingDirectory, userNamed } from '../access/changing-directory.ts'
import { createInbox, type Inbox } from '../inbox.ts'
import { startedHttpServer } from '../started-http-server.ts'
import { unbounded } from '../unbounded.ts'

export const ann = userNamed('ann', { role: 'operator' })

interface Served {
  readonly port: number
  readonly log: Inbox<{ msg: string }>
}

interface AccessOptions {
  readonly admit?: Admit
  readonly isOriginAllowed?: boolean
  readonly isAnyPageGuest?: boolean
  /** How long the user of a cookie is signed in. */
  readonly until?: Until
}

/** A dialect of the test on a real port. */
export async function served(
  t: Test,
  dialect: Partial<ServedDialect>,
  access: AccessOptions = {},
): Promise<Served> {
  const log = createInbox<{ msg: string }>()
  const logger = pino({ level: 'debug' }, { write: (line) => log.put(JSON.parse(line)) })
  const sampledLog = createSampledLog(logger, createCounters())
  const { websocket: limits } = checkConfig({
    limits: { websocket: { overRateSeconds: 1 } },
  }).limits
  const heartbeat = createHeartbeat({ limits, sampledLog })
  t.teardown(heartbeat.close)
  const websockets = createServedWebSockets(limits, {
    sampledLog,
    heartbeat,
    newInboundShare: unbounded,
  })
  t.teardown(websockets.close)
  const directory = changingDirectory(ann)
  const dialectUsers = createDialectUsers({
    enter: () => undefined,
    signedIn: createSignedIn(directory),
    findUser: directory.find,
    clock: systemClock,
  })
  const route = servedRoute(
    {
      answer: () => ({ status: 204 }),
      greet: () => ({ status: 403 }),
      close: () => {},
      ...dialect,
    },
    {
      websockets,
      newOutboundShare: unbounded,
      isShortOfMemory: () => true,
      linkTraffics: createLinkTraffics(),
      endOfTick: createEndOfTick(),
      limits,
      sampledLog,
      access: {
        name: 'test',
        path: '/test',
        base: '',
        dialectUsers,
        signIn: async ({ user }) => (user === 'ann' ? { user: ann } : { refused: 'wrong' }),
        ofRequest: async () => ({ user: ann, until: access.until }),
        admit: access.admit ?? (() => undefined),
        clientAddress: () => '192.0.2.1',
        isSecure: () => false,
        foreignOriginOf: () =>
          access.isOriginAllowed === false ? 'http://evil.example' : undefined,
        isAnyPageGuest: access.isAnyPageGuest ?? false,
        guest: (address) => (address === '192.0.2.1' ? ann : undefined),
      },
    },
  )
  const { port } = await startedHttpServer(t, { routeOf: () => route })
  return { port, log }
}
