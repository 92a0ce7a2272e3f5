// The hub as it is started by everybody, but with room for a load that one client may not make.
import { startHub } from '../../src/hub.ts'

const hub = await startHub({
  http: { port: 0 },
  mqtt: { port: 0 },
  users: { anonymous: { role: 'admin' } },
  limits: {
    mqtt: { publishesPerSecond: 100_000, publishBurst: 200_000 },
    commands: { perUserPerSecond: 1000 },
    connections: { perUser: 10_000, perAddress: 10_000, unauthenticated: 10_000 },
  },
  log: { level: 'error' },
})
process.send?.({ port: hub.mqttPort, httpPort: hub.httpPort })
