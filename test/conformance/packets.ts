import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { skipMissing } from '../missing.ts'
import {
  connectPacket,
  disconnectPacket,
  pingPacket,
  publishPacket,
  rawMqttTo,
  signedIn,
} from '../raw-mqtt.ts'
import { bodyOf, codesIn5, connect5 } from '../raw-mqtt5.ts'

const besideTheProject = new URL('../../../shared/conformance/mqtt-packets', import.meta.url)

/** How long a broker may take for anything. */
const patienceMs = 2000

/** One sequence of packets, and what a broker does in answer. */
export interface Sequence {
  /** The group and the name, which together name it. */
  readonly name: string
  readonly level: number
  /** Whether a CONNECT comes before the steps. */
  readonly connects: boolean
  /** Whether the broker has ended the connection after the steps. */
  readonly ends: boolean
  readonly steps: readonly Step[]
}

type Step =
  | { readonly type: 'send' | 'recv'; readonly payload: string }
  | {
      readonly type: 'publish'
      readonly topic: string
      readonly payload: string
      readonly qos: number
    }

/**
 * The sequences, by file. They stand beside the project, or in the folder that
 * MQTT_CONFORMANCE names. Without them the test says so and skips, or fails in CI, and the answer is
 * undefined: the caller returns.
 */
export function packetSequences(t: Test): ReadonlyMap<string, Sequence[]> | undefined {
  const folder = process.env['MQTT_CONFORMANCE'] ?? fileURLToPath(besideTheProject)
  if (existsSync(folder)) {
    const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
    return new Map(names.map((name) => [name, sequencesOf(readFileSync(`${folder}/${name}`))]))
  }
  const hint = `needs ${folder}: set MQTT_CONFORMANCE to the folder of the packet sequences`
  skipMissing(t, hint)
  return undefined
}

interface Group {
  readonly group: string
  readonly ver?: number
  readonly disable?: boolean
  readonly tests: readonly {
    readonly name: string
    readonly ver?: number
    readonly connect?: boolean
    readonly expect_disconnect?: boolean
    readonly msgs: readonly Step[]
  }[]
}

function sequencesOf(file: Buffer): Sequence[] {
  const groups: Group[] = JSON.parse(file.toString())
  return groups
    .filter(({ disable }) => disable !== true)
    .flatMap(({ group, ver, tests }) =>
      tests.map((test) => ({
        name: `${group} ${test.name}`,
        level: test.ver ?? ver ?? (group.startsWith('v5') ? 5 : 4),
        connects: test.connect ?? true,
        ends: test.expect_disconnect ?? true,
        steps: test.msgs,
      })),
    )
}

/**
 * Plays a sequence to the broker at `port`; answers what was wrong, if something was. Packets of MQTT 5 are
 * compared by what they mean: a broker may say as much as it wants of its reasons, and of itself in CONNACK.
 */
export async function play(t: Test, port: number, sequence: Sequence): Promise<string | undefined> {
  const peer = await openPeer(port, sequence.level)
  try {
    if (sequence.connects) {
      peer.send(connectOf(sequence))
      await peer.expect(Buffer.from([0x20, 2, 0, 0]))
    }
    for (const step of sequence.steps) await take(t, { step, peer, port })
    if (sequence.ends) await peer.expectEnd()
    else {
      peer.send(pingPacket)
      await peer.expect(Buffer.from([0xd0, 0]))
    }
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    peer.close()
  }
}

function connectOf({ name, level }: Sequence): Buffer {
  return level === 5 ? connect5({ clientId: name }) : connectPacket({ clientId: name, level })
}

interface Stage {
  readonly step: Step
  readonly peer: Peer
  readonly port: number
}

async function take(t: Test, { step, peer, port }: Stage): Promise<void> {
  if (step.type === 'publish') {
    const other = await signedIn(await rawMqttTo(t, port), { clientId: 'helper' })
    other.send(publishPacket(step.topic, step), disconnectPacket)
    await other.ended
    return
  }
  const bytes = Buffer.from(step.payload.replaceAll(' ', ''), 'hex')
  if (step.type === 'send') peer.send(bytes)
  else await peer.expect(bytes)
}

interface Peer {
  send(bytes: Buffer): void
  /** Waits for as many bytes, and throws unless they are these. */
  expect(bytes: Buffer): Promise<void>
  expectEnd(): Promise<void>
  close(): void
}

async function openPeer(port: number, level: number): Promise<Peer> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  // What the other side resets has ended too.
  socket.on('error', () => {})
  await once(socket, 'connect')
  const reader = readerOf(socket)
  return {
    send: (bytes) => {
      socket.write(bytes)
    },
    expect: async (expected) => {
      if (level === 5) {
        for (const one of packetsIn(expected)) checkMeaning(await reader.packet(), one)
        return
      }
      const got = await reader.take(expected.length)
      if (got.equals(expected)) return
      throw new Error(`expected ${expected.toString('hex')}, got ${got.toString('hex')}`)
    },
    expectEnd: async () => {
      if (!(await reader.isEnded())) throw new Error('expected the end, got none')
    },
    close: () => socket.destroy(),
  }
}

/** Where the first packet of `bytes` ends; 0 when it is not complete. */
function packetEnd(bytes: Buffer): number {
  let length = 0
  for (let at = 1; at < Math.min(bytes.length, 5); at++) {
    const byte = bytes[at] ?? 0
    length += (byte & 127) << (7 * (at - 1))
    if (byte < 128) return at + 1 + length <= bytes.length ? at + 1 + length : 0
  }
  return 0
}

/** The packets that are expected; what is none is expected as it is. */
function packetsIn(bytes: Buffer): Buffer[] {
  const end = packetEnd(bytes)
  return end === 0 || end === bytes.length
    ? [bytes]
    : [bytes.subarray(0, end), ...packetsIn(bytes.subarray(end))]
}

function checkMeaning(got: Buffer, expected: Buffer): void {
  if (meaningOf(got) === meaningOf(expected)) return
  throw new Error(`expected ${expected.toString('hex')}, got ${got.toString('hex')}`)
}

/** Type, id and reasons of a packet of MQTT 5; without a reason it is 0. */
function meaningOf(packet: Buffer): string {
  const hex = packet.toString('hex')
  const body = bodyOf(hex)
  const type = hex.slice(0, 1)
  if (type === '2') return `CONNACK ${body[0]} ${body[1]}`
  if ('4567'.includes(type)) return `${type} ${body.readUInt16BE(0)} ${body[2] ?? 0}`
  if ('9b'.includes(type)) return `${type} ${body.readUInt16BE(0)} ${codesIn5(hex)}`
  return type === 'e' ? `DISCONNECT ${body[0] ?? 0}` : hex
}

/** Reads a socket by numbers of bytes. */
function readerOf(socket: Socket) {
  let bytes = Buffer.alloc(0)
  let isOver = false
  let look = () => {}
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk])
    look()
  })
  for (const event of ['end', 'close']) {
    socket.on(event, () => {
      isOver = true
      look()
    })
  }
  const waitFor = (isThere: () => boolean) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patienceMs)
      look = () => {
        if (!isThere() && !isOver) return
        clearTimeout(timer)
        resolve()
      }
      look()
    })
  return {
    take: async (count: number) => {
      await waitFor(() => bytes.length >= count)
      const taken = bytes.subarray(0, count)
      bytes = bytes.subarray(count)
      return taken
    },
    packet: async () => {
      await waitFor(() => packetEnd(bytes) > 0)
      const end = packetEnd(bytes)
      const taken = bytes.subarray(0, end)
      bytes = bytes.subarray(end)
      return taken
    },
    isEnded: async () => {
      await waitFor(() => isOver)
      return isOver
    },
  }
}
