// What a broker keeps: retained messages, and subscriptions that concern nobody.
import { once } from 'node:events'
import { closeAll, openConnection } from './connection.ts'
import { pingPacket, subackBytes, subscribePacket } from './packets.ts'
import { retainedMessage, wires } from './wires.ts'

export interface FillOptions {
  readonly port: number
  readonly topics: number
}

/** Publishes a retained value on each of so many topics. */
export async function fillRetained({ port, topics }: FillOptions): Promise<void> {
  const run = 500
  let answered = () => {}
  const socket = await openConnection(port, wires.mqtt.publisher(0), () => answered())
  for (let at = 0; at < topics; at += run) {
    const values = Array.from({ length: Math.min(run, topics - at) }, (_, next) =>
      retainedMessage(at + next),
    )
    const done = new Promise<void>((resolve) => {
      answered = resolve
    })
    socket.write(Buffer.concat([...values, pingPacket]))
    await done
  }
  closeAll([socket])
}

export interface SubscribeOptions {
  readonly port: number
  readonly subscriptions: number
}

/** Subscribes to so many filters that match nothing which is said, and stays. */
export async function subscribeElsewhere({ port, subscriptions }: SubscribeOptions): Promise<void> {
  const perClient = 100
  const perPacket = 20
  for (let at = 0; at < subscriptions; at += perClient) {
    let answered = () => {}
    const socket = await openConnection(port, wires.mqtt.publisher(0), () => answered())
    for (let some = 0; some < Math.min(perClient, subscriptions - at); some += perPacket) {
      const filters = Array.from({ length: perPacket }, (_, next) => filterOf(at + some + next))
      const done = new Promise<void>((resolve) => {
        answered = resolve
      })
      socket.write(subscribePacket(filters))
      await done
    }
  }
}

/** Of every kind: exact, one level left open, and all below. */
function filterOf(at: number): string {
  const endings = ['thermometer/i2c0-48', '+/i2c0-48', '#']
  return `elsewhere/${at}/${endings[at % endings.length]}`
}

/** Subscribes to everything, and answers the milliseconds until all that is retained has come. */
export async function replay({ port, topics }: FillOptions): Promise<number> {
  const expectedBytes = retainedMessage(0).length * topics
  const [connect] = wires.mqtt.publisher(0)
  if (connect === undefined) throw new Error('expected a step to connect')
  let receivedBytes = 0
  let complete = () => {}
  const done = new Promise<void>((resolve) => {
    complete = resolve
  })
  const socket = await openConnection(port, [connect], (bytes) => {
    receivedBytes += bytes
    if (receivedBytes >= expectedBytes + subackBytes) complete()
  })
  const startMs = performance.now()
  socket.write(subscribePacket(['kept/#']))
  await done
  const ms = performance.now() - startMs
  socket.destroy()
  await once(socket, 'close')
  return ms
}
