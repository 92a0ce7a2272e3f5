// A hub in a process of its own, for tests that ask what it costs. Its configuration is the argument.
import { startHub } from '../src/hub.ts'

const lookIntervalMs = 20

const hub = await startHub(JSON.parse(process.argv[2] ?? '{}'))
let peakBytes = 0
let latestMs = 0
setInterval(() => {
  peakBytes = Math.max(peakBytes, process.memoryUsage.rss())
}, lookIntervalMs)

/** Watches how late the event loop is by its own work: what other programs take of the machine does not count. */
const everyMs = 5
let lookedAt = { wallMs: performance.now(), workedMs: workedMs() }
setInterval(() => {
  const now = { wallMs: performance.now(), workedMs: workedMs() }
  const lateMs = now.wallMs - lookedAt.wallMs - everyMs
  latestMs = Math.max(latestMs, Math.min(lateMs, now.workedMs - lookedAt.workedMs))
  lookedAt = now
}, everyMs)

function workedMs() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

process.on('message', (question) => {
  if (question === 'counters') process.send?.(hub.counters())
  else report()
})

function report() {
  const answer = { latestMs, ...memory(), counters: hub.counters() }
  // That was a collection, which is no fault of the hub's; the next look sees it.
  setTimeout(() => {
    latestMs = 0
    process.send?.(answer)
  }, 2 * everyMs)
}

function memory() {
  const peak = Math.max(peakBytes, process.memoryUsage.rss())
  peakBytes = 0
  // Without this, what is measured is mostly when the last collection was.
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { residentBytes: rss, usedBytes: heapUsed + external, peakBytes: peak }
}

// Whoever started it may go away without a word.
process.on('disconnect', () => process.exit())
process.send?.({ httpPort: hub.httpPort, mqttPort: hub.mqttPort })
