import { setTimeout as pause } from 'node:timers/promises'
import { openConnection } from './connection.ts'
import { firstRoom, type WireName, wires } from './wires.ts'

export interface RoundTripsOptions {
  readonly peers: readonly { readonly wire: WireName; readonly port: number }[]
  readonly warmUpRounds: number
  readonly rounds: number
  readonly roundMs: number
}

/** Sends a message to somebody else and answers the milliseconds until it is there. */
type Trip = () => Promise<number>

/**
 * One message at a time, and between two of them nothing happens: each peer gets one a round, in turn.
 * Answers the milliseconds of each, by peer.
 */
export async function roundTrips(options: RoundTripsOptions): Promise<number[][]> {
  const { peers, warmUpRounds, rounds, roundMs } = options
  const trips: Trip[] = []
  for (const { wire, port } of peers) trips.push(await openTrip(wire, port))
  const times: number[][] = peers.map(() => [])
  for (let round = 0; round < warmUpRounds + rounds; round++) {
    for (const [at, trip] of trips.entries()) {
      await pause(roundMs / peers.length)
      const ms = await trip()
      if (round >= warmUpRounds) times[at]?.push(ms)
    }
  }
  return times
}

async function openTrip(name: WireName, port: number): Promise<Trip> {
  const wire = wires[name]
  const bytes = wire.deliveredBytes(firstRoom)
  let receivedBytes = 0
  let arrived = () => {}
  const hear = (count: number) => {
    receivedBytes += count
    if (receivedBytes >= bytes) arrived()
  }
  await openConnection(port, wire.receiver(firstRoom), hear)
  const publisher = await openConnection(port, wire.publisher(firstRoom), () => {})
  const message = wire.message(firstRoom)
  return () =>
    new Promise((resolve) => {
      const sentAtMs = performance.now()
      receivedBytes = 0
      arrived = () => resolve(performance.now() - sentAtMs)
      publisher.write(message)
    })
}
