import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import { identityOf } from '../../src/simulator/convention.ts'
import { type ConventionName, conventions } from '../../src/simulator/conventions.ts'
import {
  SimulatedNode,
  type SimulatedNodeSurroundings,
} from '../../src/simulator/simulated-node.ts'

/** What a node has, in the order it lists them. */
export const sensors = [
  'thermometer/i2c0-48',
  'thermometer/i2c1-48',
  'humidity-sensor/i2c0-5f',
  'lux-meter/i2c0-44',
  'barometer/i2c0-60',
  'co2-sensor/i2c0-38',
  'pir/-',
]
export const actuators = ['relay/i2c0-3b', 'relay/i2c0-3f', 'led/-']

export interface Alarm {
  intervalMs: number
  tick: () => void
}

interface NodeOptions extends Partial<SimulatedNodeSurroundings> {
  readonly convention?: ConventionName
  readonly base?: string
}

/** A node whose clock and chance are in the test's hand, with what came out of it. */
export function openNode({
  convention = 'clown-model',
  base = conventions[convention].name.usual,
  parts = conventions[convention].parts(),
  random = (): number => 0.5,
  faults,
  byHandIntervalMs,
}: NodeOptions = {}) {
  const published: Message[] = []
  const dropped: string[] = []
  const alarms = new Set<Alarm>()
  const node = new SimulatedNode({
    parts,
    speech: conventions[convention].open(identityOf(base), parts),
    hour: () => 15,
    ...{ publishIntervalMs: 10_000, byHandIntervalMs },
    publish: (message) => published.push(message),
    every: (intervalMs, tick) => {
      const alarm = { intervalMs, tick }
      alarms.add(alarm)
      return () => alarms.delete(alarm)
    },
    random,
    onDropped: (sentence) => dropped.push(sentence),
    ...(faults && { faults }),
  })
  return {
    node,
    dropped,
    alarms,
    say: (topic: string, text: string) => node.receive(topic, new Payload(Buffer.from(text))),
    /** What was published since the last look, as [topic, payload]. */
    heard: () => published.splice(0).map(({ topic, payload }) => [topic, payload.value]),
    published,
  }
}
