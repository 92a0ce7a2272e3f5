import { pino } from 'pino'
import type { Test } from 'tap'
import { type ConfigInput, checkConfig } from '../../src/config.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import type { SeenDevices } from '../../src/nodes/served/seen-devices.ts'
import { openStore } from '../../src/store/open-store.ts'
import { type SteppedClock, steppedClock } from '../clock.ts'
import { createInbox } from '../inbox.ts'

export type Entry = NonNullable<ConfigInput['dialects']>[number]

/** What a served dialect is given of a hub that there is none of: settings, a store, a clock, and logs. */
export async function servedContext(t: Test, entry: Entry, devices: SeenDevices) {
  const { limits, dialects } = checkConfig({
    users: { clown: { password: 'bigclown' } },
    dialects: [entry],
  })
  const [settings] = dialects
  if (settings === undefined) throw new Error('expected one dialect')
  const counters = createCounters()
  const lines = createInbox<string>()
  const log = pino({ level: 'debug' }, { write: lines.put })
  const sampledLog = createSampledLog(log, counters)
  const { signal: ending } = new AbortController()
  const store = await openStore(undefined, { limits: limits.store, sampledLog, ending })
  t.teardown(store.close)
  const clock: SteppedClock = steppedClock()
  return { context: { settings, devices, store, clock, log, sampledLog }, counters, lines, clock }
}
