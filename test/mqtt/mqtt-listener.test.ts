import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { pino } from 'pino'
import t from 'tap'
import type { TcpConnection } from '../../src/access/connection-limiter.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { listenForMqtt } from '../../src/mqtt/mqtt-listener.ts'
import { skipMissing } from '../missing.ts'

t.test('a connection past a limit is cut at once', async (t) => {
  const asked: TcpConnection[] = []
  const handled: unknown[] = []
  const options = {
    host: '127.0.0.1',
    port: 0,
    settings: { host: 'HOST', port: 'PORT' },
    limiter: {
      secured: () => {},
      accept: (connection: TcpConnection) => {
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

t.test('TCP itself asks a quiet peer whether it is there', async (t) => {
  if (!existsSync('/proc/net/tcp')) return skipMissing(t, 'needs /proc/net/tcp: run it on Linux')
  const listener = await listenForMqtt(
    {
      host: '127.0.0.1',
      port: 0,
      settings: { host: 'HOST', port: 'PORT' },
      limiter: { secured: () => {}, accept: () => undefined },
      sampledLog: createSampledLog(pino({ level: 'silent' }), createCounters()),
    },
    (stream) => t.teardown(() => stream.destroy()),
  )
  t.teardown(listener.close)
  const socket = connect(listener.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  const hexOf = (port = 0) => port.toString(16).toUpperCase().padStart(4, '0')
  // proc(5): addresses, a state, two queues, and the timer that runs: 2 is the one for keep-alive.
  const line = new RegExp(
    `:${hexOf(listener.port)} [0-9A-F]+:${hexOf(socket.localPort)} \\S+ \\S+ 02:`,
  )
  t.match(readFileSync('/proc/net/tcp', 'utf8'), line)
})
