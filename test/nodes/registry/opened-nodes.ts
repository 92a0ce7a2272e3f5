import { pino } from 'pino'
import type { Test } from 'tap'
import type { Bus } from '../../../src/bus/bus.ts'
import { matches } from '../../../src/core/filter.ts'
import type { Message } from '../../../src/core/message.ts'
import { Payload } from '../../../src/core/payload.ts'
import { createCounters, createSampledLog } from '../../../src/core/sampled-log.ts'
import { createClownModel, shapeOf } from '../../../src/nodes/clown-model.ts'
import { openNodes } from '../../../src/nodes/registry/open-nodes.ts'
import { openMemoryStore } from '../../../src/store/memory-store.ts'
import { createInbox } from '../../inbox.ts'

/** A bus that delivers at once, and retains. */
export function smallBus(): Bus & { readonly kept: Map<string, Message> } {
  const listeners = new Map<(message: Message) => void, string>()
  const kept = new Map<string, Message>()
  return {
    kept,
    publish: (message) => {
      const { topic, payload, retain } = message
      if (retain && payload.bytes.length > 0) kept.set(topic, message)
      else if (retain) kept.delete(topic)
      for (const [deliver, filter] of listeners) if (matches(filter, topic)) deliver(message)
    },
    subscribe: (filter, deliver) => {
      listeners.set(deliver, filter)
      return () => listeners.delete(deliver)
    },
    refusalOf: () => undefined,
    retainedOn: (topic) => kept.get(topic),
    retained: async function* (filter) {
      for (const message of kept.values()) if (matches(filter, message.topic)) yield message
    },
  }
}

/** Clocks that stand still until the test moves them. */
export function stillClocks() {
  let nowMs = 1000
  let wallMs = Date.parse('2026-11-21T12:00:00Z')
  const waiting = new Map<() => void, number>()
  return {
    after: (delayMs: number, act: () => void) => {
      waiting.set(act, nowMs + delayMs)
      return () => waiting.delete(act)
    },
    nowMs: () => nowMs,
    wallMs: () => wallMs,
    advance: (byMs: number) => {
      nowMs += byMs
      wallMs += byMs
      for (const [act, atMs] of [...waiting]) {
        if (atMs > nowMs) continue
        waiting.delete(act)
        act()
      }
    },
    setWall: (toMs: number) => {
      wallMs = toMs
    },
  }
}

/** Nodes that sign in when the test says so. */
export function changingPresence(initial: Record<string, boolean> = {}) {
  const there = new Map(Object.entries(initial))
  const listeners = new Set<(base: string) => void>()
  return {
    isThere: (base: string) => there.get(base),
    isSilent: () => false,
    maySpeakFor: (_: string, user: string) => user !== 'stranger',
    bases: () => [...there.keys()],
    onChange: (listener: (base: string) => void) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    set: (base: string, isThere: boolean | undefined) => {
      if (isThere === undefined) there.delete(base)
      else there.set(base, isThere)
      for (const listener of listeners) listener(base)
    },
  }
}

const limits = {
  json: { depth: 16, keys: 256, stringBytes: 16_384, arrayItems: 1024 },
  retained: { topics: 1000, valueBytes: 1000, totalBytes: 100_000 },
  nodes: { devices: 1000 },
}

interface Around {
  readonly bus?: ReturnType<typeof smallBus>
  readonly clock?: ReturnType<typeof stillClocks>
  readonly presence?: ReturnType<typeof changingPresence>
  readonly store?: ReturnType<typeof openMemoryStore>
  readonly devices?: number
}

const model = createClownModel()

/** What is learned from a small bus, looked at every 5 ms by clocks that the test moves. */
export async function openedNodes(t: Test, around: Around = {}) {
  const {
    bus = smallBus(),
    clock = stillClocks(),
    presence = changingPresence(),
    store = openMemoryStore(),
    devices = limits.nodes.devices,
  } = around
  const counters = createCounters()
  const nodes = await openNodes({
    bus,
    clock,
    presence,
    store,
    journal: { noteLater: (key, value) => void store.write([{ key, value }]) },
    model,
    settableOf: () => undefined,
    ownTitles: { of: () => undefined, onChange: () => () => {} },
    bases: { set: () => {} },
    limits: { ...limits, nodes: { devices } },
    sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
    log: pino({ level: 'silent' }),
    counters,
    everyMs: 5,
  })
  const close = async () => {
    await nodes.close()
    await store.write([])
  }
  t.teardown(close)
  bus.subscribe('#', (message) => {
    const shape = shapeOf(message.topic)
    if (shape === 'report') nodes.values.keep(message)
    nodes.registry.learn(message, { shape, device: undefined })
  })
  const told = createInbox<{ base: string; value: unknown }>()
  bus.subscribe('$SYS/hub/nodes/#', ({ topic, payload }) => {
    told.put({ base: topic.replace(/^\$SYS\/hub\/nodes\/?/, ''), value: payload.value })
  })
  const say = (topic: string, value: unknown, retain = false) =>
    bus.publish({ topic, payload: Payload.ofJson(JSON.stringify(value), value), qos: 0, retain })
  const clear = (topic: string) =>
    bus.publish({ topic, payload: new Payload(Buffer.alloc(0)), qos: 0, retain: true })
  return { ...nodes, close, bus, clock, presence, store, counters, told, say, clear }
}
