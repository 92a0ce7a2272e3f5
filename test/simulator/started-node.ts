import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { Aedes, type AedesOptions } from 'aedes'
import type { Test } from 'tap'
import {
  type SimulatedNodeOptions,
  startSimulatedNode,
} from '../../src/simulator/start-simulated-node.ts'

/** Starts a node that ends with the test; it does not tick unless it is told to. */
export async function startNode(t: Test, options: SimulatedNodeOptions) {
  const node = await startSimulatedNode({ publishIntervalMs: 3_600_000, ...options })
  t.teardown(() => node.close())
  return node
}

/** A TCP server on a free port that hands its sockets to `serve`; ended with the test. */
export async function listen(t: Test, serve: (socket: Socket) => void, port = 0) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)))
    serve(socket)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    if (!server.listening) return
    server.close()
    for (const socket of sockets) socket.destroy()
    await once(server, 'close')
  }
  t.teardown(stop)
  return { url: `mqtt://127.0.0.1:${portOf(server)}`, port: portOf(server), sockets, stop }
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** The hub's own broker package as broker, with what it was told. */
export async function startAedes(t: Test, options: AedesOptions = {}, port = 0) {
  const aedes = await Aedes.createBroker(options)
  t.teardown(() => new Promise<void>((resolve) => aedes.close(() => resolve())))
  return { aedes, ...(await listen(t, (socket) => aedes.handle(socket), port)) }
}

/** Lines as they come, each given to one `next` only. */
export function createLog() {
  const lines: string[] = []
  let look = () => {}
  return {
    log: (line: string) => {
      lines.push(line)
      look()
    },
    next: (wanted: RegExp) =>
      new Promise<string>((resolve) => {
        look = () => {
          const at = lines.findIndex((line) => wanted.test(line))
          if (at !== -1) resolve(lines.splice(0, at + 1).at(-1) ?? '')
        }
        look()
      }),
    lines,
  }
}

/** Has the broker send a message to its clients. */
export function command(aedes: Aedes, topic: string, text: string): void {
  const payload = Buffer.from(text)
  const packet = { cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false } as const
  aedes.publish(packet, () => {})
}

/** How many timers keep this process alive. */
export function countTimers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
}

/** A few turns of the event loop, for destroyed sockets to tell that they are closed. */
export async function socketsClosed(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}
