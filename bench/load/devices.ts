// Devices that people own, as the simulator plays them: what they say of themselves, and what they report.
import type { Socket } from 'node:net'
import { identityOf, type Utterance } from '../../src/simulator/convention.ts'
import { conventions, isConventionName } from '../../src/simulator/conventions.ts'
import { closeAll, openConnection } from './connection.ts'
import { type MeterOptions, measure, type Reading } from './meter.ts'
import { connectPacket, field, packet, pingPacket } from './packets.ts'

export interface DevicesOptions {
  readonly port: number
  /** How many, of all conventions alike. */
  readonly devices: number
}

/** What a device says when it comes, and then, in two states that differ. */
function sayingsOf(devices: number): { greetings: Utterance[]; reports: Utterance[] } {
  const names = Object.keys(conventions).filter(isConventionName)
  const others = names.filter((name) => name !== 'clown-model')
  const greetings: Utterance[] = []
  const reports: Utterance[] = []
  for (let at = 0; at < devices; at++) {
    const convention = conventions[others[at % others.length] ?? 'tasmota']
    const parts = convention.parts()
    const speech = convention.open(identityOf(`${convention.name.usual}-${at}`), parts)
    greetings.push(...speech.greet(true), ...parts.flatMap((part) => speech.report(part, 'asked')))
    for (const random of [() => 0.1, () => 0.9]) {
      for (const part of parts) {
        part.pass({ seconds: 10, hour: 12, random })
        reports.push(...speech.report(part, 'time'))
      }
    }
  }
  return { greetings, reports }
}

/** At QoS 0: what is measured is what the hub makes of it. */
function packetOf({ topic, payload, retain }: Utterance): Buffer {
  return packet(retain === true ? 0x31 : 0x30, [field(topic), Buffer.from(payload)])
}

const connackBytes = 4

function open(port: number, heard: (bytes: number) => void): Promise<Socket> {
  const send = connectPacket('devices')
  return openConnection(port, [{ send, isAnswered: ({ length }) => length >= connackBytes }], heard)
}

/** All come, and say what they are. */
export async function announce({ port, devices }: DevicesOptions): Promise<void> {
  let heard = () => {}
  const isHeard = new Promise<void>((resolve) => {
    heard = resolve
  })
  const socket = await open(port, () => heard())
  const { greetings } = sayingsOf(devices)
  socket.write(Buffer.concat([...greetings.map(packetOf), pingPacket]))
  await isHeard
  closeAll([socket])
}

/** How many messages go together; two such runs are under way. */
const runMessages = 25

interface ReportsOptions extends DevicesOptions, MeterOptions {
  /** Whether it is said where the devices are, or by the same words on topics that nobody knows. */
  readonly isRaw: boolean
}

/** All report, one after the other, as fast as they are heard. */
export async function report(options: ReportsOptions): Promise<Reading> {
  const { reports } = sayingsOf(options.devices)
  const raw = ({ topic, ...others }: Utterance) => ({
    ...others,
    topic: `raw/${topic.replaceAll('/', '-')}`,
  })
  const packets = (options.isRaw ? reports.map(raw) : reports).map(packetOf)
  const runs = Array.from({ length: Math.floor(packets.length / runMessages) }, (_, run) =>
    Buffer.concat([...packets.slice(run * runMessages, (run + 1) * runMessages), pingPacket]),
  )
  let messages = 0
  let answers = 0
  let waitingBytes = 0
  const socket = await open(options.port, (bytes) => {
    waitingBytes += bytes
    for (; waitingBytes >= pingPacket.length; waitingBytes -= pingPacket.length) {
      messages += runMessages
      socket.write(runs[answers++ % runs.length] ?? '')
    }
  })
  socket.write(Buffer.concat([runs.at(-1) ?? pingPacket, runs.at(-2) ?? pingPacket]))
  const reading = await measure(() => messages, options)
  closeAll([socket])
  return reading
}

interface SteadyOptions extends DevicesOptions {
  readonly perSecond: number
  readonly seconds: number
}

/** They report as rarely as devices do. */
export async function reportSteadily(options: SteadyOptions): Promise<void> {
  const packets = sayingsOf(options.devices).reports.map(packetOf)
  const socket = await open(options.port, () => {})
  const all = options.perSecond * options.seconds
  for (let sent = 0; sent < all; sent++) {
    socket.write(packets[(sent * 7) % packets.length] ?? '')
    await new Promise((resolve) => setTimeout(resolve, 1000 / options.perSecond))
  }
  closeAll([socket])
}
