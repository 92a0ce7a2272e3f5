import { pino } from 'pino'
import type { Test } from 'tap'
import type { HubError } from '../../../src/core/errors.ts'
import { createCounters, createSampledLog } from '../../../src/core/sampled-log.ts'
import { tooFast } from '../../../src/nodes/commands/turns.ts'
import { deviceOf } from '../../../src/nodes/device.ts'
import { createDeviceRules, type DeviceRule } from '../../../src/nodes/relay-guard/device-rules.ts'
import {
  createRelayGuard,
  type RelayGuardOptions,
} from '../../../src/nodes/relay-guard/relay-guard.ts'
import type { Off } from '../../../src/nodes/switch-state.ts'
import { openMemoryStore } from '../../../src/store/memory-store.ts'
import { steppedClock } from '../../clock.ts'

/** What stays when a hub is killed, and the world around it. */
function surroundings() {
  const clock = steppedClock()
  const counters = createCounters()
  const store = openMemoryStore()
  /** What auto-off has asked for, as `device state`. */
  const turnedOff: string[] = []
  const contradictions: string[] = []
  const lockedDevices: string[] = []
  /** What devices reported last. */
  const reports = new Map<string, unknown>()
  const time = { jumpsMs: 0 }
  const parts = {
    store,
    clock: { ...clock, wallMs: () => clock.nowMs() + time.jumpsMs + 1_000_000 },
    sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
    isKnown: () => true,
    ownerOf: (device: string) => deviceOf(device).base,
    lastValueOf: (device: string) => reports.get(device),
    log: pino({ level: 'silent' }),
    counters,
    onContradiction: (device: string, { code, message }: HubError) => {
      contradictions.push(`${device} ${code}: ${message}`)
    },
    onLocked: (device: string) => {
      lockedDevices.push(device)
    },
    onDue: (device: string, off: Off) => {
      const { state = JSON.stringify(off) } = Object(off)
      turnedOff.push(`${device} ${state}`)
    },
  }
  return { clock, time, counters, store, turnedOff, contradictions, lockedDevices, reports, parts }
}

/** What a guard that is opened at this time of day has around it. */
export function guardedAt(time: string) {
  const around = surroundings()
  around.time.jumpsMs = Date.parse(time) - around.parts.clock.wallMs()
  return { around }
}

interface GuardedOptions extends Partial<RelayGuardOptions> {
  readonly around?: ReturnType<typeof surroundings>
}

/** A relay guard that has started, on a clock that stands still; closed at teardown. */
export async function guarded(
  t: Test,
  rules: readonly DeviceRule[],
  { around = surroundings(), ...options }: GuardedOptions = {},
) {
  const deviceRules = createDeviceRules({ timeoutSeconds: 5, rules })
  const parts = { ...around.parts, rules: deviceRules, ...options }
  const guard = await createRelayGuard(parts)
  t.teardown(guard.close)
  guard.start()
  return {
    ...around,
    guard,
    /** Asks a device for a state, and throws the refusal. */
    ask: (device: string, state: unknown) => {
      const command = { device, asked: { state } }
      const tooSoon = guard.check(command)
      if (tooSoon !== undefined) throw tooFast(tooSoon)
      guard.sent(command)
    },
    /** A device reports its state. */
    tell: (device: string, state: unknown) => guard.reported(device, { state }),
    /** The keys of what is stored. */
    stored: async () => {
      await around.store.write([])
      const keys: string[] = []
      for await (const [key] of around.store.entries('')) keys.push(key)
      return keys
    },
    /** The hub is killed, and starts again after a while, perhaps with other rules. */
    restart: async (afterMs = 0, newRules = rules) => {
      guard.close()
      await around.store.write([])
      around.clock.step(afterMs)
      return guarded(t, newRules, { ...options, around })
    },
  }
}
