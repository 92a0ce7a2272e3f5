import { pino } from 'pino'
import type { Test } from 'tap'
import { ForeignBus, type ForeignBusOptions } from '../../src/bus/foreign/foreign-bus.ts'
import { type ConfigInput, checkConfig } from '../../src/config.ts'
import { readingFirst, systemClock } from '../../src/core/clock.ts'
import type { Message } from '../../src/core/message.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { createInbox } from '../inbox.ts'

type Settings = NonNullable<ConfigInput['bus']>

interface Parts extends Partial<Pick<ForeignBusOptions, 'overheard' | 'clock'>> {
  readonly limits?: NonNullable<ConfigInput['limits']>
}

/** A bus over a broker that is there or not, and what others have said past it. */
export async function openedForeignBus(
  t: Test,
  settings: Settings,
  { limits: ofLimits = {}, ...parts }: Parts = {},
) {
  const { bus: complete, limits } = checkConfig({ bus: settings, limits: ofLimits })
  if (complete === undefined) throw new Error('expected the part bus')
  const counters = createCounters()
  const log = pino({ level: 'silent' })
  const overheard = createInbox<Message>()
  const bus = new ForeignBus({
    settings: complete,
    limits,
    overheard: (message) => {
      overheard.put(message)
      return true
    },
    toldBelow: 'devices',
    clock: readingFirst(systemClock),
    log,
    sampledLog: createSampledLog(log, counters),
    trace: { begins: () => {}, ends: () => {} },
    ...parts,
  })
  const states = createInbox<unknown>()
  bus.subscribe('$SYS/hub/bus', ({ payload }) => states.put(payload.value))
  t.teardown(() => bus.close())
  const opening = bus.open()
  // A clock that stands still is stepped by the caller.
  if (parts.clock === undefined) await opening
  return { bus, overheard, counters, states }
}
