/**
 * The first start of a hub without users: whoever has its log has a link, once, by which a browser makes the first admin.
 * Until then there is nothing but this: no MQTT, no websocket, and no page but the one that does it.
 */
import { accessSync, constants, existsSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { isLoopbackHost } from './access/address.ts'
import { createConnectionLimiter } from './access/connection-limiter.ts'
import { createForwarding } from './access/forwarding.ts'
import { createIngress } from './access/ingress.ts'
import { createOrigins } from './access/origin.ts'
import { hashPassword, newPasswordError } from './access/passwords.ts'
import { digestOf, generatePassword } from './access/tokens.ts'
import { changeUser } from './access/users-file.ts'
import { dashboardRoutes } from './api/dashboard.ts'
import { answerJson, readJson } from './api/json-exchange.ts'
import { probeRoutes } from './api/operating-routes.ts'
import type { Config } from './config.ts'
import { createListeners } from './core/callbacks.ts'
import { type AlarmClock, systemClock } from './core/clock.ts'
import { HubError, reasonOf, systemCodeOf } from './core/errors.ts'
import { writeSecret } from './core/files.ts'
import { maxOpenFiles } from './core/process-watch.ts'
import type { Exchange, HttpError, Route } from './core/route.ts'
import { createCounters, createSampledLog } from './core/sampled-log.ts'
import { validateSetupRequest } from './generated/validate-requests.js'
import { openHttpServer } from './http/http-server.ts'

export interface SetupOptions {
  /** Where the first admin is written; made if it is not there. */
  readonly usersFile: string
  readonly log: Logger
  readonly clock?: Pick<AlarmClock, 'after'>
}

export interface Setup {
  /** What a browser is to open. */
  readonly link: string
  /** Resolves when there is an admin (true) or the time is over (false); nothing is listened on any more then. */
  readonly ended: Promise<boolean>
  close(): void
}

const lifeMs = 30 * 60_000

/** @throws HubError `cannot-listen`, and `unwritable-file` when no users file can be made. */
export async function openSetup(config: Config, options: SetupOptions): Promise<Setup> {
  checkFolder(options.usersFile)
  const { log, clock = systemClock } = options
  const code = generatePassword()
  const { add: onEnd, tell: end } = createListeners<[isDone: boolean]>()
  const ended = new Promise<boolean>((resolve) => onEnd(resolve))
  const firstAdmin = createFirstAdmin(config, options, digestOf(code))
  const post = (exchange: Exchange, body: Buffer) =>
    answerJson(exchange.response, async () => {
      const made = await firstAdmin(body)
      exchange.response.once('close', () => end(true))
      return made
    })
  const routes = new Map<string, Route>([
    ...dashboardRoutes(),
    ['/api/setup', { post }],
    ['/session', { get: ({ refuse }) => refuse(notSetUp) }],
    ...probeRoutes({ health: () => ({}), unready: () => notSetUp.reason }),
  ])
  const server = await openHttpServer({
    ...requestRules(config, log),
    ...{ host: config.http.host, port: config.http.port },
    settings: { host: 'CLOWN_HTTP_HOST', port: 'CLOWN_HTTP_PORT' },
    routeOf: (path) => routes.get(path),
  })
  const cancel = clock.after(lifeMs, () => end(false))
  const close = () => {
    cancel()
    server.close()
  }
  const home = `http://${hostOf(config)}:${server.port}${config.http.pathPrefix}/`
  return {
    link: `${home}#/setup/${code}`,
    ended: ended.finally(close),
    close: () => end(false),
  }
}

/** Nobody is to choose a password that cannot be kept. @throws HubError `unwritable-file` */
function checkFolder(usersFile: string): void {
  try {
    accessSync(dirname(usersFile), constants.W_OK | constants.X_OK)
  } catch (cause) {
    const got = systemCodeOf(cause) === 'ENOENT' ? 'none' : reasonOf(cause).replace(/,.*/s, '')
    const sentence = `expected a folder for the users file ${JSON.stringify(usersFile)} to be written to, got ${got}`
    throw new HubError('unwritable-file', sentence, { cause })
  }
}

const notSetUp: HttpError = {
  status: 503,
  code: 'not-set-up',
  reason: 'expected a first user, got none yet: the link that the hub has printed makes one',
}

/** What a request has to pass, as in a hub; nobody is banned yet, and nobody has signed in. */
function requestRules({ http, limits }: Config, log: Logger) {
  const sampledLog = createSampledLog(log, createCounters())
  const limiter = createConnectionLimiter({
    limits: limits.connections,
    maxOpenFiles: maxOpenFiles(),
    // Of nothing it says false.
    isShortOfMemory: Boolean,
    sampledLog,
  })
  return {
    pathPrefix: http.pathPrefix,
    knownHosts: http.hosts,
    ingress: createIngress(http.ingress),
    forwarding: createForwarding(http.trustProxy),
    // Pages of others have no business here, whoever is listed.
    origins: createOrigins({ listed: [], isLab: true }),
    bans: { refusal: () => undefined },
    limits: limits.http,
    limiter,
    sampledLog,
  }
}

/** Makes the first admin of what a request says, once. */
function createFirstAdmin({ limits }: Config, { usersFile, log }: SetupOptions, digest: string) {
  let isUsed = false
  return async (body: Buffer) => {
    const { code, user, password } = readJson(body, validateSetupRequest, limits.json)
    if (isUsed || digestOf(code) !== digest) {
      log.warn(
        { event: 'setup-refused', isUsed },
        'somebody tried to set up the hub by a link that is not the one',
      )
      throw new HubError('setup-over', 'expected the link that the hub printed, got another one')
    }
    const fault = newPasswordError(password, limits.mqtt.passwordBytes)
    if (fault !== undefined) throw new HubError('bad-payload', fault)
    // Before anything is waited for: of two at once one is the first.
    isUsed = true
    try {
      const hash = await hashPassword(password)
      if (!existsSync(usersFile)) writeSecret(usersFile, 'users: {}\n')
      changeUser(usersFile, user, () => ({ role: 'admin', password: hash }))
    } catch (error) {
      isUsed = false
      throw error
    }
    log.info({ event: 'setup-done', user }, 'the first admin is made')
    return { user }
  }
}

/** How other machines may call this one, where they may at all: by a name that is written down, or an address that it has. */
function hostOf({ http: { host, hosts } }: Config): string {
  if (isLoopbackHost(host)) return 'localhost'
  const addresses = Object.values(networkInterfaces())
    .flat()
    .filter((each) => each?.family === 'IPv4' && !each.internal)
    .map((each) => each?.address)
  return String([...hosts, ...addresses, 'localhost'][0])
}
