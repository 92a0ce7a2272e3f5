import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { pino } from 'pino'
import t from 'tap'
import type { Connection } from '../../src/access/connection-gate.ts'
import { listenForMqtt } from '../../src/bus/mqtt-listener.ts'
import { createCounters } from '../../src/core/counters.ts'
import { createSampledLog } from '../../src/core/sampled-log.ts'

t.test('a connection that the gate does not admit is cut at once', async (t) => {
  const asked: Connection[] = []
  const handled: unknown[] = []
  const options = {
    host: '127.0.0.1',
    port: 0,
    settings: { host: 'HOST', port: 'PORT' },
    gate: {
      secured: () => {},
      admit: (connection: Connection) => {
        asked.push(connection)
        return asked.length === 1 ? undefined : 'total'
      },
    },
    sampledLog: createSampledLog(pino({ level: 'silent' }), createCounters()),
  } as const
  const listener = await listenForMqtt(options, (stream) => {
    handled.push(stream)
    stream.end('hello')
  })
  t.teardown(listener.close)
  const open = (): Socket => {
    const socket = connect(listener.port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    return socket
  }
  const first = open()
  t.equal(String((await once(first, 'data'))[0]), 'hello')
  await once(open().resume(), 'close')
  t.equal(handled.length, 1)
  t.equal(handled[0], asked[0])
})
