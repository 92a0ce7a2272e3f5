// What is said on each wire: the same message in the words of each peer.
import { clientFrame, serverFrameBytes, upgradeRequest } from './frames.ts'
import {
  connectPacket,
  countPackets,
  field,
  type Level,
  number,
  packet,
  propertiesOf,
  subackBytes,
  subscribePacket,
} from './packets.ts'

/** A step of opening a connection: what is sent, and whether what has come is the whole answer. */
export interface Step {
  readonly send: Buffer
  isAnswered(received: Buffer): boolean
}

/** Whom a message reaches: those in its room, and those who listen to all rooms. */
export type Room = number | 'all'

export interface Wire {
  /** Steps to somebody who receives what is said in `room`. */
  receiver(room: Room): readonly Step[]
  /** Steps to somebody who speaks in `room`. */
  publisher(room: number): readonly Step[]
  /** Whether who speaks in a room is in it, and receives what it said. */
  readonly isEchoed: boolean
  /** A message as it is sent; with an id it is one at QoS 1, where there is such a thing. */
  message(room: number, id?: number): Buffer
  /** Its length as it is received. */
  deliveredBytes(room: Room): number
}

/** All have three digits, so that all messages have one length. */
export const firstRoom = 100

const device = 'thermometer/i2c0-48'
const value = '{"temperature":[21.25,"℃"],"at":"2026-11-21T12:00:00.000Z"}'
/** Messages of all wires: the topic and the value make 100 bytes. */
const topicOf = (room: number) => `nodes/bridge/${room}/${device}`

const isUpgraded = (received: Buffer) => received.includes('\r\n\r\n')

/** Clown.Talk. */
const talk: Wire = {
  receiver: (room) => [upgradeTo(room === 'all' ? '/talk/nodes/bridge' : talkPath(room))],
  publisher: (room) => [upgradeTo(talkPath(room))],
  isEchoed: true,
  message: () => clientFrame(Buffer.from(talkLine(device))),
  deliveredBytes: (room) => {
    const line = talkLine(room === 'all' ? `${firstRoom}/${device}` : device)
    return serverFrameBytes(Buffer.byteLength(line))
  },
}

const talkPath = (room: number) => `/talk/nodes/bridge/${room}`
const talkLine = (topic: string) => `["${topic}",${value}]\n`

function upgradeTo(path: string): Step {
  return { send: upgradeRequest(path), isAnswered: isUpgraded }
}

/** Whatever is sent in a room goes to all in it as it is. */
const relay: Wire = {
  ...talk,
  receiver: (room) => [upgradeTo(`/${room}`)],
  publisher: (room) => [upgradeTo(`/${room}`)],
  deliveredBytes: () => talk.deliveredBytes(firstRoom),
}

/** Engine.IO 4 and Socket.IO 5. */
const socketIo: Wire = {
  receiver: socketIoSteps,
  publisher: socketIoSteps,
  isEchoed: true,
  message: () => clientFrame(Buffer.from(`42["${device}",${value}]`)),
  deliveredBytes: () => serverFrameBytes(Buffer.byteLength(`42["${device}",${value}]`)),
}

function socketIoSteps(room: Room): readonly Step[] {
  const path = `/socket.io/?EIO=4&transport=websocket&room=${room}`
  return [
    { send: upgradeRequest(path), isAnswered: (received) => received.includes('"maxPayload"') },
    {
      send: clientFrame(Buffer.from('40')),
      isAnswered: (received) => /40\{"sid":"[^"]+"\}/.test(received.toString()),
    },
  ]
}

let clients = 0

const connackBytes = 4
const filterOf = (room: Room) => `nodes/bridge/${room === 'all' ? '+' : room}/${device}`

/** MQTT of a level, with the properties that each message has. */
function mqttOf(level: Level, properties?: Buffer): Wire {
  const connect = (): Step => ({
    send: connectPacket(`load-${clients++}`, true, level),
    isAnswered: (received) => countPackets(received) >= 1,
  })
  const message = (room: number, id?: number) => {
    const own = id === undefined ? [] : [number(id)]
    const parts = [field(topicOf(room)), ...own, ...propertiesOf(level, properties)]
    return packet(id === undefined ? 0x30 : 0x32, [...parts, Buffer.from(value)])
  }
  return {
    receiver: (room) => [
      connect(),
      {
        send: subscribePacket([filterOf(room)], 0, level),
        isAnswered: (received) => countPackets(received) >= 2,
      },
    ],
    publisher: () => [connect()],
    isEchoed: false,
    message,
    deliveredBytes: () => message(firstRoom).length,
  }
}

/** MQTT 5, 3.3.2.3: payload format, content type and two user properties. */
const fourProperties = Buffer.concat([
  Buffer.from([0x01, 1, 0x03]),
  field('application/json'),
  Buffer.from([0x26]),
  field('site'),
  field('lab'),
  Buffer.from([0x26]),
  field('unit'),
  field('℃'),
])

const mqtt = mqttOf(4)

const mqttByWebsocket: Wire = {
  receiver: (room) => framed(mqtt.receiver(room)),
  publisher: (room) => framed(mqtt.publisher(room)),
  isEchoed: false,
  message: (room) => clientFrame(mqtt.message(room), 'binary'),
  deliveredBytes: (room) => serverFrameBytes(mqtt.deliveredBytes(room)),
}

/** Mosquitto answers each packet with a frame of its own. */
function framed(steps: readonly Step[]): readonly Step[] {
  return [
    { send: upgradeRequest('/mqtt', 'mqtt'), isAnswered: isUpgraded },
    ...steps.map(({ send }, at) => ({
      send: clientFrame(send, 'binary'),
      isAnswered: (received: Buffer) => {
        const start = received.indexOf('\r\n\r\n') + 4
        const bytes = serverFrameBytes(connackBytes) + at * serverFrameBytes(subackBytes)
        return received.length - start >= bytes
      },
    })),
  ]
}

export const wires = {
  talk,
  relay,
  socketIo,
  mqtt,
  mqttByWebsocket,
  mqtt5: mqttOf(5),
  mqtt5WithProperties: mqttOf(5, fourProperties),
}

export type WireName = keyof typeof wires

/** A retained message on one of many topics, all of one length. */
export function retainedMessage(at: number): Buffer {
  return packet(0x31, [field(`kept/${1_000_000 + at}`), Buffer.from(value)])
}
