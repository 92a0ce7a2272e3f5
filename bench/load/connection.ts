import { connect, type Socket } from 'node:net'
import type { Step } from './wires.ts'

/** All connections read into the same place: what has come is counted at once, and not kept. */
const shared = Buffer.allocUnsafe(256 * 1024)

/**
 * Opens a connection by `steps`; then calls `heard` with the number of bytes of whatever comes, and where
 * they are for now. It ends the process when it is cut.
 */
export function openConnection(
  port: number,
  steps: readonly Step[],
  heard: (bytes: number, read: Buffer) => void,
): Promise<Socket> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0)
    let at = 0
    const answer = (bytes: number) => {
      received = Buffer.concat([received, shared.subarray(0, bytes)])
      if (steps[at]?.isAnswered(received) !== true) return
      at++
      const next = steps[at]
      if (next !== undefined) {
        socket.write(next.send)
        return
      }
      hear = heard
      received = Buffer.alloc(0)
      resolve(socket)
    }
    let hear: typeof heard = answer
    const onread = {
      buffer: shared,
      callback: (bytes: number) => {
        hear(bytes, shared)
        return true
      },
    }
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread })
    socket.on('error', fail)
    socket.on('end', fail)
    socket.write(steps[0]?.send ?? '')
  })
}

function fail(): never {
  console.error('expected a server to keep its connection, got its end')
  process.exit(1)
}

/** Ends connections without waiting for the other side. */
export function closeAll(sockets: Iterable<Socket>): void {
  for (const socket of sockets) {
    socket.off('error', fail)
    socket.off('end', fail)
    socket.on('error', () => {})
    socket.destroy()
  }
}

/** Opens many, a few at a time. */
export async function openMany(
  count: number,
  open: (at: number) => Promise<Socket>,
): Promise<Socket[]> {
  const sockets: Socket[] = []
  const atOnce = 200
  while (sockets.length < count) {
    const start = sockets.length
    const some = Array.from({ length: Math.min(atOnce, count - start) }, (_, at) =>
      open(start + at),
    )
    sockets.push(...(await Promise.all(some)))
  }
  return sockets
}
