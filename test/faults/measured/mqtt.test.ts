import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { WebSocket } from 'ws'
import { atLength } from '../../full-length.ts'
import { type HubProcess, hubProcess } from '../../hub-process.ts'
import {
  answersUntilCut,
  connectPacket,
  hex,
  lengthBytes,
  openHub,
  publishPacket,
  rawMqttTo,
  signedIn,
} from '../../raw-mqtt.ts'
import { startControl } from '../control.ts'

const mebibyte = 1024 * 1024

t.test('F10: a thousand malformed connections in a row do not flood the log', async (t) => {
  const hub = await openHub(t)
  const control = await startControl(t, hub)
  const before = performance.now()
  const broken = [hex('00 00'), hex('10 ffffffff 7f'), Buffer.from('GET / HTTP/1.1\r\n\r\n')]
  for (let round = 0; round < 1000 / broken.length; round++) {
    const cut = broken.map(async (bytes) =>
      answersUntilCut(await rawMqttTo(t, hub.mqttPort), bytes),
    )
    await Promise.all(cut)
  }
  const seconds = (performance.now() - before) / 1000
  const lines = hub.log.items.filter(({ kind }) => kind === 'mqtt-malformed')
  t.ok(lines.length <= seconds + 1, `${lines.length} lines in ${seconds} s`)
  t.equal(hub.counters()['mqtt-malformed'], 1002)
  await control.stop()
})

t.test('CVE-2023-0809, F22: 200 MB announced and sent cost less than 2 MiB a socket', async (t) => {
  const hub = await hubProcess(t)
  const control = await startControl(t, hub)
  const huge = {
    'a CONNECT': Buffer.concat([hex('10'), lengthBytes(200_000_000)]),
    'a PUBLISH': Buffer.concat([connectPacket(), hex('30'), lengthBytes(200_000_000)]),
    'a PUBLISH before CONNECT': Buffer.concat([hex('30'), lengthBytes(200_000_000)]),
  }
  // So many that what is read and thrown away before the next collection hardly counts.
  const sockets = 40
  const pourAll = (pour: Pour, first: Buffer) => {
    return Promise.all(Array.from({ length: sockets }, () => pour(hub, first)))
  }
  // Code that runs for the first time costs memory as well.
  await pourAll(pours.TCP, huge['a PUBLISH'])
  for (const [way, pour] of Object.entries(pours)) {
    await pour(hub, huge['a PUBLISH'])
    for (const [title, first] of Object.entries(huge)) {
      const before = await hub.report()
      await pourAll(pour, first)
      const { peakBytes } = await hub.report()
      const eachMiB = (peakBytes - before.residentBytes) / mebibyte / sockets
      t.ok(eachMiB < 2, `${title} over ${way}: ${eachMiB.toFixed(2)} MiB`)
    }
  }
  await control.stop()
})

t.test('CVE-2023-28366: QoS 2 messages under one id, never released, cost little', async (t) => {
  const limits = {
    mqtt: { publishesPerSecond: 100_000, publishBurst: 200_000 },
    users: { messagesPerSecond: 500_000, messageBurst: 1_000_000 },
  }
  const hub = await hubProcess(t, { limits })
  const control = await startControl(t, hub)
  const batch = Buffer.concat(
    Array.from({ length: 100 }, () => publishPacket('a', { qos: 2, payload: 'x'.repeat(1000) })),
  )
  const rounds = atLength(500, 200)
  const flood = async (clientId: string) => {
    const raw = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId })
    raw.stream.pause()
    for (let round = 0; round < rounds && raw.stream.writable; round++) {
      await new Promise((resolve) => raw.stream.write(batch, resolve))
    }
    raw.stream.destroy()
  }
  const floodAll = () => Promise.all(['one', 'other', 'third'].map(flood))
  // Code that runs for the first time costs memory as well.
  await floodAll()
  const before = await hub.report()
  await floodAll()
  const after = await hub.report()
  // 60,000 messages of 1 kB, or more: they would be 60 MB if each was kept.
  const grownMiB = (after.residentBytes - before.residentBytes) / mebibyte
  t.ok(grownMiB < 32, `${grownMiB.toFixed(1)} MiB more`)
  t.notOk(after.counters['mqtt-qos2-window'], 'one id is one message')
  await control.stop()
})

t.test('F23: a quarter of a megabyte of pings costs less than 1 MiB a socket', async (t) => {
  const hub = await hubProcess(t)
  const control = await startControl(t, hub)
  const pings = Buffer.alloc(256 * 1024, hex('c000'))
  const flood = (names: string[]) =>
    Promise.all(
      names.map(async (clientId) => {
        const raw = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId })
        raw.send(pings)
        await raw.next()
      }),
    )
  // Code that runs for the first time costs memory as well.
  await flood(['first'])
  const sockets = 50
  const before = await hub.report()
  await flood(Array.from({ length: sockets }, (_, at) => `flooder-${at}`))
  while (((await hub.counters())['mqtt-held-back'] ?? 0) < sockets) await delay(10)
  const { peakBytes } = await hub.report()
  const eachMiB = (peakBytes - before.residentBytes) / mebibyte / sockets
  t.ok(eachMiB < 1, `${eachMiB.toFixed(2)} MiB a socket`)
  await control.stop()
})

type Pour = (hub: HubProcess, first: Buffer) => Promise<void>

/** Ways to send 200 MB to a hub that does not want them, until it ends the connection. */
const pours = {
  TCP: async (hub: HubProcess, first: Buffer) => {
    const socket = connect({ port: hub.mqttPort, host: '127.0.0.1' })
    socket.on('error', () => {})
    socket.resume()
    await pour(first, {
      write: (part, done) => socket.write(part, done),
      isOpen: () => !socket.destroyed,
    })
    socket.destroy()
  },
  'a websocket': async (hub: HubProcess, first: Buffer) => {
    const websocket = await mqttWebSocket(hub)
    await pour(first, {
      write: (part, done) => websocket.send(part, done),
      isOpen: () => websocket.readyState === WebSocket.OPEN,
    })
    websocket.terminate()
  },
  'one message of a websocket': async (hub: HubProcess, first: Buffer) => {
    const websocket = await mqttWebSocket(hub)
    await pour(first, {
      write: (part, done) => websocket.send(part, { fin: false }, done),
      isOpen: () => websocket.readyState === WebSocket.OPEN,
    })
    websocket.terminate()
  },
}

async function mqttWebSocket(hub: HubProcess): Promise<WebSocket> {
  const websocket = new WebSocket(`ws://127.0.0.1:${hub.httpPort}/mqtt`, 'mqtt')
  websocket.on('error', () => {})
  await once(websocket, 'open')
  return websocket
}

interface Sink {
  write(part: Buffer, done: (error?: Error | null) => void): void
  isOpen(): boolean
}

/** Writes `first`, and 200 MB behind it, as long as somebody takes them. */
async function pour(first: Buffer, { write, isOpen }: Sink): Promise<void> {
  const part = Buffer.alloc(mebibyte / 16)
  const put = (bytes: Buffer) => new Promise<unknown>((resolve) => write(bytes, resolve))
  await put(first)
  for (let sent = 0; sent < 200 * 16 && isOpen(); sent++) await put(part)
}
