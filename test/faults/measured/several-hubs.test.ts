import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import { atLength } from '../../full-length.ts'
import { type HubProcess, hubProcess } from '../../hub-process.ts'
import { createInbox } from '../../inbox.ts'
import { requireProgram, startMosquitto } from '../../programs.ts'
import { type Wire, wireTo } from '../cut-wire.ts'

const base = 'nodes/several/0'
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** A node with as many relays as it is asked for, beside which somebody notes who says that it owns. */
async function witnessOn(t: Test, port: number) {
  const heard: string[] = []
  const owners = createInbox<{
    readonly name: string
    readonly term: number
    readonly atMs: number
  }>()
  const terms = new Set<number>()
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 })
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

interface House {
  /** Who commands. */
  owner: string
  readonly hubs: Map<string, { readonly hub: HubProcess; readonly wire: Wire }>
  readonly witness: Awaited<ReturnType<typeof witnessOn>>
  start(name: string): Promise<void>
}

async function houseOf(t: Test, names: readonly string[]): Promise<House> {
  const broker = await startMosquitto(t)
  const witness = await witnessOn(t, broker.port)
  const hubs: House['hubs'] = new Map()
  const start = async (name: string) => {
    const wire = await wireTo(t, broker.port)
    const rank = names.indexOf(name)
    const bus = { url: `mqtt://127.0.0.1:${wire.port}`, hubs: { name, rank } }
    hubs.set(name, { hub: await hubProcess(t, { bus }), wire })
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

interface Fault {
  readonly withinMs: number
  begin(house: House, owner: string): Promise<void>
  end(house: House, owner: string): Promise<void>
}

/** Lets the owner suffer `fault` while all hubs are asked for commands, and looks at who has commanded what. */
async function duringFault(t: Test, house: House, fault: Fault): Promise<void> {
  const { owner } = house
  const { heard, owners } = house.witness
  const before = owners.items.length
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
  const next = await owners.next()
  const tookMs = next.atMs - beganMs
  t.ok(
    tookMs <= fault.withinMs,
    `${next.name} has taken over from ${owner} after ${Math.round(tookMs)} ms`,
  )
  t.not(next.name, owner)
  const survivor = house.hubs.get(next.name)?.hub
  if (survivor === undefined) throw new Error(`expected a hub that was started, got ${next.name}`)
  while (Object((await command(survivor)).receipt).receipt !== 'confirmed') await pause(10)
  await fault.end(house, owner)
  // Whoever has just become the owner is given more time.
  await pause(atLength(2500, 1800))
  isOver = true
  await giving
  const ends = await Promise.all(given)
  const followers = owners.items.slice(before).map(({ name }) => name)
  const senders = await sendersOf(heard.slice(from), house)
  const stale = staleIn(
    senders.map((sender) => sender ?? owner),
    [owner, ...followers],
  )
  t.same(stale, [], 'nothing of an old owner comes behind a new one')
  t.same(followers, [next.name], 'the owner has changed once')
  const all = new Set(heard.slice(from))
  const untrue = ends.filter(({ device, receipt }) => {
    const { receipt: end } = Object(receipt)
    return end === 'refused' ? all.has(device) : end === 'confirmed' && !all.has(device)
  })
  t.same(untrue, [], 'what is refused was not sent, and what is confirmed was')
  house.owner = followers.at(-1) ?? owner
}

const killed: Fault = {
  withinMs: 500,
  begin: async ({ hubs }, owner) => {
    const hub = hubs.get(owner)?.hub
    hubs.delete(owner)
    await hub?.kill()
  },
  end: async ({ start }, owner) => start(owner),
}

const frozen: Fault = {
  withinMs: 4000,
  begin: async ({ hubs }, owner) => {
    process.kill(Number(hubs.get(owner)?.hub.processId), 'SIGSTOP')
  },
  end: async ({ hubs }, owner) => {
    process.kill(Number(hubs.get(owner)?.hub.processId), 'SIGCONT')
  },
}

const cut: Fault = {
  withinMs: 4000,
  begin: async ({ hubs }, owner) => hubs.get(owner)?.wire.cut(),
  end: async ({ hubs }, owner) => hubs.get(owner)?.wire.mend(),
}

for (const names of process.env['FULL_LENGTH'] === '1'
  ? [
      ['a', 'b'],
      ['a', 'b', 'c'],
    ]
  : [['a', 'b', 'c']]) {
  t.test(
    `of ${names.length} hubs the one that commands is frozen, cut off and killed`,
    async (t) => {
      if (requireProgram(t, 'mosquitto') === undefined) return
      const house = await houseOf(t, names)
      for (let round = 0; round < atLength(20, 1); round++) {
        await t.test('F69: frozen', (t) => duringFault(t, house, frozen))
        await t.test('F70: cut off', (t) => duringFault(t, house, cut))
        await t.test('F71: killed', (t) => duringFault(t, house, killed))
      }
    },
  )
}
