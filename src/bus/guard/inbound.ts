import { TokenBucket } from '../../core/token-bucket.ts'
import { isOversize } from './oversize.ts'
import { type MqttLimits, packetTypes, qosOf, typeOf } from './packet-types.ts'

/** What a packet costs in memory besides its bytes, so that many small ones count too. */
export const overheadBytes = 200

/** What the broker gets at a time: at most so many packets, of at most so many bytes. */
const runLimits = { packets: 64, bytes: 64 * 1024 }

/** How fast the broker takes what a client sends. */
export interface InboundRates {
  readonly publishes: TokenBucket
  /** For whatever else makes work. */
  readonly requests: TokenBucket
}

/** The rates of one client. */
export function inboundRates(limits: MqttLimits): InboundRates {
  const { publishesPerSecond, publishBurst, requestsPerSecond, requestBurst } = limits
  return {
    publishes: new TokenBucket({ perSecond: publishesPerSecond, burst: publishBurst }),
    requests: new TokenBucket({ perSecond: requestsPerSecond, burst: requestBurst }),
  }
}

interface PricedPacket {
  readonly packet: Buffer
  readonly bucket: TokenBucket
  /** 0 for what may always pass. */
  readonly tokens: number
}

export interface InboundOptions {
  readonly rates: InboundRates
  /** Whether the broker may have this packet now. What may not waits, with all behind it, for a PUBREL. */
  mayTake(packet: Buffer): boolean
  /** The broker gets this packet. */
  taken(packet: Buffer): void
}

/**
 * Packets of one client that the broker has not taken yet. The broker deals with all it takes at a
 * time side by side; so it gets runs of packets of one kind, and the next kind when it is done with
 * them. Otherwise a SUBSCRIBE would overtake the PUBLISH before it, and a message that is not
 * retained the one that is [MQTT-4.6.0-5].
 */
export class Inbound {
  readonly #options: InboundOptions
  #packets: PricedPacket[] = []
  #takenCount = 0
  #bytes = 0

  constructor(options: InboundOptions) {
    this.#options = options
  }

  /** What the packets cost in memory. */
  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#takenCount === this.#packets.length
  }

  /** `requests`: for how many requests the packet counts; a PUBLISH has a rate of its own. */
  add(packet: Buffer, requests: number): void {
    const isMessage = typeOf(packet.readUInt8()) === packetTypes.publish
    const { publishes, requests: others } = this.#options.rates
    const [bucket, tokens] = isMessage ? [publishes, 1] : [others, requests]
    this.#packets.push({ packet, bucket, tokens })
    this.#bytes += packet.length + overheadBytes
  }

  /** Whether the next packet waits for a PUBREL. */
  get isBlocked(): boolean {
    const next = this.#next()
    return next !== undefined && !this.#options.mayTake(next.packet)
  }

  /** The next run; undefined when there is none, or when the client has to wait. */
  take(): Buffer | undefined {
    const run = this.#taken(this.isBlocked ? this.#takeReleases() : this.#takeRun())
    return run.length > 1 ? Buffer.concat(run) : run[0]
  }

  /** The next run, if it is one of messages that need nothing of the broker; empty otherwise. */
  takeMessages(): readonly Buffer[] {
    const next = this.#next()
    return next !== undefined && isSimple(next.packet) ? this.#taken(this.#takeRun()) : []
  }

  #taken(run: readonly Buffer[]): readonly Buffer[] {
    this.#forgetTaken()
    for (const { length } of run) this.#bytes -= length + overheadBytes
    return run
  }

  #takeRun(): Buffer[] {
    const run: Buffer[] = []
    let bytes = 0
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const { packet } = next
      const first = run[0] ?? packet
      const isFull = run.length === runLimits.packets || bytes > runLimits.bytes
      if (isFull || !goTogether(first, packet)) break
      if (!this.#options.mayTake(packet) || !mayPass(next)) break
      this.#options.taken(packet)
      run.push(packet)
      bytes += packet.length
      this.#takenCount++
      if (isAlone(first)) break
    }
    return run
  }

  /** A client sends PUBREL behind all it has sent; what waits for it would make it wait for ever. */
  #takeReleases(): Buffer[] {
    const run: Buffer[] = []
    this.#packets = this.#packets.slice(this.#takenCount).filter((waiting) => {
      const { packet } = waiting
      const isFull = run.length === runLimits.packets
      if (isFull || !isRelease(packet) || !mayPass(waiting)) return true
      this.#options.taken(packet)
      run.push(packet)
      return false
    })
    this.#takenCount = 0
    return run
  }

  /** How long until the next packet may pass; 0 when it may, or when there is none. */
  waitMs(): number {
    const next = this.#next()
    return next === undefined || next.tokens === 0 ? 0 : next.bucket.waitMs()
  }

  #next(): PricedPacket | undefined {
    return this.#packets[this.#takenCount]
  }

  #forgetTaken(): void {
    if (this.isEmpty || this.#takenCount > 1024) {
      this.#packets = this.#packets.slice(this.#takenCount)
      this.#takenCount = 0
    }
  }
}

function mayPass({ bucket, tokens }: PricedPacket): boolean {
  return tokens === 0 || bucket.take(tokens)
}

function isRelease(packet: Buffer): boolean {
  return typeOf(packet.readUInt8()) === packetTypes.pubrel
}

/** Kinds are type, QoS and retain flag; DUP makes no difference. */
function goTogether(one: Buffer, other: Buffer): boolean {
  const dup = 8
  const isSameKind = (one.readUInt8() | dup) === (other.readUInt8() | dup)
  return isSameKind && isSimple(one) === isSimple(other)
}

/** Whether a packet is a message that is dealt with when it has been published, or was too large for that. */
function isSimple(packet: Buffer): boolean {
  const first = packet.readUInt8()
  if (typeOf(first) !== packetTypes.publish) return false
  return qosOf(first) < 2 || isOversize(packet)
}

/** Only messages and their acknowledgements come in numbers. */
function isAlone(packet: Buffer): boolean {
  const type = typeOf(packet.readUInt8())
  return type < packetTypes.publish || type > packetTypes.pubcomp
}
