import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { connectAsync, type IClientOptions } from 'mqtt'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import type { HubPorts } from '../started-hub.ts'

const base = 'nodes/bridge/0'
const intervalMs = 100
const messagesAtOnce = 25
const topics = 200
const keptClients = 20
const churnIntervalMs = 500

function connect({ mqttPort }: HubPorts, options: IClientOptions) {
  return connectAsync(`mqtt://127.0.0.1:${mqttPort}`, {
    username: 'clown',
    password: 'bigclown',
    reconnectPeriod: 0,
    ...options,
  })
}

function openTalk({ httpPort }: HubPorts): WebSocket {
  return new WebSocket(`ws://clown:bigclown@127.0.0.1:${httpPort}/talk/${base}`)
}

/**
 * 250 messages a second of every QoS, some of them retained, and a client that counts them. Those of QoS 0
 * are counted apart: a client that is late by megabytes may miss one.
 */
export async function startSteadyLoad(t: Test, hub: HubPorts) {
  const subscriber = await connect(hub, { clientId: 'steady', clean: false })
  const received = { unacknowledged: 0, acknowledged: 0 }
  subscriber.on('message', (_topic, _payload, { qos }) => {
    received[kindOf(qos)] += 1
  })
  await subscriber.subscribeAsync(`${base}/soak/#`, { qos: 2 })
  const publisher = await connect(hub, { clientId: 'publisher' })
  t.teardown(() => Promise.all([subscriber.endAsync(true), publisher.endAsync(true)]))
  const sent = { unacknowledged: 0, acknowledged: 0 }
  let count = 0
  const publish = () => {
    for (let at = 0; at < messagesAtOnce; at++) {
      count += 1
      const qos = ([0, 1, 1, 2] as const)[count % 4] ?? 0
      sent[kindOf(qos)] += 1
      publisher.publish(`${base}/soak/${count % topics}`, String(count), {
        qos,
        retain: count % 5 === 0,
      })
    }
  }
  const timer = setInterval(publish, intervalMs)
  t.teardown(() => clearInterval(timer))
  return {
    /** Waits until what was sent has come. */
    stop: async () => {
      clearInterval(timer)
      const late = pause(30_000, 'late', { ref: false })
      const arrival = () =>
        new Promise<void>((resolve) => subscriber.once('packetreceive', () => resolve()))
      while (received.acknowledged < sent.acknowledged)
        if ((await Promise.race([arrival(), late])) === 'late') break
      return { count, sent, received }
    },
  }
}

function kindOf(qos: number) {
  return qos === 0 ? 'unacknowledged' : 'acknowledged'
}

/** Clients of three kinds that come, take what is there, ask for something, and go. */
export function startChurn(t: Test, hub: HubPorts) {
  const visits = [visitByTalk, visitClean, visitKept]
  let count = 0
  let isStopped = false
  const run = async () => {
    while (!isStopped) {
      const began = performance.now()
      await visits[count % visits.length]?.(hub, count)
      count += 1
      const restMs = Math.max(0, churnIntervalMs - (performance.now() - began))
      await new Promise((resolve) => setTimeout(resolve, restMs))
    }
  }
  const running = run()
  const stop = () => {
    isStopped = true
    return running
  }
  t.teardown(stop)
  return { count: () => count, stop }
}

async function visitByTalk(hub: HubPorts): Promise<void> {
  const websocket = openTalk(hub)
  await once(websocket, 'open')
  websocket.send('["relay/i2c0-3b/set",{"state":true},{"id":"1"}]\n["relay/i2c0-3b/get",{}]\n')
  await once(websocket, 'message')
  websocket.close()
  await once(websocket, 'close')
}

async function visitClean(hub: HubPorts, count: number): Promise<void> {
  const client = await connect(hub, { clientId: `visitor-${count}` })
  await client.subscribeAsync('#', { qos: 1 })
  // A node that is never seen again.
  await client.publishAsync(`nodes/visitor/${count % topics}/relay/-`, '{"state":false}', {
    qos: 1,
  })
  await client.endAsync()
}

async function visitKept(hub: HubPorts, count: number): Promise<void> {
  const client = await connect(hub, { clientId: `kept-${count % keptClients}`, clean: false })
  await client.subscribeAsync(`${base}/soak/${count % topics}`, { qos: 2 })
  await client.endAsync()
}
