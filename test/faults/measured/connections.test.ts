import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { ConfigInput } from '../../../src/config.ts'
import { rawExchange } from '../../raw-http.ts'
import { type HubPorts, mqttTo, startedHub, talkTo } from '../../started-hub.ts'
import { startControl } from '../control.ts'

const users = {
  clown: { password: 'bigclown', role: 'admin' },
  viewer: { password: 'four', role: 'viewer' },
  other: { password: 'five', role: 'viewer' },
} as const

async function hubWith(
  t: Test,
  connections: NonNullable<NonNullable<ConfigInput['limits']>['connections']>,
  http = {},
) {
  return startedHub(t, { users, http: { port: 0, ...http }, limits: { connections } })
}

/** Connections that say nothing, from so many addresses of this machine. */
async function silentOnes(
  t: Test,
  port: number,
  { count, addresses }: { count: number; addresses: number },
): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, (_, at) =>
    connect({ port, host: '127.0.0.1', localAddress: `127.0.1.${1 + (at % addresses)}` }),
  )
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  await Promise.all(
    sockets.map((socket) => {
      socket.on('error', () => {}).resume()
      return new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
    }),
  )
  return sockets
}

async function comeIn(t: Test, hub: HubPorts): Promise<void> {
  const page = await talkTo(t, hub)
  page.send('a/b', 1)
  await page.on('a/b')
  await mqttTo(t, hub)
  t.ok((await fetch(`http://127.0.0.1:${hub.httpPort}/healthz`)).ok)
}

for (const [where, addresses, exemptLoopback] of [
  ['one process on this machine', 1, true],
  ['60 addresses', 60, false],
] as const) {
  t.test(`F56: 200 silent connections of ${where} keep nobody out`, async (t) => {
    const hub = await hubWith(t, {
      ...{ unauthenticated: 200, unauthenticatedPerAddress: 10, exemptLoopback },
    })
    const control = await startControl(t, hub)
    for (const port of [hub.mqttPort, hub.httpPort]) {
      await silentOnes(t, port, { count: 400, addresses })
      const startMs = performance.now()
      await comeIn(t, hub)
      const tookMs = performance.now() - startMs
      t.ok(tookMs < 2000, `others come in after ${tookMs} ms`)
    }
    t.ok(Number(hub.counters()['connections-given-way']) > 0)
    await control.stop()
  })
}

/** A request that goes on as long as it is not destroyed; answers its status. */
async function follow(t: Test, hub: HubPorts, { user = 'viewer:four', from = '' } = {}) {
  const asked = request({
    ...{ port: hub.httpPort, host: '127.0.0.1', auth: user, agent: false },
    path: '/api/history?follow=true&format=ndjson&topic=%23',
    headers: from === '' ? {} : { 'X-Forwarded-For': from },
  })
  t.teardown(() => asked.destroy())
  asked.on('error', () => {}).end()
  const [response] = await once(asked, 'response')
  return { status: response.statusCode, end: () => asked.destroy() }
}

t.test(
  'F55: long requests of who is signed in shut out nobody behind the same address',
  async (t) => {
    const connections = {
      unauthenticated: 200,
      unauthenticatedPerAddress: 10,
      exemptLoopback: false,
    }
    const hub = await hubWith(t, connections)
    for (let at = 0; at < 30; at++) t.equal((await follow(t, hub)).status, 200)
    await comeIn(t, hub)
    t.equal((await follow(t, hub, { user: 'other:five' })).status, 200)
  },
)

t.test('F55: nor do those that a proxy passes on, anywhere', async (t) => {
  const connections = { unauthenticated: 20, unauthenticatedPerAddress: 10 }
  const hub = await hubWith(t, connections, { trustProxy: ['127.0.0.1'] })
  for (let at = 0; at < 60; at++) {
    t.equal((await follow(t, hub, { from: `192.0.2.${1 + (at % 3)}` })).status, 200)
  }
  await comeIn(t, hub)
  t.equal((await follow(t, hub, { user: 'other:five', from: '192.0.2.1' })).status, 200)
})

t.test('F55: they count for their user, like all connections', async (t) => {
  const hub = await hubWith(t, { perUser: 3 })
  const all = [await follow(t, hub), await follow(t, hub), await follow(t, hub)]
  t.same(
    all.map(({ status }) => status),
    [200, 200, 200],
  )
  t.equal((await follow(t, hub)).status, 503)
  t.equal((await follow(t, hub, { user: 'other:five' })).status, 200)
  const authorization = `Authorization: Basic ${Buffer.from('viewer:four').toString('base64')}`
  const nodes = `GET /api/nodes HTTP/1.1\r\nHost: localhost\r\n${authorization}\r\n\r\n`
  t.match(await rawExchange(hub.httpPort, nodes), /^HTTP\/1\.1 503 .*Retry-After: 5/s)
  all[0]?.end()
  while (!(await rawExchange(hub.httpPort, nodes)).startsWith('HTTP/1.1 200 '));
})
