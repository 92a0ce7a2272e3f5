import { connectAsync, type MqttClient } from 'mqtt'
import type { HubPorts } from '../started-hub.ts'

/** What has been asked and not been answered may have happened, or not. */
type Sure = 'locked' | 'unlocked' | 'unsure'

/** So few that the hub has room for all of them. */
const devices = 100
/** What the hub knows of nodes is written once a second. */
const writtenMs = 2000

/**
 * Locks and unlocks devices over and over, and reports from new nodes; later it knows what a hub that
 * was killed meanwhile has to know still.
 */
export function createStateWitness() {
  const locks = new Map<string, Sure>()
  /** When the report of each node was acknowledged by the hub that runs. */
  const reportedAtMs = new Map<string, number>()
  const nodes = new Set<string>()
  let isWorking = false
  let count = 0
  let node: MqttClient | undefined
  /** Asks for the other state of a device than the one it is in. */
  const toggle = async (hub: HubPorts, device: string) => {
    const path = locks.get(device) === 'locked' ? 'unlock' : 'lock'
    const body = path === 'lock' ? { device, reason: 'witness' } : { device }
    locks.set(device, 'unsure')
    const { status } = await post(hub, path, body)
    // 409: it was locked before, without an answer.
    if (status !== 200 && status !== 409) throw new Error(`expected 200 or 409, got ${status}`)
    locks.set(device, path === 'unlock' ? 'unlocked' : 'locked')
  }
  const work = async (hub: HubPorts) => {
    while (isWorking) {
      await toggle(hub, `nodes/witness/0/relay/${count++ % devices}`)
      await report(`nodes/witness/${count % devices}`)
    }
  }
  const report = async (base: string) => {
    await node?.publishAsync(`${base}/relay/-`, '{"state":true}', { qos: 1 })
    reportedAtMs.set(base, performance.now())
  }
  return {
    counts: () => ({ locks: count, nodes: nodes.size }),
    /** Works until the hub is killed. */
    start: async (hub: HubPorts) => {
      isWorking = true
      node = await connectAsync(`mqtt://127.0.0.1:${hub.mqttPort}`, { reconnectPeriod: 0 })
      // Its hub goes away without a word.
      node.on('error', () => {})
      work(hub).catch(() => {})
    },
    /** The hub is gone. */
    stop: async () => {
      isWorking = false
      const writtenAtMs = performance.now() - writtenMs
      for (const [base, atMs] of reportedAtMs) if (atMs < writtenAtMs) nodes.add(base)
      reportedAtMs.clear()
      await node?.endAsync(true)
    },
    /** What the hub that was started again should know and does not, or knows and should not. */
    wrong: async (hub: HubPorts): Promise<string[]> => {
      const { locks: held } = await get<{ locks: { device: string }[] }>(hub, 'locks')
      const isHeld = new Set(held.map(({ device }) => device))
      const known = await get<{ nodes: { base: string }[] }>(hub, 'nodes')
      const isKnown = new Set(known.nodes.map(({ base }) => base))
      const wrongLocks = [...locks].filter(
        ([device, sure]) => sure !== 'unsure' && isHeld.has(device) !== (sure === 'locked'),
      )
      const lostNodes = [...nodes].filter((base) => !isKnown.has(base))
      return [
        ...wrongLocks.map(([device, sure]) => `${device} should be ${sure}`),
        ...lostNodes.map((base) => `${base} is not known`),
      ]
    },
  }
}

const headers = { authorization: `Basic ${Buffer.from('clown:bigclown').toString('base64')}` }

function urlOf({ httpPort }: HubPorts, path: string): string {
  return `http://127.0.0.1:${httpPort}/api/${path}`
}

function post(hub: HubPorts, path: string, body: unknown): Promise<Response> {
  return fetch(urlOf(hub, path), { method: 'POST', headers, body: JSON.stringify(body) })
}

async function get<T>(hub: HubPorts, path: string): Promise<T> {
  const response = await fetch(urlOf(hub, path), { headers })
  return (await response.json()) as T
}
