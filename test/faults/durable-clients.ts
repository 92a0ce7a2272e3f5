import {
  isPublish,
  number,
  packet,
  publishPacket,
  type RawMqtt,
  readPublish,
  signedIn,
} from '../raw-mqtt.ts'

/** Calls `hear` with each packet that comes, also with those that came before. */
function listen(raw: RawMqtt, hear: (packetHex: string) => void): void {
  let heard = 0
  const hearAll = () => {
    for (; heard < raw.packets.length; heard++) hear(raw.packets[heard] ?? '')
  }
  hearAll()
  raw.stream.on('data', hearAll)
}

/** Type, and id of a packet that has nothing else. */
function answerOf(packetHex: string): { readonly type: string; readonly id: number } {
  return { type: packetHex.slice(0, 1), id: Number.parseInt(packetHex.slice(4, 8), 16) }
}

export interface Numbered {
  readonly number: number
  readonly topic: string
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
}

interface Open {
  readonly message: Numbered
  /** PUBREC came: PUBREL is sent from then on. */
  isReceived: boolean
}

/** How many messages of a publisher may be without an answer. */
const windowMessages = 40

/**
 * Publishes numbered messages, and goes on over many connections as MQTT wants it: what has no answer is
 * sent again. `messageOf` answers message number so and so.
 */
export function createPublisher(clientId: string, messageOf: (number: number) => Numbered) {
  /** By id, in the order they were sent. */
  const open = new Map<number, Open>()
  const acknowledged: Numbered[] = []
  let last = 0
  let raw: RawMqtt | undefined
  let isPublishing = false
  let idle = () => {}
  const send = (id: number, { message, isReceived }: Open, isAgain: boolean) => {
    if (isReceived) {
      raw?.send(packet(0x62, number(id)))
      return
    }
    const { topic, qos, retain } = message
    const bytes = publishPacket(topic, { payload: String(message.number), qos, retain, id })
    if (isAgain) bytes[0] = (bytes[0] ?? 0) | 8
    raw?.send(bytes)
  }
  const fill = () => {
    while (isPublishing && open.size < windowMessages) {
      const message = messageOf(++last)
      // Small enough that one may come again soon, as clients with little memory have it.
      const id = (last % 200) + 1
      const entry = { message, isReceived: false }
      if (open.has(id)) return
      if (message.qos > 0) open.set(id, entry)
      send(id, entry, false)
    }
    if (open.size === 0) idle()
  }
  const hear = (packetHex: string) => {
    const { type, id } = answerOf(packetHex)
    const entry = open.get(id)
    if (entry === undefined || !'457'.includes(type)) return
    if (type !== '7' && !entry.isReceived) acknowledged.push(entry.message)
    if (type === '5') {
      entry.isReceived = true
      send(id, entry, false)
    } else open.delete(id)
    fill()
  }
  return {
    /** What the hub has said that it has. */
    acknowledged,
    connect: async (to: RawMqtt) => {
      await signedIn(to, { clientId, clean: false })
      raw = to
      listen(to, hear)
      for (const [id, entry] of open) send(id, entry, true)
    },
    publish: () => {
      isPublishing = true
      fill()
    },
    pause: () => {
      isPublishing = false
    },
    /** Resolves when everything has its answers. */
    finished: () =>
      new Promise<void>((resolve) => {
        isPublishing = false
        idle = resolve
        if (open.size === 0) resolve()
      }),
  }
}

/** Reads and acknowledges what comes; at QoS 2 each id counts once until it is released. */
export function createSubscriber(clientId: string) {
  const received: { readonly number: number; readonly qos: number; readonly topic: string }[] = []
  const unreleased = new Set<number>()
  const release = (raw: RawMqtt, id: number) => {
    unreleased.delete(id)
    raw.send(packet(0x70, number(id)))
  }
  const receive = (raw: RawMqtt, packetHex: string) => {
    const { topic, qos, id = 0, payload } = readPublish(packetHex)
    if (!unreleased.has(id)) received.push({ number: Number(payload), qos, topic })
    if (qos === 2) unreleased.add(id)
    if (qos > 0) raw.send(packet(qos === 1 ? 0x40 : 0x50, number(id)))
  }
  return {
    /** Every delivery, as far as the client can tell. */
    received,
    connect: async (raw: RawMqtt) => {
      await signedIn(raw, { clientId, clean: false })
      listen(raw, (packetHex) => {
        if (isPublish(packetHex)) receive(raw, packetHex)
        else if (packetHex.startsWith('6')) release(raw, answerOf(packetHex).id)
      })
    },
  }
}
