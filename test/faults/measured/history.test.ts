import { readFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { connectAsync, type MqttClient } from 'mqtt'
import t from 'tap'
import { openLevelStore } from '../../../src/store/level-store.ts'
import { atLength } from '../../full-length.ts'
import { historyIn, silent } from '../../history/opened-history.ts'
import { setClock } from '../../history/set-clock.ts'
import type { HubPorts } from '../../started-hub.ts'
import { testFolder } from '../../test-folder.ts'
import { crashingHub } from '../crashing-hub.ts'

const kills = atLength(10, 2)
/** The hub works for at most so long before it is killed. */
const maxLifeMs = 400
const topics = 4
/** So many messages are not acknowledged yet. */
const mostUnderWay = 50

const Authorization = `Basic ${Buffer.from('clown:bigclown').toString('base64')}`

/** The lines of everything the hub has a point of, as they come. */
async function exported({ httpPort: port }: HubPorts, query: string) {
  const path = `/api/history?topic=%23&${query}`
  const response = await new Promise<IncomingMessage>((resolve) => {
    get({ host: '127.0.0.1', port, path, headers: { Authorization } }, resolve)
  })
  // The two characters of a line end may come in two pieces.
  return createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })
}

/**
 * Publishes numbers from `first` on until the hub is gone: every other one at QoS 1. Answers how far it
 * came, and adds to `kept` what was acknowledged, and what went before that at QoS 0.
 */
async function publishUntilGone(client: MqttClient, first: number, kept: Set<number>) {
  let number = first
  let isGone = false
  client.on('error', () => {})
  client.on('close', () => {
    isGone = true
  })
  let underWay = 0
  while (!isGone) {
    underWay += 1
    const [unacknowledged, acknowledged] = [number, number + 1]
    client.publish(`n/${number % topics}`, String(unacknowledged))
    client.publish(`n/${number % topics}`, String(acknowledged), { qos: 1 }, (error) => {
      underWay -= 1
      if (error) return
      kept.add(unacknowledged)
      kept.add(acknowledged)
    })
    number += 2
    do await new Promise(setImmediate)
    while (underWay > mostUnderWay && !isGone)
  }
  client.end(true)
  return number
}

t.test('F1: a killed hub has every point of what it acknowledged, each once', async (t) => {
  const hub = crashingHub(t, testFolder(t))
  const kept = new Set<number>()
  let number = 1
  for (let kill = 0; kill < kills; kill++) {
    const running = await hub.start()
    const url = `mqtt://clown:bigclown@127.0.0.1:${running.mqttPort}`
    const client = await connectAsync(url, { reconnectPeriod: 0 })
    const publishing = publishUntilGone(client, number, kept)
    await pause(Math.random() * maxLifeMs)
    await hub.end('SIGKILL')
    number = await publishing
  }
  const counts = new Map<number, number>()
  for await (const line of await exported(await hub.start(), 'format=ndjson')) {
    const { value } = JSON.parse(line)
    counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  const lost = [...kept].filter((value) => !counts.has(value))
  const doubled = [...counts].filter(([, count]) => count > 1)
  t.comment(`${number - 1} points, ${kept.size} to be kept, ${counts.size} there`)
  t.same(lost, [])
  t.same(doubled, [])
  t.ok(kept.size > 100, String(kept.size))
})

const points = atLength(10_000_000, 1_000_000)
const series = 10
const everyMs = 80
const mostGrowthMiB = 128
/** What the garbage of a busy process moves by. */
const flatMiB = 80

/** Fills a data folder with the points of some hours that end now. */
async function fill(folder: string): Promise<void> {
  const store = await openLevelStore({ folder, sampledLog: silent })
  const clock = setClock(Date.now() - (points / series) * everyMs)
  const history = await historyIn(store, { clock, limits: { series, openMiB: 64 } })
  for (let count = 0; count < points / series; count++) {
    const at = Math.round(clock.wallMs())
    for (let device = 0; device < series; device++) {
      const value = 20 + ((count + device) % 1000) / 100
      history.add({ topic: `n/${device}`, quantity: 'temperature', unit: '℃', at, value }, false)
    }
    clock.step(everyMs)
    if (count % 5000 === 0) await history.maintain()
  }
  await history.close()
  await store.write([])
  await store.close()
}

function memoryMiB(pid: number): number {
  const [, kibibytes] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kibibytes) / 1024
}

t.test(`an export of ${points} points streams, and memory stays flat`, async (t) => {
  const folder = testFolder(t)
  await fill(join(folder, 'data'))
  const running = await crashingHub(t, folder).start()
  // Once before, so that what any first answer needs is there.
  for await (const _ of await exported(running, 'format=csv&topic=none'));
  const before = memoryMiB(running.pid)
  const memory: number[] = []
  let lines = 0
  const startMs = performance.now()
  for await (const _ of await exported(running, 'format=csv&from=0')) {
    lines += 1
    if (lines % 100_000 === 0) memory.push(memoryMiB(running.pid))
  }
  const seconds = (performance.now() - startMs) / 1000
  t.equal(lines, points + 1)
  const [early, late] = [memory.slice(0, 20), memory.slice(-80)].map((part) => Math.max(...part))
  t.comment(`${seconds.toFixed(0)} s; MiB: ${[before, early, late].map((n) => n?.toFixed(0))}`)
  t.ok(Number(late) - before < mostGrowthMiB, 'compared with before')
  t.ok(Number(late) - Number(early) < flatMiB, 'compared with the first fifth')
})
