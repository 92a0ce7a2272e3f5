// The hub as it is started by everybody, but with room for a load that one client may not make. The
// argument is a data folder, if it is to keep anything.
import { startHub } from '../../src/hub.ts'

const startedAtMs = performance.now()
const hub = await startHub({
  http: { port: 0 },
  mqtt: { port: 0 },
  users: { anonymous: { role: 'admin' } },
  limits: {
    mqtt: { publishesPerSecond: 100_000, publishBurst: 200_000 },
    commands: { perUserPerSecond: 1000 },
    sessions: { messages: 100_000, bytes: 67_108_864, totalBytes: 1_073_741_824 },
    connections: { perUser: 10_000, perAddress: 10_000, unauthenticated: 10_000 },
  },
  data: { folder: process.argv[2] ?? '' },
  log: { level: 'error' },
})
const startMs = performance.now() - startedAtMs
process.send?.({ port: hub.mqttPort, httpPort: hub.httpPort, startMs })
