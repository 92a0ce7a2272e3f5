// A hub as everybody starts it, with room for the load of one client. Arguments: a data folder, and the
// filter of what its history records, if anything. Answers each message with what it has used so far.
import { fileURLToPath } from 'node:url'

// What is built, since a loader of TypeScript adds work of its own to it.
const built = fileURLToPath(new URL('../../dist/hub.js', import.meta.url))
const { startHub }: typeof import('../../src/hub.ts') = await import(built)

const [folder = '', filter] = process.argv.slice(2)
const hub = await startHub({
  http: { port: 0 },
  mqtt: { port: 0 },
  users: { bench: { password: 'bench-password', role: 'admin' }, anonymous: { role: 'admin' } },
  limits: {
    users: { messagesPerSecond: 1_000_000, messageBurst: 1_000_000 },
    mqtt: { publishesPerSecond: 100_000, publishBurst: 200_000 },
    websocket: { messagesPerSecond: 1000, messageBurst: 2000 },
    // Neighbours on the machine must not make it drop points.
    process: { lagMs: 60_000 },
  },
  history: { record: filter === undefined ? [] : [filter] },
  data: { folder },
  log: { level: 'error' },
})
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpuMs: (user + system) / 1000, rssMiB: process.memoryUsage.rss() / 1_048_576 })
})
process.send?.({ port: hub.mqttPort, httpPort: hub.httpPort })
