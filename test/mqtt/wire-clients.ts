import type { Test } from 'tap'
import {
  type ConnectFields,
  type RawMqtt,
  rawMqttTo,
  signedIn,
  subscribePacket,
} from '../raw-mqtt.ts'
import type { HubPorts } from '../started-hub.ts'

/** A client over TCP that has its CONNACK. */
export async function clientOf(
  t: Test,
  hub: Pick<HubPorts, 'mqttPort'>,
  fields: ConnectFields = {},
): Promise<RawMqtt> {
  return signedIn(await rawMqttTo(t, hub.mqttPort), fields)
}

/** The client `seen`, which gets what is published on `filters` from now on. */
export async function subscriberTo(
  t: Test,
  hub: Pick<HubPorts, 'mqttPort'>,
  { filters = ['#'], qos = 0 } = {},
): Promise<RawMqtt> {
  const seen = await clientOf(t, hub, { clientId: 'seen' })
  seen.send(subscribePacket(filters, qos))
  await seen.next()
  return seen
}
