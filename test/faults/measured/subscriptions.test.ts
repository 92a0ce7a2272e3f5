import t, { type Test } from 'tap'
import { type HubProcess, hubProcess } from '../../hub-process.ts'
import {
  type ConnectFields,
  pingPacket,
  type RawMqtt,
  rawMqttTo,
  signedIn,
  subscribePacket,
} from '../../raw-mqtt.ts'

/** As Zigbee2MQTT and Home Assistant call them. */
function filtersOf(count: number, client: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const device = (0x00158d0001 + Math.floor(at / 4)).toString(16).padStart(16, '0')
    return `homeassistant/sensor/0x${device}/value_${client}_${at % 4}/config`
  })
}

async function clientOf(t: Test, { mqttPort }: HubProcess, fields: ConnectFields) {
  return signedIn(await rawMqttTo(t, mqttPort), { ...fields, keepAliveSeconds: 0 })
}

/** Subscribes in one packet; answers the longest that another client waited for an answer meanwhile. */
async function subscribeAll(raw: RawMqtt, healthy: RawMqtt, filters: string[]) {
  let isDone = false
  let longestMs = 0
  const watching = (async () => {
    while (!isDone) {
      const startMs = performance.now()
      healthy.send(pingPacket)
      await healthy.next()
      longestMs = Math.max(longestMs, performance.now() - startMs)
    }
  })()
  const startMs = performance.now()
  raw.send(subscribePacket(filters, 1))
  const suback = await raw.next((answer) => answer.startsWith('90'))
  isDone = true
  await watching
  return { longestMs, suback, tookMs: performance.now() - startMs }
}

/** What one filter may cost: docs/limits.md says what it does. */
const mostBytes = { clean: 600, kept: 1000 }

for (const kind of ['clean', 'kept'] as const) {
  t.test(`F16: 60,000 filters of ${kind} sessions cost little memory and time`, async (t) => {
    const clean = kind === 'clean'
    const hub = await hubProcess(t, { limits: { memory: { mib: 4096 } } })
    const healthy = await clientOf(t, hub, { clientId: 'healthy' })
    await subscribeAll(
      await clientOf(t, hub, { clientId: 'warm', clean }),
      healthy,
      filtersOf(1000, 99),
    )
    const before = await hub.report()
    const waitedMs: number[] = []
    for (let client = 0; client < 6; client++) {
      const raw = await clientOf(t, hub, { clientId: `client ${client}`, clean })
      const { suback, longestMs } = await subscribeAll(raw, healthy, filtersOf(10_000, client))
      waitedMs.push(longestMs)
      t.ok(suback.endsWith('01'.repeat(10_000)), 'all are granted')
    }
    const bytes = ((await hub.report()).usedBytes - before.usedBytes) / 60_000
    t.comment(`${Math.round(bytes)} bytes each; 10,000: ${waitedMs.map(Math.round)} ms`)
    t.ok(bytes < mostBytes[kind], `${Math.round(bytes)} bytes each`)
    const odd = await clientOf(t, hub, { clientId: 'odd', clean })
    const tiny = Array.from({ length: 140_000 }, (_, at) => at.toString(36))
    const { suback, longestMs } = await subscribeAll(odd, healthy, tiny)
    t.ok(
      suback.endsWith(`${'01'.repeat(20_000)}${'80'.repeat(120_000)}`),
      'what is past the limit is refused',
    )
    t.comment(`140,000 tiny ones: others waited ${Math.round(longestMs)} ms`)
    t.ok(Math.max(longestMs, ...waitedMs) < 5000, 'others are answered meanwhile')
  })
}
