import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { portOf } from '../../src/core/listen.ts'

export interface Wire {
  readonly port: number
  /** Nothing goes through it any more, and nobody is told. */
  cut(): void
  mend(): void
}

/** Between a hub and its broker: what a reset connection has not handed over is gone with it. */
export async function wireTo(t: Pick<Test, 'teardown'>, port: number): Promise<Wire> {
  const ends = new Set<Socket>()
  let isCut = false
  const server = createServer({ pauseOnConnect: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(one)
      one.on('data', (bytes) => other.write(bytes))
      one.on('error', () => other.resetAndDestroy())
      one.on('close', () => {
        ends.delete(one)
        other.destroy()
      })
      if (isCut) one.pause()
      else one.resume()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const end of ends) end.destroy()
    server.close()
  })
  const each = (act: (end: Socket) => void) => () => {
    isCut = !isCut
    for (const end of ends) act(end)
  }
  return {
    port: portOf(server),
    cut: each((end) => end.pause()),
    mend: each((end) => end.resume()),
  }
}
