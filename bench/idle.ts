// What does a hub cost that has nothing to do, with a hundred pages open? Processor time of ten seconds, in which no page
// says anything.
import { setTimeout as pause } from 'node:timers/promises'
import { type Bench, portOf } from './bench.ts'
import { cpuMicroseconds } from './cpu.ts'
import type { Row } from './table.ts'

const connections = 100
const seconds = 10
/** What followed the opening of the connections is done by then. */
const settledMs = 3000
/** Of one processor. */
const mostPercent = 0.5

export async function idle(bench: Bench): Promise<Row[]> {
  const hub = await bench.server('hub')
  await bench.load('stay', { wire: 'talk', port: portOf(hub, 'talk'), rooms: 1, connections })
  await pause(settledMs)
  const before = cpuMicroseconds(hub.pid)
  await pause(seconds * 1000)
  const percent = (cpuMicroseconds(hub.pid) - before) / (seconds * 10_000)
  return [
    {
      question: `idle with ${connections} websockets`,
      hub: `${percent.toFixed(2)} % of a core`,
      peer: 'the limit',
      theirs: `${mostPercent} % of a core`,
      ratio: percent / mostPercent,
      target: { most: 1 },
    },
  ]
}
