// What does it cost that acknowledged means stored? QoS 1 messages acknowledged a second: the hub with a
// data folder, the hub without one, and Mosquitto with its persistence off, in turn, medians of the
// rounds. Then: how long the hub takes to start with 10,000 retained values and 500 sessions.

import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { createCounters, createSampledLog } from '../src/core/sampled-log.ts'
import { optionsOf } from '../src/mqtt/read-packets.ts'
import { retainedChange } from '../src/mqtt/retained.ts'
import { SessionJournal } from '../src/mqtt/session-journal.ts'
import { plainGrant } from '../src/mqtt/subscriptions.ts'
import { openJournal } from '../src/store/journal.ts'
import { openLevelStore } from '../src/store/level-store.ts'
import { startMosquitto } from './mosquitto.ts'
import { end, median, nextMessage, start } from './processes.ts'

const rounds = 3
const seconds = 3

interface Server {
  readonly port: number
  readonly child: ChildProcess
}

async function startHubIn(folder: string): Promise<Server & { startMs: number }> {
  const child = start('./servers/hub.ts', [folder])
  const { port, startMs } = (await nextMessage(child)) as { port: number; startMs: number }
  return { port, startMs, child }
}

const servers: Record<string, (folder: string) => Promise<Server>> = {
  'hub with a data folder': startHubIn,
  'hub in memory': () => startHubIn(''),
  'Mosquitto, persistence off': () => startMosquitto(),
}

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'durable-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function measure(startServer: (folder: string) => Promise<Server>, kind: string): Promise<number> {
  return inFolder(async (folder) => {
    const server = await startServer(folder)
    try {
      const load = start('./load/mqtt-ingest.ts', [String(server.port), kind, String(seconds)])
      await nextMessage(load)
      const done = (await nextMessage(load)) as { acknowledged: number; elapsedSeconds: number }
      return done.acknowledged / done.elapsedSeconds
    } finally {
      await end(server.child)
    }
  })
}

/** Fills a data folder with 10,000 retained values, and 500 sessions with 20 messages each. */
async function fill(folder: string): Promise<void> {
  const log = createSampledLog(pino({ level: 'silent' }), createCounters())
  const store = await openLevelStore({ folder, sampledLog: log })
  const journal = openJournal(store)
  const payload = Buffer.alloc(100, 'x')
  await store.write(
    Array.from({ length: 10_000 }, (_, at) =>
      retainedChange({ topic: `nodes/bridge/${at}/state`, payload, qos: 1 }),
    ),
  )
  const message = { topic: 'nodes/bridge/0', payload, qos: 1, retain: false } as const
  for (let at = 0; at < 500; at++) {
    const clientId = `anonymous:client-${at}`
    const session = new SessionJournal(journal, clientId)
    session.here(3600)
    for (const filter of ['nodes/#', 'other/+/state'])
      session.subscribed({ filter, ...optionsOf(1, undefined) }, true)
    for (let count = 0; count < 20; count++) session.waits({ message, grant: plainGrant(1, false) })
    session.away(0, 3600)
  }
  await journal.close()
  await store.close()
}

function measureStart(fillFirst: (folder: string) => Promise<void>): Promise<number> {
  return inFolder(async (folder) => {
    await fillFirst(folder)
    const hub = await startHubIn(folder)
    await end(hub.child)
    return hub.startMs
  })
}

for (const kind of ['queued', 'retained']) {
  const results = new Map<string, number[]>()
  for (let round = 0; round < rounds; round++) {
    for (const [name, startServer] of Object.entries(servers)) {
      results.set(name, [...(results.get(name) ?? []), await measure(startServer, kind)])
    }
  }
  const table = [...results].map(([server, all]) => ({
    server,
    'acknowledged/s': Math.round(median(all)),
  }))
  console.log(kind === 'queued' ? 'to a kept session that is there' : 'retained on 1000 topics')
  console.table(table)
  const [durable, , mosquitto] = table.map((row) => row['acknowledged/s'])
  const ratio = (durable ?? Number.NaN) / (mosquitto ?? Number.NaN)
  console.log(`hub with a data folder : Mosquitto = ${ratio.toFixed(2)}\n`)
}
const starts = { empty: async () => {}, full: fill }
for (const [name, fillFirst] of Object.entries(starts)) {
  const all: number[] = []
  for (let round = 0; round < rounds; round++) all.push(await measureStart(fillFirst))
  console.log(`start with a data folder that is ${name}: ${Math.round(median(all))} ms`)
}
