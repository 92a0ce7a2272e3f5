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
 * The sequences for MQTT 3.1 and 3.1.1, by file. They stand beside the project, or in the folder that
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
    .filter(({ group }) => !group.startsWith('v5'))
    .flatMap(({ group, tests }) =>
      tests.map((test) => ({
        name: `${group} ${test.name}`,
        level: test.ver ?? 4,
        connects: test.connect ?? true,
        ends: test.expect_disconnect ?? true,
        steps: test.msgs,
      })),
    )
    .filter(({ level }) => level < 5)
}

/** Plays a sequence to the broker at `port`; answers what was wrong, if something was. */
export async function play(t: Test, port: number, sequence: Sequence): Promise<string | undefined> {
  const peer = await openPeer(port)
  try {
    if (sequence.connects) {
      peer.send(connectPacket({ clientId: sequence.name, level: sequence.level }))
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

async function openPeer(port: number): Promise<Peer> {
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
    isEnded: async () => {
      await waitFor(() => isOver)
      return isOver
    },
  }
}
