/** What is wrong or unsafe about a hub that runs, as it is seen from here, and what would mend it. */
import { get as getByHttp, type IncomingMessage } from 'node:http'
import { get as getByTls } from 'node:https'
import { reasonOf } from '../core/errors.ts'
import { isRecord } from '../core/json.ts'
import { askHub, rowsIn } from './ask-hub.ts'
import type { HubAddress } from './hub-address.ts'
import { closeBus, connectBus } from './hub-bus.ts'
import { type Terminal, wordOf } from './terminal.ts'

export interface Visit {
  readonly hub: HubAddress
  /** Where a page comes from that is to talk with the hub. */
  readonly origin: string | undefined
}

type Check = (visit: Visit, terminal: Terminal) => Promise<readonly string[]>

/**
 * All that was found, a sentence each with its mend; only why it cannot be asked, when that is so.
 *
 * @throws HubError as `askHub`
 */
export async function hubWarnings(visit: Visit, terminal: Terminal): Promise<string[]> {
  await askHub(visit.hub, { path: '/api/nodes' }, terminal)
  const checks: Check[] = [
    ...[readiness, clock, encryption, challenge, origin, bus, knownPassword, counters, refusals],
  ]
  const found = await Promise.all(checks.map((check) => check(visit, terminal)))
  return found.flat()
}

const getters = new Map([
  ['http:', getByHttp],
  ['https:', getByTls],
])

/** What is answered to somebody who gives no password. */
async function probe(url: string, headers = {}): Promise<IncomingMessage> {
  const asked = getters.get(new URL(url).protocol)?.(url, { headers })
  return new Promise((resolve, reject) => {
    asked?.on('error', reject).on('response', (response) => resolve(response.resume()))
  })
}

const readiness: Check = async ({ hub }, terminal) => {
  const answer = await askHub(hub, { path: '/readyz' }, terminal)
  const reason = answer?.body['reason']
  return reason === undefined ? [] : [`the hub is not ready: ${wordOf(reason)}`]
}

/** Answers come within a second, and a Date header is of whole ones. */
const mostClockMs = 5000

const clock: Check = async ({ hub }) => {
  const { headers } = await probe(`${hub.url}/healthz`)
  const aheadMs = Date.parse(String(headers.date)) - Date.now()
  if (!(Math.abs(aheadMs) > mostClockMs)) return []
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  const side = aheadMs > 0 ? 'ahead of' : 'behind'
  return [
    `the hub's clock is ${seconds} s ${side} ours: let both follow NTP, since certificates, sessions and the history go by it`,
  ]
}

const isLocal = (hostname: string) => /^(localhost|127\.|\[::1\])/.test(hostname)

const encryption: Check = async ({ hub }) => {
  const { protocol, hostname } = new URL(hub.url)
  if (protocol === 'https:' || isLocal(hostname)) return []
  const sentence = 'passwords go to the hub as they are, for everybody in between to read'
  return [`${sentence}: use https, docs/tls.md says how`]
}

const challenge: Check = async ({ hub }) => {
  const { statusCode: status, headers } = await probe(`${hub.url}/api/nodes`)
  if (status !== 401) {
    const sentence = `who gives no password is answered ${status} in place of 401`
    return [`${sentence}: let the reverse proxy ask the hub for each request`]
  }
  if (headers['www-authenticate'] !== undefined) return []
  return ['a refusal comes without WWW-Authenticate: let the reverse proxy pass that header']
}

const origin: Check = async ({ hub, origin }) => {
  if (origin === undefined) return []
  const { statusCode } = await probe(`${hub.url}/api/nodes`, { Origin: origin })
  if (statusCode !== 403) return []
  return [`pages of ${wordOf(origin)} are refused: list it in http.origins`]
}

const bus: Check = async ({ hub: { url, user, password } }, terminal) => {
  const address = new URL(url)
  Object.assign(address, {
    username: encodeURIComponent(user),
    password: encodeURIComponent(password),
  })
  try {
    await closeBus(await connectBus({ url: address.href }, terminal))
    return []
  } catch (error) {
    const hint = 'let the reverse proxy pass upgrades to websockets, docs/reverse-proxy.md says how'
    return [`MQTT over websocket cannot be used: ${reasonOf(error)}; or ${hint}`]
  }
}

const knownPassword: Check = async ({ hub }, terminal) => {
  const lab = { url: hub.url, user: 'clown', password: 'bigclown' }
  const answer = await askHub(lab, { path: '/api/nodes' }, terminal).catch(() => undefined)
  if (answer === undefined) return []
  return ['clown has the password that everybody knows: "clown-hub user password clown"']
}

/** Counted when we look at a hub, too. */
const ownTraces = ['sign-in-refused', 'origin-refused']

/** What is counted when a limit was reached or something was lost, and where it is explained. */
const counters: Check = async ({ hub }, terminal) => {
  const answer = await askHub(hub, { path: '/healthz' }, terminal)
  const counted = Object.entries(Object(Object(answer?.body)['counters']))
  return counted
    .filter(([kind]) => !ownTraces.includes(kind))
    .map(
      ([kind, count]) =>
        `since the hub started, ${wordOf(count)} times ${kind}: docs/limits.md, and its log says by whom`,
    )
}

/** Who was refused what lately: each once, with how often. */
const refusals: Check = async ({ hub }, terminal) => {
  const answer = await askHub(hub, { path: '/api/trace?limit=1000' }, terminal)
  const counts = new Map<string, number>()
  for (const { user, refused } of rowsIn(answer?.body['entries']) ?? []) {
    if (!isRecord(refused)) continue
    const what = `${wordOf(user)} was refused (${wordOf(refused['code'])}): ${wordOf(refused['message'])}`
    counts.set(what, (counts.get(what) ?? 0) + 1)
  }
  return [...counts].map(([what, count]) => `${what}; ${count} times lately`)
}
