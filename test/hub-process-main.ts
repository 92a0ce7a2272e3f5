// A hub in a process of its own, for tests that ask what it costs. Its configuration is the argument.
import { startHub } from '../src/hub.ts'

const lookIntervalMs = 20

const hub = await startHub(JSON.parse(process.argv[2] ?? '{}'))
let peakBytes = 0
setInterval(() => {
  peakBytes = Math.max(peakBytes, process.memoryUsage.rss())
}, lookIntervalMs)
process.on('message', (question) => {
  if (question === 'counters') process.send?.(hub.counters())
  else process.send?.({ ...memory(), counters: hub.counters() })
})

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
