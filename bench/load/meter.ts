import { setTimeout as pause } from 'node:timers/promises'
import { cpuMicroseconds } from '../cpu.ts'

/** How fast something went, and what it cost. */
export interface Reading {
  readonly perSecond: number
  /** Microseconds of processor time for one: of the server, and of the load. */
  readonly serverMicroseconds: number
  readonly loadMicroseconds: number
}

export interface MeterOptions {
  /** The server. */
  readonly pid: number
  readonly seconds: number
  readonly warmUpSeconds: number
}

/** Measures how `count` grows, after a time to warm up. */
export async function measure(count: () => number, options: MeterOptions): Promise<Reading> {
  const look = () => ({
    count: count(),
    ms: performance.now(),
    server: cpuMicroseconds(options.pid),
    load: cpuMicroseconds(process.pid),
  })
  await untilMore(count, options.warmUpSeconds)
  const before = look()
  await untilMore(count, options.seconds)
  const after = look()
  const done = after.count - before.count
  return {
    perSecond: (done / (after.ms - before.ms)) * 1000,
    serverMicroseconds: (after.server - before.server) / done,
    loadMicroseconds: (after.load - before.load) / done,
  }
}

const patienceSeconds = 10

/** Waits for so long, and then until there is more than there was. */
async function untilMore(count: () => number, seconds: number): Promise<void> {
  const before = count()
  await pause(seconds * 1000)
  const startMs = performance.now()
  while (count() === before) {
    await pause(10)
    if (performance.now() - startMs < patienceSeconds * 1000) continue
    throw new Error('expected a server to do something, got nothing done')
  }
}
