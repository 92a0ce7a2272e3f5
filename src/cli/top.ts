import { text as textOf } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { clockTime } from '../core/clock.ts'
import { HubError } from '../core/errors.ts'
import { type CliCommand, readArguments, readCount, readSeconds } from './arguments.ts'
import { streamFromHub } from './ask-hub.ts'
import { alignedLines } from './device-rows.ts'
import { type HubAddress, hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { painted, type Screen, stopSignal, type Terminal } from './terminal.ts'

const usage = `top [--every SECONDS] [-n COUNT] [--json] ${hubUsage}`

const options = {
  every: { type: 'string', default: '2' },
  n: { type: 'string', short: 'n' },
  json: { type: 'boolean', default: false },
  ...hubOptions,
} as const

const pace = { name: '--every', minimumSeconds: 0.1, maximumSeconds: 3600 }

export const top: CliCommand = {
  usage,
  summary:
    'show how a hub is doing, live: nodes, clients, messages a second by protocol, slow consumers, lag; as JSON lines where no terminal is, until Ctrl-C',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () => parseArgs({ args, options }))
    const everyMs = readSeconds(values.every, pace)
    const count = readCount(values.n, { name: '-n', least: 1, most: 1_000_000 })
    const screen = values.json ? undefined : terminal.screen
    const hub = hubAddress(values, terminal)
    const looks = looksAt(hub, { everyMs, count: count ?? Number.POSITIVE_INFINITY }, terminal)
    if (screen === undefined) for await (const look of looks) terminal.print(JSON.stringify(look))
    else await draw(looks, { hub, screen, terminal })
    return 0
  },
}

/** How a hub is doing. Rates are a second, since the look before; without one they are of all its life. */
interface Look {
  readonly at: string
  readonly version: string
  readonly ready: boolean
  readonly overloaded: boolean
  readonly upSeconds: number
  readonly nodes: Readonly<Record<string, number>>
  readonly devices: number
  readonly protocols: readonly ProtocolLook[]
  readonly sessionsAway: number
  readonly queuedMessages: number
  /** How many were cut or given fewer messages, ever, and since the look before. */
  readonly slowConsumers: number
  readonly newSlowConsumers: number
  readonly eventLoopLagMs: number
  readonly historyLagMs: number
  readonly busyPercent: number
  readonly memoryMiB: number
}

interface ProtocolLook {
  readonly transport: string
  readonly protocol: string
  readonly connections: number
  readonly receivedPerSecond: number
  readonly sentPerSecond: number
  readonly droppedPerSecond: number
  readonly receivedBytesPerSecond: number
  readonly sentBytesPerSecond: number
}

/** Looks at once, and then again and again, until nobody wants to see more. */
async function* looksAt(
  hub: HubAddress,
  { everyMs, count }: { readonly everyMs: number; readonly count: number },
  terminal: Terminal,
): AsyncGenerator<Look> {
  const signal = stopSignal(terminal)
  let before: Metrics | undefined
  for (let left = count; left > 0; left--) {
    if (before !== undefined) await pause(everyMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
    const now = await metricsOf(hub, terminal)
    // Rates of a moment need two looks.
    yield lookOf(now, before)
    before = now
  }
}

/** What Prometheus is told: by name, the values with their labels. */
interface Metrics {
  readonly atMs: number
  readonly samples: ReadonlyMap<string, readonly Sample[]>
}

interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

async function metricsOf(hub: HubAddress, terminal: Terminal): Promise<Metrics> {
  const stream = await streamFromHub(hub, { path: '/metrics' }, terminal)
  const samples = new Map<string, Sample[]>()
  for (const line of (await textOf(stream)).split('\n')) {
    const [, name = '', labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    samples.set(name, [
      ...(samples.get(name) ?? []),
      { labels: labelsIn(labels), value: Number(value) },
    ])
  }
  if (samples.has('clown_hub_build_info')) return { atMs: Date.now(), samples }
  const expected = `expected a hub at ${hub.url} that tells its metrics, got something else`
  throw new HubError('cannot-connect', `${expected}: check that a Clown.Hub answers there`)
}

/** None of the hub's own has a quote or a comma in it. */
function labelsIn(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(',').map((label) => {
      const [name = '', value = ''] = label.split('="')
      return [name, value.slice(0, -1)]
    }),
  )
}

function lookOf(now: Metrics, before: Metrics | undefined): Look {
  const all = (name: string, from = now) => from.samples.get(`clown_hub_${name}`) ?? []
  const sum = (name: string, isMeant: (sample: Sample) => boolean = () => true, from = now) =>
    all(name, from)
      .filter(isMeant)
      .reduce((total, { value }) => total + value, 0)
  const process = (name: string) => Number(now.samples.get(name)?.[0]?.value)
  const upSeconds = now.atMs / 1000 - process('process_start_time_seconds')
  const seconds = before === undefined ? upSeconds : (now.atMs - before.atMs) / 1000
  const rate = (name: string, isMeant?: (sample: Sample) => boolean) => {
    const grown = sum(name, isMeant) - (before === undefined ? 0 : sum(name, isMeant, before))
    // A hub that was started meanwhile counts anew.
    return Math.max(0, grown / Math.max(seconds, 0.001))
  }
  const slow = ({ labels }: Sample) => /slow-consumer|conflated/.test(String(labels['kind']))
  const of = (label: string, value: string) => (sample: Sample) => sample.labels[label] === value
  return {
    at: new Date(now.atMs).toISOString(),
    version: String(all('build_info')[0]?.labels['version']),
    ready: sum('ready') === 1,
    overloaded: sum('overloaded') === 1,
    upSeconds: Math.round(upSeconds),
    nodes: Object.fromEntries(all('nodes').map(({ labels, value }) => [labels['state'], value])),
    devices: sum('devices'),
    protocols: all('connections')
      .map((sample) => protocolLook(sample, rate))
      .filter(isUsed),
    sessionsAway: sum('mqtt_sessions', of('state', 'away')),
    queuedMessages: sum('mqtt_queued_messages'),
    slowConsumers: sum('events_total', slow),
    newSlowConsumers: before === undefined ? 0 : Math.round(rate('events_total', slow) * seconds),
    eventLoopLagMs: Math.round(sum('event_loop_lag_seconds') * 1000),
    historyLagMs: Math.round(sum('history_lag_seconds') * 1000),
    busyPercent: rounded(rate('event_loop_busy_seconds_total') * 100),
    memoryMiB: Math.round(process('process_resident_memory_bytes') / 1_048_576),
  }
}

function protocolLook(
  { labels: { transport = '', protocol = '' }, value }: Sample,
  rate: (name: string, isMeant: (sample: Sample) => boolean) => number,
): ProtocolLook {
  const isSame = ({ labels }: Sample) =>
    labels['transport'] === transport && labels['protocol'] === protocol
  const perSecond = (name: string) => rounded(rate(name, isSame))
  return {
    ...{ transport, protocol, connections: value },
    receivedPerSecond: perSecond('messages_received_total'),
    sentPerSecond: perSecond('messages_sent_total'),
    droppedPerSecond: perSecond('messages_dropped_total'),
    receivedBytesPerSecond: perSecond('received_bytes_total'),
    sentBytesPerSecond: perSecond('sent_bytes_total'),
  }
}

/** A hub knows more of them than anybody speaks. */
function isUsed({ connections, receivedPerSecond, sentPerSecond }: ProtocolLook): boolean {
  return connections + receivedPerSecond + sentPerSecond > 0
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}

interface Drawing {
  readonly hub: HubAddress
  readonly screen: Screen
  readonly terminal: Terminal
}

/** On a page of the terminal of its own, with what was there before behind it (xterm's control sequences). */
async function draw(looks: AsyncIterable<Look>, { hub, screen, terminal }: Drawing): Promise<void> {
  await terminal.write('\u001b[?1049h\u001b[?25l')
  try {
    for await (const look of looks) {
      const lines = linesOf(look, hub, screen).slice(0, screen.rows() - 1)
      const cut = lines.map((line) => `${line}\u001b[K\n`)
      await terminal.write(`\u001b[H${cut.join('')}\u001b[J`)
    }
  } finally {
    await terminal.write('\u001b[?25h\u001b[?1049l')
  }
}

function linesOf(look: Look, hub: HubAddress, screen: Screen): string[] {
  const { nodes, protocols } = look
  const state = look.ready ? painted(screen, 'green', 'ready') : painted(screen, 'red', 'not ready')
  const load = look.overloaded ? painted(screen, 'red', ', overloaded') : ''
  const total = (key: 'receivedPerSecond' | 'sentPerSecond' | 'connections') =>
    rounded(protocols.reduce((sum, each) => sum + each[key], 0))
  const slow = `${look.slowConsumers} slow consumers, ${look.newSlowConsumers} of them new`
  const head = [
    `Clown.Hub ${look.version} at ${hub.url}: ${state}${load}, up ${durationOf(look.upSeconds)}, ${clockTime(Date.parse(look.at))}`,
    '',
    `nodes     ${nodes['online']} online, ${nodes['offline']} offline, ${nodes['unknown']} unknown; ${look.devices} devices`,
    `clients   ${total('connections')} connected, ${look.sessionsAway} away with ${look.queuedMessages} messages waiting`,
    `messages  ${total('receivedPerSecond')}/s in, ${total('sentPerSecond')}/s out; ${look.newSlowConsumers > 0 ? painted(screen, 'yellow', slow) : slow}`,
    `lag       ${look.eventLoopLagMs} ms event loop, ${look.historyLagMs} ms history; ${look.busyPercent} % busy, ${look.memoryMiB} MiB`,
    '',
  ]
  const title = ['PROTOCOL', 'CLIENTS', 'IN/S', 'OUT/S', 'DROPPED/S', 'IN kB/S', 'OUT kB/S']
  const rows = protocols.map((each) => [
    `${each.protocol} ${each.transport}`,
    ...[each.connections, each.receivedPerSecond, each.sentPerSecond, each.droppedPerSecond],
    ...[each.receivedBytesPerSecond, each.sentBytesPerSecond].map((bytes) => rounded(bytes / 1000)),
  ])
  const [first = '', ...lines] = alignedLines([title, ...rows.map((row) => row.map(String))])
  const cut = (line: string) => line.slice(0, screen.columns())
  return [...head, painted(screen, 'bold', cut(first)), ...lines.map(cut)]
}

/** Seconds, minutes, hours and days. */
const unitSeconds = [1, 60, 3600, 86_400]

/** Such as `3 d`. */
function durationOf(seconds: number): string {
  const at = unitSeconds.slice(1).filter((each) => seconds >= each).length
  return `${Math.floor(seconds / Number(unitSeconds[at]))} ${['s', 'min', 'h', 'd'][at]}`
}
