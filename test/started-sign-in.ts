import type { IncomingMessage } from 'node:http'
import { pino } from 'pino'
import type { Test } from 'tap'
import type { Peer } from '../src/access/request-sign-in.ts'
import { createRequestSignIn, formChallenge } from '../src/access/request-sign-in.ts'
import { createCookieSessions, createTickets } from '../src/access/secrets.ts'
import { createSignIn } from '../src/access/sign-in.ts'
import type { User } from '../src/access/user.ts'
import { createAsUser } from '../src/api/as-user.ts'
import { sendJson } from '../src/api/json-exchange.ts'
import { signInRoutes } from '../src/api/sign-in-routes.ts'
import { checkConfig } from '../src/config.ts'
import { createCounters, createSampledLog } from '../src/core/sampled-log.ts'
import { changingDirectory } from './access/changing-directory.ts'
import { startedHttpServer } from './started-http-server.ts'

const { limits } = checkConfig({ users: { clown: { password: 'bigclown' } } })

/** Everything that signs in on HTTP, without a hub; `/who` tells who an upgrade would be. */
export async function startedSignIn(t: Test, users: User[], peer: Partial<Peer> = {}) {
  const directory = changingDirectory(...users)
  const counters = createCounters()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  const signIn = createSignIn({ directory, limits, sampledLog })
  const peerOf = (_request: IncomingMessage) => ({
    address: '::1',
    isSecure: false,
    foreignOrigin: undefined,
    cookieName: peer.isSecure ? '__Host-hub_session' : 'hub_session',
    ...peer,
  })
  const noted: unknown[] = []
  const securityLog = { note: (event: string, fields: object) => noted.push({ event, ...fields }) }
  const parts = { directory, limits: limits.signIn, sampledLog, securityLog, signIn, peerOf }
  const sessions = createCookieSessions(parts)
  const tickets = createTickets(parts)
  const { ofRequest, ofUpgrade } = createRequestSignIn({ ...parts, sessions, tickets })
  const quietChallenge = formChallenge('')
  const signedOut: string[] = []
  const signOutEverywhere = (user: string) => {
    sessions.endAllOf(user)
    tickets.voidAllOf(user)
    signedOut.push(user)
  }
  const routes = signInRoutes({
    ...parts,
    asUser: createAsUser(ofRequest, { sampledLog }),
    sessions,
    tickets,
    quietChallenge,
    admit: () => undefined,
    signOutEverywhere,
    links: { find: () => undefined },
    directory: { ...directory, find: directory.find, setPassword: () => Promise.reject() },
    passwordBytes: limits.mqtt.passwordBytes,
    jsonLimits: limits.json,
  })
  const server = await startedHttpServer(t, {
    routeOf: (path) =>
      routes.get(path) ?? {
        get: async ({ request, response }) => sendJson(response, await ofUpgrade(request)),
      },
  })
  const url = `http://127.0.0.1:${server.port}`
  return { url, directory, sessions, tickets, counters, signedOut, noted }
}

/** The header of HTTP Basic. */
export function basic(user: string, password: string): { Authorization: string } {
  return { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}
