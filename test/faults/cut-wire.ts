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

/** What goes through the wire one way. */
interface Way {
  cut(): void
  mend(): void
}

/**
 * Between a hub and its broker, as a cable is (test/bus/broker-socket.test.ts shows it): what was sent into the cut arrives
 * once it is whole again, unless the connection was reset meanwhile.
 */
export async function wireTo(t: Pick<Test, 'teardown'>, port: number): Promise<Wire> {
  const ends = new Set<Socket>()
  const ways: Way[] = []
  let isCut = false
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(one)
      ways.push(wayFrom(one, other, isCut))
      one.on('close', () => ends.delete(one))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const end of ends) end.destroy()
    server.close()
  })
  const each = (act: (way: Way) => void) => () => {
    isCut = !isCut
    for (const way of ways) act(way)
  }
  return {
    port: portOf(server),
    cut: each((way) => way.cut()),
    mend: each((way) => way.mend()),
  }
}

function wayFrom(one: Socket, other: Socket, isCutBefore: boolean): Way {
  let isCut = isCutBefore
  let isReset = false
  let isEnded = false
  const held: Buffer[] = []
  const handOver = () => {
    if (isCut) return
    if (isReset) other.resetAndDestroy()
    else for (const bytes of held.splice(0)) other.write(bytes)
    if (isEnded) other.end()
  }
  one.on('data', (bytes) => {
    held.push(bytes)
    handOver()
  })
  one.on('end', () => {
    isEnded = true
    handOver()
  })
  one.on('error', () => {
    isReset = true
    handOver()
  })
  return {
    cut: () => {
      isCut = true
    },
    mend: () => {
      isCut = false
      // Node.js tells of a reset that comes right behind bytes as of an end; only who writes learns of it.
      if (!isEnded || isReset) handOver()
      else {
        one.write('', (error) => {
          isReset = Boolean(error)
          handOver()
        })
      }
    },
  }
}
