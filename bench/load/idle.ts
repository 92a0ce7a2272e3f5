import type { Socket } from 'node:net'
import { closeAll, openConnection, openMany } from './connection.ts'
import { isPing, pongFrame } from './frames.ts'
import { type WireName, wires } from './wires.ts'

export interface IdleOptions {
  readonly wire: WireName
  readonly port: number
  readonly connections: number
  /** In how many rooms, none of which anybody else is in. */
  readonly rooms: number
}

let idle: Socket[] = []

const firstIdleRoom = 10_000

/** Opens connections that receive what nobody says, and stay until `leave`. */
export async function stay({ wire, port, connections, rooms }: IdleOptions): Promise<void> {
  const open = async (at: number): Promise<Socket> => {
    const steps = wires[wire].receiver(firstIdleRoom + (at % rooms))
    const socket = await openConnection(port, steps, (_, read) => {
      if (wire === 'talk' && isPing(read)) socket.write(pongFrame)
    })
    return socket
  }
  idle.push(...(await openMany(connections, open)))
}

export async function leave(_: undefined): Promise<void> {
  closeAll(idle)
  idle = []
}
