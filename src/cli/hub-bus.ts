/** The one MQTT client of the command line: over a hub's websocket, or to any broker by an address of its own. */
import { randomBytes } from 'node:crypto'
import type { IClientOptions, IPublishPacket, MqttClient } from 'mqtt'
import { reasonOf } from '../core/errors.ts'
import { cannotConnect, describeBroker, readBrokerUrl } from '../simulator/broker-address.ts'
import { passwordIn } from './arguments.ts'
import { type HubValues, hubAddress } from './hub-address.ts'
import { plainText, type Terminal } from './terminal.ts'

/** How long a broker keeps what comes while a connection is lost. */
const sessionSeconds = 300

/** Where MQTT is spoken with a hub or broker, and who we are to it. */
interface BusAddress {
  /** As a person may read it. */
  readonly told: string
  readonly options: IClientOptions
}

/**
 * Signs in to the hub, or to the broker that `mqtt[s]://` names. A connection that is lost later comes back by itself,
 * with all that was sent meanwhile at QoS 1 and 2.
 *
 * @throws HubError `cannot-connect`
 */
export async function connectBus(values: HubValues, terminal: Terminal): Promise<MqttClient> {
  const { told, options } = busAddress(values, terminal)
  const { connect } = await import('mqtt')
  const client = connect({ ...options, ...sessionOptions() })
  try {
    await new Promise((resolve, reject) => {
      client.once('connect', resolve).once('error', reject)
      // What refuses a websocket is no error of the library's, which would dial for ever.
      client.once('close', () => reject(new Error('a connection that was closed at once')))
    })
    return tellLosses(client, told, terminal)
  } catch (thrown) {
    client.end(true)
    throw cannotConnect(told, thrown)
  }
}

/** Whether an address is that of a broker, and not of a hub's pages. */
export function isBroker({ url }: HubValues, { environment }: Pick<Terminal, 'environment'>) {
  return /^mqtts?:/.test(String(url ?? environment['CLOWN_HUB_URL']))
}

function busAddress(values: HubValues, terminal: Terminal): BusAddress {
  if (isBroker(values, terminal)) {
    const broker = readBrokerUrl(String(values.url ?? terminal.environment['CLOWN_HUB_URL']))
    const password = passwordIn(values['password-file'])
    return { told: describeBroker(broker), options: { ...broker, ...(password && { password }) } }
  }
  const { url, user: username, password } = hubAddress(values, terminal)
  const { protocol, hostname, port, pathname } = new URL(url)
  const [wsProtocol, usualPort] =
    protocol === 'https:' ? (['wss', 443] as const) : (['ws', 80] as const)
  return {
    told: url,
    options: {
      ...{ username, password, hostname, path: `${pathname.replace(/\/$/, '')}/mqtt` },
      protocol: wsProtocol,
      port: Number(port) || usualPort,
    },
  }
}

function sessionOptions(): IClientOptions {
  return {
    protocolVersion: 5,
    clientId: `clown-hub-${randomBytes(5).toString('hex')}`,
    // Its id is new, and so is its session.
    clean: false,
    properties: { sessionExpiryInterval: sessionSeconds },
    connectTimeout: 5000,
    reconnectPeriod: 1000,
    reconnectOnConnackError: true,
  }
}

function tellLosses(client: MqttClient, told: string, { printError }: Terminal): MqttClient {
  let isLost = false
  client.on('close', () => {
    if (!isLost && !client.disconnecting) printError(`lost ${told}: trying again every second`)
    isLost = true
  })
  client.on('connect', () => {
    printError(`connected to ${told} again`)
    isLost = false
  })
  // What ends the connection closes it, too.
  return client.on('error', () => {})
}

/** Ends the connection and what the broker keeps for it. */
export async function closeBus(client: MqttClient): Promise<void> {
  const isGone = !client.connected
  await client.endAsync(isGone, { properties: { sessionExpiryInterval: 0 } })
}

/** Has `take` called with each message that comes; the next one waits for it. */
export function takeMessages(
  client: MqttClient,
  take: (packet: IPublishPacket) => Promise<void>,
): void {
  client.handleMessage = (packet, done) => {
    take(packet).then(() => done(), done)
  }
}

/**
 * Why a broker refuses a subscription, filter by filter; undefined when it refuses none. With `rap` a message that is
 * retained now says so, too (MQTT 5, 3.8.3.1).
 */
export function subscribed(
  client: MqttClient,
  filters: readonly string[],
  how: { readonly qos: 0 | 1 | 2; readonly rap?: boolean },
): Promise<string | undefined> {
  return new Promise((resolve) => {
    client.subscribe([...filters], how, (error, _granted, packet) => {
      if (error === null) return resolve(undefined)
      const codes = Object(Object(packet).granted)
      const refused = filters.filter((_, at) => codes[at] >= 0x80)
      resolve(`${refused.join(', ')}: ${reasonOf(error).replace(/^Subscribe error: /, '')}`)
    })
  })
}

/** What is published, and how. */
export interface BusMessage {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  readonly properties?: IPublishPacket['properties']
}

/** Publishes a message; resolves with why it is refused, or undefined when it is not. */
export function published(client: MqttClient, message: BusMessage): Promise<string | undefined> {
  const { topic, payload, ...options } = message
  return new Promise((resolve) => {
    client.publish(topic, payload, options, (error, packet) => {
      if (!error) return resolve(undefined)
      const { reasonString } = Object(Object(packet).properties)
      // The broker's own words are better than those for its code.
      const words = [reasonString, reasonOf(error).replace(/^Publish error: /, '')]
      resolve(plainText(String(words.find(Boolean))))
    })
  })
}
