// What does the history cost? Two hubs with data folders, one of which records, take the same 5,000 points a
// second: processor time, and how long messages of a websocket are under way. Then: how long charts take, and
// how many bytes a point, beside the same points in SQLite, which Python brings.
// --minutes 10 is the long form; one minute unless told otherwise.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openHistory } from '../src/history/history.ts'
import { openLevelStore } from '../src/store/level-store.ts'
import { median, nextMessage, quantile, start } from './processes.ts'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '1' } } })
const seconds = Number(values.minutes) * 60
const Authorization = `Basic ${Buffer.from('bench:bench-password').toString('base64')}`

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'history-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Used {
  readonly cpuMs: number
  readonly rssMiB: number
}

interface Ports {
  readonly port: number
  readonly httpPort: number
}

async function startHub(folder: string, record: readonly string[]) {
  const child = start('./servers/history-hub.ts', [folder, ...record])
  const ports = (await nextMessage(child)) as Ports
  const used = async () => {
    child.send('used')
    return (await nextMessage(child)) as Used
  }
  return { ...ports, used, end: () => child.kill('SIGKILL') }
}

interface LoadDone {
  readonly published: number
  readonly publishedInAll: number
  readonly times: readonly (readonly number[])[]
}

/** How many points a hub has of the load. */
async function recordedBy({ httpPort }: Ports): Promise<number> {
  const url = `http://127.0.0.1:${httpPort}/api/history?topic=${encodeURIComponent('n/#')}&format=ndjson`
  const { body } = await fetch(url, { headers: { Authorization } })
  let lines = 0
  for await (const chunk of body ?? []) for (const byte of chunk) if (byte === 10) lines++
  return lines
}

async function measureIngest(folder: string): Promise<void> {
  const names = ['records', 'records nothing'] as const
  const hubs = [
    await startHub(join(folder, 'recording'), ['n/#']),
    await startHub(join(folder, 'idle'), []),
  ]
  const load = start('./load/history.ts', [
    String(seconds),
    ...hubs.map(({ port, httpPort }) => `${port}:${httpPort}`),
  ])
  await nextMessage(load)
  const before = await Promise.all(hubs.map(({ used }) => used()))
  const done = (await nextMessage(load)) as LoadDone
  const after = await Promise.all(hubs.map(({ used }) => used()))
  const rows = names.map((hub, at) => {
    const times = done.times[at] ?? []
    const cpuMs = Number(after[at]?.cpuMs) - Number(before[at]?.cpuMs)
    return {
      hub,
      'points/s': Math.round(done.published / seconds),
      'share of a core': `${(cpuMs / seconds / 10).toFixed(1)} %`,
      'MiB at the end': Math.round(Number(after[at]?.rssMiB)),
      'delivery p50 ms': Number(median(times).toFixed(2)),
      'p99 ms': Number(quantile(times, 0.99).toFixed(2)),
      'p99.9 ms': Number(quantile(times, 0.999).toFixed(2)),
    }
  })
  console.table(rows)
  const [recording] = hubs
  const recorded = recording === undefined ? 0 : await recordedBy(recording)
  console.log(`${recorded} points recorded of ${done.publishedInAll} published`)
  for (const hub of hubs) hub.end()
}

const series = 10
const dayMs = 86_400_000
const days = 7

/** A reading a second of ten thermometers over some days, with the jitter of a network. */
function* drawnPoints(startAt: number) {
  const hundredths = Array.from({ length: series }, () => 2000)
  for (let second = 0; second < (days * dayMs) / 1000; second++) {
    for (let device = 0; device < series; device++) {
      const jitterMs = Math.floor(Math.random() * 20)
      const step = Math.random() < 0.3 ? Math.floor(Math.random() * 7) - 3 : 0
      hundredths[device] = Number(hundredths[device]) + step
      const at = startAt + second * 1000 + device * 20 + jitterMs
      yield { device, at, value: Number(hundredths[device]) / 100 }
    }
  }
}

/** Puts the points where a hub would, and those of the last day in a file for the peer. */
async function fill(folder: string, startAt: number): Promise<void> {
  const silent = { warn: () => {} }
  const store = await openLevelStore({ folder: join(folder, 'data'), sampledLog: silent })
  let now = startAt
  const lines: string[] = []
  const history = await openHistory({
    store,
    journal: {
      isLasting: true,
      note: (key, value) => void store.write([{ key, value }]),
      noteLater: (key, value) => void store.write([{ key, value }]),
      settled: (done) => void store.write([]).then(done),
      entries: store.entries,
    },
    retention: {
      ageMs: { raw: days * dayMs, minute: 30 * dayMs, hour: 730 * dayMs },
      maxBytes: 1_073_741_824,
    },
    limits: { series, openMiB: 32 },
    clock: { nowMs: () => now, wallMs: () => now },
    sampledLog: silent,
  })
  let count = 0
  for (const { device, at, value } of drawnPoints(startAt)) {
    const name = { topic: `n/${device}/thermometer/0`, quantity: 'temperature', unit: '℃' }
    history.add({ ...name, at, value }, false)
    if (at >= startAt + (days - 1) * dayMs) lines.push(`${device} ${at} ${value}\n`)
    if (at > now) now = at
    if (count++ % 20_000 === 0) await history.maintain()
  }
  for (let call = 0; call < 3; call++) await history.maintain()
  await history.close()
  await store.write([])
  await tellBytes(store, count)
  await store.close()
  writeFileSync(join(folder, 'points.txt'), lines.join(''))
}

async function tellBytes(store: Awaited<ReturnType<typeof openLevelStore>>, count: number) {
  let bytes = 0
  for await (const [key, value] of store.entries('history/raw/')) bytes += key.length + value.length
  for await (const [key, value] of store.entries('history/open/'))
    bytes += key.length + value.length
  console.log(`${count} points: ${(bytes / count).toFixed(2)} bytes a point in blocks`)
}

function bytesIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return files
    .map((file) => statSync(join(folder, file)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0)
}

const charts: readonly (readonly [name: string, spanMs: number, bucketMs: number])[] = [
  ['1 h', 3_600_000, 10_000],
  ['24 h', dayMs, 180_000],
]

async function measureQueries(folder: string): Promise<void> {
  const endAt = Date.now()
  await fill(folder, endAt - days * dayMs)
  const data = join(folder, 'data')
  const perPoint = bytesIn(data) / ((series * days * dayMs) / 1000)
  console.log(`${perPoint.toFixed(2)} bytes a point in the data folder, minutes and hours included`)
  const hub = await startHub(data, ['n/#'])
  const took = async (spanMs: number, filter: string) => {
    const times: number[] = []
    for (let round = 0; round < 7; round++) {
      const range = `from=${endAt - spanMs}&to=${endAt}&points=500`
      const startMs = performance.now()
      const url = `http://127.0.0.1:${hub.httpPort}/api/history?topic=${encodeURIComponent(filter)}`
      const response = await fetch(`${url}&${range}`, { headers: { Authorization } })
      const answer = (await response.json()) as { series: { points: unknown[] }[] }
      if (answer.series[0]?.points.length === 0) throw new Error('expected points, got none')
      times.push(performance.now() - startMs)
    }
    return Number(median(times).toFixed(1))
  }
  const sqlite = JSON.parse(
    execFileSync(
      'python3',
      [
        new URL('./servers/sqlite-points.py', import.meta.url).pathname,
        join(folder, 'points.txt'),
        join(folder, 'points.sqlite'),
      ],
      { input: `${JSON.stringify(charts)}\n`, encoding: 'utf8' },
    ),
  )
  const rows = []
  for (const [name, spanMs] of [...charts, ['7 d', 7 * dayMs] as const]) {
    const theirs = sqlite.times[name]
    rows.push({
      range: name,
      'hub, 1 series, ms': await took(spanMs, 'n/0/thermometer/0'),
      'hub, 10 series, ms': await took(spanMs, 'n/#'),
      'SQLite, 10 series, ms': theirs === undefined ? '' : Number(theirs.toFixed(1)),
    })
  }
  console.table(rows)
  const { insertMicroseconds, bytesPerPoint } = sqlite
  console.log(
    `SQLite: ${bytesPerPoint.toFixed(1)} bytes a point, ${insertMicroseconds.toFixed(2)} µs to insert`,
  )
  hub.end()
}

await inFolder(measureQueries)
await inFolder(measureIngest)
