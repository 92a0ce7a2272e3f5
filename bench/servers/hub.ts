// The hub as it is started by everybody, with every protection on, but with room for a load that one
// client may not make and for as many clients from one address. The arguments are a data folder, if it is
// to keep anything, and the URL of a broker, if it is to run beside one, and
// its name where it is one of several hubs there.
import { fileURLToPath } from 'node:url'
import { answerQuestions } from './watch.ts'

// What is built, since a loader of TypeScript adds work of its own to it.
const built = fileURLToPath(new URL('../../dist/hub.js', import.meta.url))
const { startHub }: typeof import('../../src/hub.ts') = await import(built)
const watch = fileURLToPath(new URL('../../dist/core/process-watch.js', import.meta.url))
const { compileSooner }: typeof import('../../src/core/process-watch.ts') = await import(watch)

const connections = 20_000
const startedAtMs = performance.now()
const [, , folder = '', url, name] = process.argv
const hub = await startHub({
  http: { port: 0 },
  ...(url === undefined
    ? { mqtt: { port: 0 } }
    : { bus: { url, ...(name && { hubs: { name } }) } }),
  users: { anonymous: { role: 'admin' } },
  limits: {
    websocket: { messagesPerSecond: 100_000, messageBurst: 200_000 },
    users: { messagesPerSecond: 1_000_000, messageBurst: 1_000_000 },
    mqtt: { publishesPerSecond: 100_000, publishBurst: 200_000, requestsPerSecond: 10_000 },
    commands: { perUserPerSecond: 1000 },
    ...(url === undefined && {
      sessions: { messages: 100_000, bytes: 67_108_864, totalBytes: 1_073_741_824 },
    }),
    memory: { mib: 3072 },
    retained: { topics: 200_000, totalBytes: 67_108_864 },
    connections: {
      total: connections,
      perUser: connections,
      perAddress: connections,
      unauthenticated: 10_000,
      unauthenticatedPerAddress: 10_000,
      acceptBurst: connections,
    },
  },
  data: { folder },
  log: { level: 'error' },
})
const startMs = performance.now() - startedAtMs
// As `clown-hub run` does.
compileSooner()
process.send?.({ port: hub.mqttPort, httpPort: hub.httpPort, startMs })
answerQuestions()
