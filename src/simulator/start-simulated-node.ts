import { randomBytes } from 'node:crypto'
import { connect, type IClientOptions, type MqttClient } from 'mqtt'
import { HubError } from '../core/errors.ts'
import type { Message } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import {
  type BrokerAddress,
  cannotConnect,
  describeBroker,
  readBrokerUrl,
} from './broker-address.ts'
import { type Convention, checkName, identityOf, type Utterance } from './convention.ts'
import { simulatedClownModel } from './conventions/clown-model.ts'
import type { NodePart } from './parts.ts'
import { messageSaid, type NodeFaults, SimulatedNode } from './simulated-node.ts'

export interface SimulatedNodeOptions {
  /** `mqtt://[user:password@]host[:port]`, user and password percent-encoded; `mqtts://` for TLS. */
  readonly url: string
  /** What it speaks: Clown.Model unless given. */
  readonly convention?: Convention
  /** What its topics have in them, as its convention says; its usual one unless given. */
  readonly name?: string
  /** What it is made of; what is usual for its convention unless given. */
  readonly parts?: readonly NodePart[]
  /** Goes before a user name in `url`. */
  readonly username?: string
  /** Goes before a password in `url`. */
  readonly password?: string
  /** How often each sensor reports until it is told otherwise; 10 seconds unless given. */
  readonly publishIntervalMs?: number
  /** How often somebody switches something by hand; never unless given. */
  readonly byHandIntervalMs?: number
  /** How long the first connection may take; 5 seconds unless given. */
  readonly connectTimeoutMs?: number
  /** Hears one line, without line end, for each thing worth telling. */
  readonly log?: (line: string) => void
  readonly faults?: NodeFaults
  readonly absence?: Absence
}

/** How long a broker that no longer answers can hold up `close()`. */
const closeTimeoutMs = 1000

/**
 * Connects a simulated node to a broker, subscribed when it resolves. When the connection is
 * lost later, the node dials again every second until it is closed.
 *
 * @throws HubError `cannot-connect` when the first attempt gets nowhere, `bad-topic` for a name that
 * is no topic.
 */
export async function startSimulatedNode(
  options: SimulatedNodeOptions,
): Promise<{ close(): Promise<void> }> {
  const { convention = simulatedClownModel, log = () => {} } = options
  const { name = convention.name.usual, parts = convention.parts() } = options
  checkName(name, convention)
  const speech = convention.open(identityOf(name), parts)
  const filters = [...speech.filters]
  const broker = brokerOf(options)
  const client = connect(clientOptions(broker, speech.will))
  const node = new SimulatedNode({
    ...{ parts, speech, every, hour, random: Math.random },
    publishIntervalMs: options.publishIntervalMs ?? 10_000,
    byHandIntervalMs: options.byHandIntervalMs,
    publish: (message) => publish(client, message),
    onDropped: (sentence) => log(`dropped a message: ${sentence}`),
    faults: options.faults ?? {},
  })
  client.on('close', () => forgetUnacknowledged(client))
  client.on('message', (topic, bytes) => node.receive(topic, new Payload(bytes)))
  try {
    await firstSubscription(client, filters, options.connectTimeoutMs ?? 5000)
  } catch (thrown) {
    await client.endAsync(true)
    throw cannotConnect(broker, thrown)
  }
  node.announce()
  const tell = withoutRepeats(log)
  tell(`connected to ${describeBroker(broker)}`)
  client.on('offline', () => tell(`lost ${describeBroker(broker)}, dialling again every second`))
  client.on('error', (error) => tell(cannotConnect(broker, error).message))
  client.on('connect', () => {
    // A clean session is without subscriptions after each reconnection [MQTT-3.1.2-6].
    subscribe(client, filters, (error) => {
      if (error !== null) return tell(cannotConnect(broker, error).message)
      node.announce()
      tell(`connected to ${describeBroker(broker)}`)
    })
  })
  const onLeft = () => tell(`left ${describeBroker(broker)} without a word, as it was told to`)
  const stay = options.absence && planAbsence(client, options.absence, onLeft)
  return {
    close: () => {
      stay?.()
      node.close()
      // Who is put away is told to be gone, as one whose plug was pulled.
      if (speech.will !== undefined) publish(client, messageSaid(speech.will))
      return disconnect(client)
    },
  }
}

function brokerOf({ url, username, password }: SimulatedNodeOptions): BrokerAddress {
  const broker = {
    ...readBrokerUrl(url),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  }
  // [MQTT-3.1.2-22] Without a user name there must be no password.
  if (broker.password === undefined || broker.username !== undefined) return broker
  throw new HubError(
    'cannot-connect',
    `expected a user name with the password for ${describeBroker(broker)}, got a password alone`,
  )
}

function clientOptions(broker: BrokerAddress, will: Utterance | undefined): IClientOptions {
  return {
    ...broker,
    protocolVersion: 4,
    clean: true,
    // 23 characters, the longest that every broker must take [MQTT-3.1.3-5].
    clientId: `simulated-node-${randomBytes(4).toString('hex')}`,
    reconnectPeriod: 1000,
    // A broker that starts up may refuse for a while.
    reconnectOnConnackError: true,
    resubscribe: false,
    ...(will && {
      will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true },
    }),
  }
}

/** Settles when the first connection is subscribed, or cannot be. */
function firstSubscription(
  client: MqttClient,
  filters: string[],
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => {
      reject(new Error(`no answer within ${timeoutMs / 1000} seconds`))
    }, timeoutMs)
    client.once('error', reject)
    client.once('close', () => {
      clearTimeout(deadline)
      reject(new Error('a connection that closed without an answer'))
    })
    client.once('connect', () => {
      subscribe(client, filters, (error) => {
        clearTimeout(deadline)
        if (error === null) resolve()
        else reject(error)
      })
    })
  })
}

/** Calls `answered` with null once subscribed; a refusal by the broker has its code, 128. */
function subscribe(
  client: MqttClient,
  filters: string[],
  answered: (error: Error | null) => void,
): void {
  // [MQTT-3.8.3-3] A subscription has a filter at least; who only tells needs none.
  if (filters.length === 0) {
    answered(null)
    return
  }
  client.subscribe(filters, { qos: 1 }, (error, _grants, suback) => {
    const isRefusal = error !== null && suback !== undefined
    answered(isRefusal ? Object.assign(new Error(error.message), { code: 128 }) : error)
  })
}

function publish(client: MqttClient, { topic, payload, qos, retain }: Message): void {
  // Nothing is kept for later: each new connection begins with every present value.
  if (!client.connected || client.disconnecting) return
  client.publish(topic, payload.bytes, { qos, retain })
}

/** Without this the client would repeat old states on its next connection, before the present ones. */
function forgetUnacknowledged(client: MqttClient): void {
  for (const messageId of Object.keys(client.outgoing)) {
    client.removeOutgoingMessage(Number(messageId))
  }
}

function hour(): number {
  const now = new Date()
  return now.getHours() + now.getMinutes() / 60
}

function every(intervalMs: number, tick: () => void): () => void {
  const timer = setInterval(tick, intervalMs)
  return () => clearInterval(timer)
}

/** Passes lines on, but a line that comes again and again only once. */
function withoutRepeats(log: (line: string) => void): (line: string) => void {
  let last: string | undefined
  return (line) => {
    if (line !== last) log(line)
    last = line
  }
}

/** Takes leave once what is under way is acknowledged, or cuts when the broker does not answer. */
function disconnect(client: MqttClient): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => client.stream.destroy(), closeTimeoutMs)
    const done = () => {
      clearTimeout(cut)
      resolve()
    }
    client.once('close', done)
    client.end(!client.connected, done)
  })
}

/** When a simulated node leaves its broker without a word. */
export interface Absence {
  /** Counted from the first connection. */
  readonly offlineAfterMs: number
  /** Counted from when it left; without it the node stays away. */
  readonly backAfterMs?: number
}

/**
 * Cuts the connection of `client` when the time has come, and dials again when the node is to be back.
 * The returned function calls off what is still to come.
 */
function planAbsence(
  client: MqttClient,
  { offlineAfterMs, backAfterMs }: Absence,
  onLeft: () => void,
): () => void {
  const leave = () => {
    // Forced, it says no DISCONNECT: for the broker this is a node whose plug was pulled.
    client.end(true)
    onLeft()
    if (backAfterMs !== undefined) timer = setTimeout(() => client.reconnect(), backAfterMs)
  }
  let timer = setTimeout(() => {
    // One that has lost its broker leaves as soon as it has found it again.
    if (client.connected) leave()
    else client.once('connect', leave)
  }, offlineAfterMs)
  return () => {
    clearTimeout(timer)
    client.off('connect', leave)
  }
}
