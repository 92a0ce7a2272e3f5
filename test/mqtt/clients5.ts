import type { Test } from 'tap'
import { isPublish, type RawMqtt, rawMqttTo } from '../raw-mqtt.ts'
import { type Connect5Fields, readPublish5, signedIn5, subscribe5 } from '../raw-mqtt5.ts'
import type { StartedHub } from '../started-hub.ts'

export async function clientOf(t: Test, hub: StartedHub, fields: Connect5Fields = {}) {
  return signedIn5(await rawMqttTo(t, hub.mqttPort), fields)
}

/** A client of MQTT 5 with these subscriptions. */
export async function readerOf(
  t: Test,
  hub: StartedHub,
  [filter, options] = ['#', 0] as [string, number],
) {
  const raw = await clientOf(t, hub, { clientId: 'reader' })
  raw.send(subscribe5([filter], options))
  await raw.next()
  return raw
}

export async function messageTo(raw: RawMqtt) {
  return readPublish5(await raw.next(isPublish))
}

/** Leaves without a word, and waits until the hub knows. */
export async function leave(hub: StartedHub, raw: RawMqtt, clientId: string): Promise<void> {
  raw.stream.destroy()
  await hub.log.next(
    (line) => line.msg === 'MQTT client gone' && line['client'] === `anonymous:${clientId}`,
  )
}
