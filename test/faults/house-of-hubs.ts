/** Several hubs before one broker or a cluster, beside which somebody notes who owns and what is commanded. */
import { connectAsync } from 'mqtt'
import type { Test } from 'tap'
import { atLength } from '../full-length.ts'
import { type HubProcess, hubProcess } from '../hub-process.ts'
import { createInbox } from '../inbox.ts'

const base = 'nodes/several/0'
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Where a hub finds its broker. */
export interface Place {
  readonly url: string
  /** Nothing goes through any more, and nobody is told. */
  cut(): void
  mend(): void
}

/** A node with as many relays as it is asked for, beside which somebody notes who says that it owns. */
async function witnessAt(t: Test, url: string) {
  const heard: string[] = []
  const owners = createInbox<{
    readonly name: string
    readonly term: number
    readonly atMs: number
  }>()
  const terms = new Set<number>()
  const client = await connectAsync(url, { reconnectPeriod: 0 })
  t.teardown(() => client.endAsync(true))
  client.on('message', (topic, payload) => {
    const atMs = performance.now()
    if (topic === 'hub/owner') {
      if (payload.length === 0) return
      const word = JSON.parse(String(payload))
      if (!terms.has(word.term)) owners.put({ ...word, atMs })
      terms.add(word.term)
      return
    }
    const device = topic.replace(/\/set$/, '')
    heard.push(device)
    client.publish(device, payload)
  })
  await client.subscribeAsync(['hub/owner', `${base}/relay/+/set`], { qos: 1 })
  return { heard, owners }
}

export interface House<P extends Place = Place> {
  /** Who commands. */
  owner: string
  readonly hubs: Map<string, { readonly hub: HubProcess; readonly place: P }>
  readonly witness: Awaited<ReturnType<typeof witnessAt>>
  start(name: string): Promise<void>
}

interface HouseOptions<P extends Place> {
  /** Where the witness finds its broker. */
  readonly url: string
  placeOf(name: string): Promise<P>
}

export async function houseOf<P extends Place>(
  t: Test,
  names: readonly string[],
  { url, placeOf }: HouseOptions<P>,
): Promise<House<P>> {
  const witness = await witnessAt(t, url)
  const hubs: House<P>['hubs'] = new Map()
  const start = async (name: string) => {
    const place = await placeOf(name)
    const rank = names.indexOf(name)
    const bus = { url: place.url, hubs: { name, rank } }
    hubs.set(name, { hub: await hubProcess(t, { bus }), place })
  }
  await Promise.all(names.map(start))
  const { name: owner } = await witness.owners.next()
  return { owner, hubs, witness, start }
}

const headers = {
  authorization: `Basic ${btoa('clown:bigclown')}`,
  'content-type': 'application/json',
}

let count = 0

/** A command to a relay of its own; undefined from a hub that says nothing. */
async function command({ httpPort }: HubProcess) {
  const device = `${base}/relay/r${count++}`
  const body = JSON.stringify({ device, payload: { state: true }, timeoutSeconds: 1 })
  const url = `http://127.0.0.1:${httpPort}/api/command`
  const signal = AbortSignal.timeout(4000)
  const asked = fetch(url, { method: 'POST', headers, body, signal }).then((answer) =>
    answer.json(),
  )
  const receipt: unknown = await asked.catch(() => undefined)
  return { device, receipt }
}

/** The relays that a hub has commanded as the owner, by its own log. */
async function commandedBy({ httpPort }: HubProcess): Promise<Set<string>> {
  const url = `http://127.0.0.1:${httpPort}/api/commands?limit=1000`
  const { commands } = Object(await (await fetch(url, { headers })).json())
  return new Set(
    Array.from(Object(commands), (each) => Object(each)).flatMap(({ device, receipt, code }) =>
      receipt === 'refused' && code === 'no-owner' ? [] : [String(device)],
    ),
  )
}

/** Whose each command was, by the logs of all hubs that run: of a hub that was killed nobody knows what it sent. */
async function sendersOf(
  devices: readonly string[],
  { hubs }: House,
): Promise<(string | undefined)[]> {
  const logs = await Promise.all(
    [...hubs].map(async ([name, { hub }]) => [name, await commandedBy(hub)] as const),
  )
  return devices.map((device) => logs.find(([, commanded]) => commanded.has(device))?.[0])
}

/** The senders of commands that came when somebody who has owned after them had already sent one. */
function staleIn(senders: readonly string[], owners: readonly string[]): string[] {
  let at = 0
  return senders.filter((sender) => {
    const since = owners.indexOf(sender, at)
    if (since >= 0) at = since
    return since < 0
  })
}

export interface Fault<P extends Place = Place> {
  /** Another hub owns by then, and has had a command confirmed. */
  readonly withinMs: number
  readonly goesOnWithinMs: number
  /** The owner may change so often. */
  readonly mostChanges: number
  /** Whether the hub that has owned goes on, cut off from all others: then it refuses. */
  readonly isCutOff?: boolean
  begin(house: House<P>, owner: string): Promise<void>
  end(house: House<P>, owner: string): Promise<void>
}

/** Lets the owner suffer `fault` while all hubs are asked for commands, and looks at who has commanded what. */
export async function duringFault<P extends Place>(
  t: Test,
  house: House<P>,
  fault: Fault<P>,
): Promise<void> {
  const { owner } = house
  const { heard, owners } = house.witness
  const from = heard.length
  const given: Promise<{ device: string; receipt: unknown }>[] = []
  let isOver = false
  const giving = (async () => {
    while (!isOver) {
      for (const { hub } of house.hubs.values()) given.push(command(hub))
      await pause(100)
    }
  })()
  await pause(300)
  const beganMs = performance.now()
  await fault.begin(house, owner)
  const next = await owners.next(({ atMs }) => atMs > beganMs)
  const tookMs = next.atMs - beganMs
  t.ok(
    tookMs <= fault.withinMs,
    `${next.name} has taken over from ${owner} after ${Math.round(tookMs)} ms`,
  )
  t.not(next.name, owner)
  const survivor = house.hubs.get(next.name)?.hub
  if (survivor === undefined) throw new Error(`expected a hub that was started, got ${next.name}`)
  while (Object((await command(survivor)).receipt).receipt !== 'confirmed') await pause(10)
  const wentOnMs = performance.now() - beganMs
  t.ok(wentOnMs <= fault.goesOnWithinMs, `a command is confirmed after ${Math.round(wentOnMs)} ms`)
  const loser = fault.isCutOff === true ? house.hubs.get(owner)?.hub : undefined
  if (loser !== undefined) {
    t.match((await command(loser)).receipt, { receipt: 'refused', code: 'no-owner' })
  }
  await fault.end(house, owner)
  // Whoever has just become the owner is given more time.
  await pause(atLength(2500, 1800))
  isOver = true
  await giving
  const ends = await Promise.all(given)
  const followers = owners.items.filter(({ atMs }) => atMs > beganMs).map(({ name }) => name)
  const senders = await sendersOf(heard.slice(from), house)
  const stale = staleIn(
    senders.map((sender) => sender ?? owner),
    [owner, ...followers],
  )
  t.same(stale, [], `nothing of an old owner comes behind a new one, of ${senders.length} commands`)
  const { mostChanges } = fault
  t.ok(followers.length <= mostChanges, `then own ${followers.join(', ')}`)
  const all = new Set(heard.slice(from))
  const untrue = ends.filter(({ device, receipt }) => {
    const { receipt: end } = Object(receipt)
    return end === 'refused' ? all.has(device) : end === 'confirmed' && !all.has(device)
  })
  t.same(untrue, [], 'what is refused was not sent, and what is confirmed was')
  house.owner = followers.at(-1) ?? owner
}
