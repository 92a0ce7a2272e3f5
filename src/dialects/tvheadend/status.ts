/** What the hub says of itself in the words of Tvheadend: who is there, and its nodes as inputs. */
import { createHash } from 'node:crypto'
import { statfs } from 'node:fs/promises'
import type { Present } from '../../access/signed-in.ts'
import type { Together } from '../../nodes/served/seen-devices.ts'

type Entry = Readonly<Record<string, unknown>>

/** Bytes that came in and went out on a connection, so far. */
interface Traffic {
  readonly in: number
  readonly out: number
}

/** What is known of a socket; of one that does not tell, nothing. */
function numberIn(connection: object, name: string): number {
  const value: unknown = Reflect.get(connection, name)
  return typeof value === 'number' ? value : 0
}

function trafficOf({ connection }: Present): Traffic {
  return {
    in: numberIn(connection, 'bytesRead'),
    out: numberIn(connection, 'bytesWritten'),
  }
}

/** How fast each connection is, as of the last two looks. */
export interface Meter {
  /** To be called once a second. */
  look(present: readonly Present[]): void
  /** Bytes per second. */
  rateOf(present: Present): Traffic
}

export function createMeter(): Meter {
  let before = new Map<number, Traffic>()
  let rates = new Map<number, Traffic>()
  return {
    look: (present) => {
      const now = new Map(present.map((one) => [one.id, trafficOf(one)]))
      rates = new Map(
        [...now].map(([id, total]) => {
          const last = before.get(id) ?? total
          return [id, { in: total.in - last.in, out: total.out - last.out }]
        }),
      )
      before = now
    },
    rateOf: ({ id }) => rates.get(id) ?? { in: 0, out: 0 },
  }
}

/** A connection as a subscription to what its base or client has. */
export function subscriptionEntry(present: Present, meter: Meter): Entry {
  const { id, sinceMs, address, user, transport, title } = present
  const [rate, total] = [meter.rateOf(present), trafficOf(present)]
  return {
    id,
    start: Math.floor(sinceMs / 1000),
    errors: 0,
    state: 'Running',
    hostname: address,
    username: user,
    client: transport,
    title,
    in: rate.in,
    out: rate.out,
    total_in: total.in,
    total_out: total.out,
  }
}

export function connectionEntry({
  id,
  sinceMs,
  address,
  user,
  transport,
  connection,
}: Present): Entry {
  return {
    id,
    server: String(Reflect.get(connection, 'localAddress') ?? ''),
    server_port: numberIn(connection, 'localPort'),
    peer: address,
    peer_port: numberIn(connection, 'remotePort'),
    started: Math.floor(sinceMs / 1000),
    streaming: 1,
    type: transport,
    user,
  }
}

/** So long after a node was heard last, nothing is left of its signal. */
const faintAfterMs = 5 * 60_000

/** The strongest signal there is in the original's relative scale, which is 1. */
const strongest = 65_535

/** A node by its devices. */
export function inputEntry(devices: Together, nowMs: number): Entry {
  const [{ nodeNumber, base, online }] = devices
  const known = devices.filter(({ isKnown }) => isKnown)
  const heardMs = Math.max(...known.map(({ heardAtMs }) => heardAtMs ?? Number.NEGATIVE_INFINITY))
  const left = online === false ? 0 : 1 - (nowMs - heardMs) / faintAfterMs
  const counters = ['ber', 'unc', 'bps', 'te', 'cc', 'ec_bit', 'tc_bit', 'ec_block', 'tc_block']
  return {
    uuid: createHash('sha256').update(`node ${nodeNumber}`).digest('hex').slice(0, 32),
    input: base,
    stream: `${devices.length} devices`,
    subs: devices.length,
    weight: 0,
    pids: [],
    signal: Math.round(Math.min(1, Math.max(0, left)) * strongest),
    signal_scale: 1,
    snr: 0,
    snr_scale: 0,
    ...Object.fromEntries(counters.map((name) => [name, 0])),
  }
}

/** How full the disk of `folder` is, in bytes. */
export async function diskSpaceOf(folder: string): Promise<Entry> {
  const { bsize, blocks, bfree, bavail } = await statfs(folder)
  return {
    freediskspace: bavail * bsize,
    useddiskspace: (blocks - bfree) * bsize,
    totaldiskspace: blocks * bsize,
  }
}
