import fc from 'fast-check'
import t, { type Test } from 'tap'
import { atLength } from '../../full-length.ts'
import { hubProcess } from '../../hub-process.ts'
import {
  connectPacket,
  disconnectPacket,
  field,
  hex,
  number,
  packet,
  pingPacket,
  publishPacket,
  type RawMqtt,
  rawMqttOverWebSocket,
  rawMqttTo,
  subscribePacket,
  unsubscribePacket,
} from '../../raw-mqtt.ts'
import { startControl } from '../control.ts'

const mebibyte = 1024 * 1024

/** V8's young generation grows by this at once, whatever was sent and by how many. */
const youngGenerationMiB = 16

/** Packets that are right, to start from; ids and names repeat, so that they mean each other. */
const packets = [
  connectPacket({ clientId: 'bytes', clean: false, will: { topic: 'will', retain: true } }),
  connectPacket({ level: 3, user: 'clown', password: 'bigclown' }),
  publishPacket('a/b', { payload: 'x'.repeat(300) }),
  publishPacket('relay/i2c0-3b/set', { qos: 1, retain: true }),
  publishPacket('__proto__', { qos: 2, id: 1 }),
  subscribePacket(['a/+', '#', '$SYS/#', 'constructor'], 2),
  unsubscribePacket(['a/+']),
  hex('4002 0001'),
  hex('5002 0001'),
  hex('6202 0001'),
  hex('7002 0001'),
  packet(0x32, field('a/b')),
  pingPacket,
  disconnectPacket,
  connectPacket5(),
  ...packetsOf5(),
]

/** Properties behind their length. */
function said(bytes: string): Buffer {
  return Buffer.concat([Buffer.from([hex(bytes).length]), hex(bytes)])
}

/** CONNECT of MQTT 5, with a session that is kept and a will. */
function connectPacket5(): Buffer {
  const own = said('11 00000e10 21 0005 22 000a 26 0001 61 0001 62')
  const ofWill = said('18 00000001 01 01 02 00000001 26 0001 61 0001 62')
  const will = [ofWill, field('will'), field('x')]
  return packet(0x10, field('MQTT'), hex('05 06 003c'), own, field('bytes'), ...will)
}

/** Of MQTT 5, with the properties that each may have. */
function packetsOf5(): Buffer[] {
  const userProperty = '26 0001 61 0001 62'
  const expiring = said(`02 00000001 03 0001 74 08 0001 72 09 0001 63 ${userProperty}`)
  return [
    packet(0x30, field('a/b'), said('23 0001'), Buffer.from('x'.repeat(200))),
    packet(0x30, field(''), said('23 0001'), Buffer.from('y')),
    packet(0x33, field('a/b'), number(1), expiring, Buffer.from('{"state":true}')),
    packet(0x34, field('relay/i2c0-3b/set'), number(2), expiring, Buffer.from('{"state":true}')),
    packet(
      0x82,
      number(1),
      said('0b 7f'),
      field('a/+'),
      hex('2e'),
      field('$share/g/a/#'),
      hex('01'),
    ),
    packet(0xa2, number(1), said(userProperty), field('a/+')),
    packet(0x40, number(1), hex('10'), said(`1f 0001 78 ${userProperty}`)),
    packet(0x62, number(2), hex('92'), said('')),
    packet(0xe0, hex('04'), said('11 00000e10')),
    packet(0xf0, hex('18'), said('15 0001 78')),
  ]
}

const rightPacket = fc.constantFrom(...packets)

/** A right packet with one byte changed, or cut short. */
const wrongPacket = fc
  .tuple(rightPacket, fc.nat(400), fc.nat(255), fc.boolean())
  .map(([right, position, byte, isShort]) => {
    const at = position % right.length
    if (isShort) return right.subarray(0, at)
    const wrong = Buffer.from(right)
    wrong[at] = byte
    return wrong
  })

const anyBytes = fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes))

const firstBytes = fc.oneof(
  { weight: 2, arbitrary: fc.constant(connectPacket({ clientId: 'bytes', clean: false })) },
  { weight: 2, arbitrary: fc.constant(connectPacket5()) },
  { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) },
)

/** What one client sends, in the pieces in which it does. */
const conversation = fc
  .tuple(firstBytes, fc.array(fc.oneof(rightPacket, wrongPacket, anyBytes), { maxLength: 20 }))
  .chain(([first, others]) => {
    const bytes = Buffer.concat([first, ...others])
    const cuts = fc.array(fc.nat(bytes.length), { maxLength: 5 })
    return cuts.map((places) => {
      const edges = [0, ...places.sort((one, other) => one - other), bytes.length]
      return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge))
    })
  })

const bounds = {
  numRuns: atLength(200, 50),
  interruptAfterTimeLimit: atLength(15_000, 4000),
  markInterruptAsFailure: false,
}

/** Clients at the same time in one run. */
const clientsAtOnce = fc.array(conversation, { minLength: 4, maxLength: 12 })

for (const way of ['TCP', 'a websocket']) {
  t.test(
    `mqtt-packet: no bytes over ${way} end the hub or make it grow by 2 MiB a socket`,
    async (t) => {
      const hub = await hubProcess(t)
      const control = await startControl(t, hub)
      const open = (t: Test): Promise<RawMqtt> => {
        if (way === 'TCP') return rawMqttTo(t, hub.mqttPort)
        return rawMqttOverWebSocket(t, hub.httpPort)
      }
      const start = await hub.report()
      let before = start
      let runs = 0
      const property = fc.asyncProperty(clientsAtOnce, async (clients) => {
        await Promise.all(clients.map(async (pieces) => talk(await open(t), pieces)))
        const after = await hub.report()
        const grownMiB = (after.peakBytes - before.residentBytes) / mebibyte
        before = after
        runs++
        // The code that runs for the first time costs memory as well.
        if (runs > 20 && grownMiB > youngGenerationMiB + 2 * clients.length) {
          throw new Error(`grew by ${grownMiB} MiB`)
        }
      })
      await fc.assert(property, bounds)
      t.ok(runs > bounds.numRuns / 4, `${runs} runs`)
      const grownMiB = (before.residentBytes - start.residentBytes) / mebibyte
      t.ok(grownMiB < 64, `${grownMiB.toFixed(1)} MiB more after all of them`)
      await control.stop()
    },
  )
}

/** Says it all and leaves; the hub has to end the connection too. */
async function talk(raw: RawMqtt, pieces: readonly Buffer[]): Promise<void> {
  raw.stream.resume()
  for (const piece of pieces) {
    if (raw.stream.writable) await new Promise((resolve) => raw.stream.write(piece, resolve))
  }
  if (raw.stream.writable) raw.stream.end()
  await raw.ended
  raw.stream.destroy()
}
