import { setTimeout as delay } from 'node:timers/promises'
import { isRecord } from '../core/json.ts'
import { conventions } from '../simulator/conventions.ts'
import { fiveRooms, oneOfEach, roomsOf } from '../simulator/house.ts'
import { startSimulatedNode } from '../simulator/start-simulated-node.ts'
import { askHub } from './ask-hub.ts'
import type { HubAddress } from './hub-address.ts'
import type { Terminal } from './terminal.ts'

export interface Furnishing {
  /** A house of five rooms; else a device of each convention. */
  readonly isHouse: boolean
  /** Where devices find the hub, and who they are to it. */
  readonly broker: { readonly url: string; readonly username: string; readonly password: string }
  /** Who says in which rooms they are. */
  readonly hub: HubAddress
}

/** In a house somebody switches something so often, on each device. */
const byHandIntervalMs = 45_000

/**
 * Puts devices that people own into the lab, one after the other, so that the hub has time for others in between.
 * The returned function takes them away.
 */
export async function furnish(
  { isHouse, broker, hub }: Furnishing,
  terminal: Pick<Terminal, 'stopped'>,
): Promise<() => Promise<unknown>> {
  const nodes = isHouse ? fiveRooms() : oneOfEach()
  const started: Awaited<ReturnType<typeof startSimulatedNode>>[] = []
  for (const { convention, name, parts } of nodes) {
    const own = { convention: conventions[convention], name, parts: [...parts.keys()] }
    started.push(
      await startSimulatedNode({ ...broker, ...own, ...(isHouse && { byHandIntervalMs }) }),
    )
  }
  if (isHouse) await tellRooms(hub, roomsOf(nodes), terminal)
  return () => Promise.all(started.map((node) => node.close()))
}

/** What a hub has to have heard of by then, or it never does. */
const looks = { times: 20, everyMs: 250 }

/** Tells the hub the room of each device that it knows by now; devices say what they are in their own time. */
async function tellRooms(
  hub: HubAddress,
  rooms: ReadonlyMap<string, string>,
  terminal: Pick<Terminal, 'stopped'>,
): Promise<void> {
  const missing = new Map(rooms)
  for (let look = 0; look < looks.times && missing.size > 0; look++) {
    const answer = await askHub(hub, { path: '/api/nodes' }, terminal)
    if (answer === undefined) return
    for (const { base, devices } of nodesIn(answer.body)) {
      const [, convention = '', id = ''] = base.split('/')
      const key = `${convention} ${decodeURIComponent(id)}`
      const room = missing.get(key)
      if (room === undefined) continue
      missing.delete(key)
      for (const device of devices) {
        const json = JSON.stringify({ device: `${base}/${device}`, room })
        await askHub(hub, { path: '/api/label', json }, terminal)
      }
    }
    await Promise.race([terminal.stopped, delay(looks.everyMs, undefined, { ref: false })])
  }
}

interface KnownNode {
  readonly base: string
  readonly devices: readonly string[]
}

function nodesIn({ nodes }: Readonly<Record<string, unknown>>): KnownNode[] {
  return recordsIn(nodes).map(({ base, devices }) => ({
    base: String(base),
    devices: recordsIn(devices).map(({ name }) => String(name)),
  }))
}

function recordsIn(value: unknown): Readonly<Record<string, unknown>>[] {
  return [value].flat().filter(isRecord)
}
