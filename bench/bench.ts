import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Tasks } from './load/main.ts'
import type { Reading } from './load/meter.ts'
import type { WireName } from './load/wires.ts'
import { startMosquitto } from './mosquitto.ts'
import { end, median, nextMessage, start } from './processes.ts'

/** A server that runs, and the port of each wire it speaks. */
export interface Server {
  readonly pid: number
  /** Asks what `answerQuestions` answers. */
  ask(question: 'memory' | 'lag' | 'cpu'): Promise<Answers>
  readonly ports: Partial<Record<WireName, number>>
}

export interface Answers {
  readonly bytes: number
  readonly lagMs: number
  readonly microseconds: number
}

export type ServerName = keyof typeof starters

/** What a question is answered with. */
export interface Bench {
  /** Starts a server, which ends with the question. */
  server(name: ServerName): Promise<Server>
  /** Lets the process that makes the load do something. */
  load<Task extends keyof Tasks>(
    task: Task,
    options: Parameters<Tasks[Task]>[0],
  ): Promise<Awaited<ReturnType<Tasks[Task]>>>
}

const starters = {
  hub: () => startNode('hub', ({ port, httpPort }) => ({ ...mqttAt(port), talk: httpPort })),
  'hub with a data folder': async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-'))
    const portsOf = ({ port, httpPort }: Ports) => ({ ...mqttAt(port), talk: httpPort })
    const started = await startNode('hub', portsOf, [folder])
    started.child.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    return started
  },
  'hub beside Mosquitto': async () => {
    const mosquitto = await startMosquitto()
    const args = ['', `mqtt://127.0.0.1:${mosquitto.port}`]
    const started = await startNode(
      'hub',
      ({ httpPort }) => ({ ...mqttAt(mosquitto.port), talk: httpPort }),
      args,
    )
    started.child.once('exit', () => mosquitto.child.kill())
    return started
  },
  'bare Aedes': () => startNode('bare-aedes', ({ port }) => ({ mqtt: port })),
  'bare ws': () => startNode('bare-ws', ({ port }) => ({ relay: port })),
  'socket.io': () => startNode('socket-io', ({ port }) => ({ socketIo: port })),
  'websocket floor': () => startNode('floor', ({ port }) => ({ relay: port })),
  'MQTT floor': () => startNode('floor', ({ port }) => ({ mqtt: port }), ['mqtt']),
  Mosquitto: async () => {
    const { child, port, websocketPort } = await startMosquitto()
    return { child, ports: { ...mqttAt(port), mqttByWebsocket: websocketPort } }
  },
}

/** One port for all levels. */
function mqttAt(port: number): Server['ports'] {
  return { mqtt: port, mqtt5: port, mqtt5WithProperties: port }
}

interface Started {
  readonly child: ChildProcess
  readonly ports: Server['ports']
}

interface Ports {
  readonly port: number
  readonly httpPort: number
}

async function startNode(
  file: string,
  portsOf: (ports: Ports) => Server['ports'],
  args: readonly string[] = [],
): Promise<Started> {
  const child = start(`./servers/${file}.ts`, args, ['--expose-gc'])
  const ports = (await nextMessage(child)) as Ports
  return { child, ports: portsOf(ports) }
}

/** Answers one question; its servers and its load end with it. */
export async function answer<T>(question: (bench: Bench) => Promise<T>): Promise<T> {
  const children: ChildProcess[] = []
  const load = start('./load/main.ts')
  children.push(load)
  const bench: Bench = {
    server: async (name) => {
      const { child, ports } = await starters[name]()
      children.push(child)
      const ask = async (question: string) => {
        child.send(question)
        return (await nextMessage(child)) as Answers
      }
      return { pid: child.pid ?? 0, ports, ask }
    },
    load: async (task, options) => {
      load.send({ task, options })
      const { result } = (await nextMessage(load)) as { result: never }
      return result
    },
  }
  try {
    return await question(bench)
  } finally {
    // The load first: it does not stand for servers that end.
    for (const child of children) await end(child)
  }
}

/** Measures each subject once a round, in turn, so that what disturbs one disturbs all. */
export async function alternate<Subject, T>(
  subjects: readonly Subject[],
  measure: (subject: Subject) => Promise<T>,
  rounds = 3,
): Promise<T[][]> {
  const results: T[][] = subjects.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [at, subject] of subjects.entries()) results[at]?.push(await measure(subject))
  }
  return results
}

export function medianReading(readings: readonly Reading[]): Reading {
  const middle = (key: keyof Reading) => median(readings.map((reading) => reading[key]))
  return {
    perSecond: middle('perSecond'),
    serverMicroseconds: middle('serverMicroseconds'),
    loadMicroseconds: middle('loadMicroseconds'),
  }
}

/** The port of a wire that a server speaks. */
export function portOf({ ports }: Server, wire: WireName): number {
  const port = ports[wire]
  if (port === undefined) throw new Error(`expected a server that speaks ${wire}`)
  return port
}
