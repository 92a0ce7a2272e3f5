import t from 'tap'
import { atLength } from '../../full-length.ts'
import { hubProcess } from '../../hub-process.ts'
import { requireProgram, run } from '../../programs.ts'
import { publishPacket, rawMqttTo, settled, signedIn } from '../../raw-mqtt.ts'
import { testFolder } from '../../test-folder.ts'
import { startControl } from '../control.ts'

const topics = atLength(100_000, 30_000)
const topicsAtOnce = 100
const quota = 10_000

const limits = {
  retained: { topics: quota },
  mqtt: { publishesPerSecond: 100_000, publishBurst: 200_000 },
}

/** A retained value at QoS 0 on so many topics. */
function flood(from: number): Buffer {
  const packets = Array.from({ length: topicsAtOnce }, (_, at) =>
    publishPacket(`flood/${from + at}`, { payload: String(from + at), retain: true }),
  )
  return Buffer.concat(packets)
}

t.test(`F15: ${topics} retained topics end at the quota, and trouble nobody`, async (t) => {
  t.setTimeout(120_000)
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const hub = await hubProcess(t, { data: { folder: testFolder(t) }, limits })
  const control = await startControl(t, hub)
  const flooding = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'flooding' })
  for (let from = 0; from < topics; from += topicsAtOnce) {
    flooding.send(flood(from))
    await settled(flooding)
  }
  t.match(await hub.counters(), { 'retained-refused': topics - quota })

  const beforeMs = performance.now()
  const { output } = await run('mosquitto_sub', [
    ...['-p', String(hub.mqttPort), '-t', 'flood/#', '-C', String(quota), '-F', '%t %p %r'],
  ])
  const tookMs = performance.now() - beforeMs
  const lines = output.trim().split('\n')
  t.equal(new Set(lines).size, quota)
  t.ok(
    lines.every((line) => /^flood\/(\d+) \1 1$/.test(line)),
    'each topic has its own value',
  )
  const { p99LatencyMs, worstLatencyMs } = await control.stop()
  t.comment(`p99 ${p99LatencyMs} ms, worst ${worstLatencyMs} ms; all of them in ${tookMs} ms`)
  t.ok(p99LatencyMs <= 250, `messages went on meanwhile: p99 is ${p99LatencyMs} ms`)
})
