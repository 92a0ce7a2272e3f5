import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { portOf } from '../../src/core/listen.ts'

export interface Proxy {
  readonly port: number
  /** From now on nothing goes through, and nobody is told. */
  stopForwarding(): void
  /** Resolves when the hub has given up the connection. */
  readonly hubEnded: Promise<unknown>
}

/** Stands between one client and the hub, as a network does that may go dead. */
export async function startProxy(t: Test, port: number): Promise<Proxy> {
  const toHub = connect({ port, host: '127.0.0.1', noDelay: true })
  toHub.on('error', () => {})
  let client: Socket | undefined
  const server = createServer((socket) => {
    client = socket
    client.on('error', () => {})
    client.pipe(toHub)
    toHub.on('data', (chunk) => client?.write(chunk))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    toHub.destroy()
    client?.destroy()
    server.close()
  })
  return {
    port: portOf(server),
    stopForwarding: () => {
      client?.unpipe(toHub)
      client?.pause()
      toHub.removeAllListeners('data')
    },
    hubEnded: once(toHub, 'close'),
  }
}
