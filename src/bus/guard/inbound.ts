import type { TokenBucket } from '../../core/token-bucket.ts'
import { packetTypes, typeOf } from './packet-types.ts'

/** What the broker gets at a time: at most so many packets, of at most so many bytes. */
const runLimits = { packets: 64, bytes: 64 * 1024 }

/**
 * Packets of one client that the broker has not taken yet. The broker deals with all it takes at a
 * time side by side; so it gets runs of packets of one kind, and the next kind when it is done with
 * them. Otherwise a SUBSCRIBE would overtake the PUBLISH before it, and a message that is not
 * retained the one that is [MQTT-4.6.0-5].
 */
export class Inbound {
  readonly #publishBucket: TokenBucket
  #packets: Buffer[] = []
  #takenCount = 0
  #bytes = 0

  constructor(publishBucket: TokenBucket) {
    this.#publishBucket = publishBucket
  }

  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#takenCount === this.#packets.length
  }

  add(packet: Buffer): void {
    this.#packets.push(packet)
    this.#bytes += packet.length
  }

  /** The next run; undefined when there is none, or when the client has to wait for its rate. */
  take(): Buffer | undefined {
    const run: Buffer[] = []
    let bytes = 0
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const first = run[0] ?? next
      const isFull = run.length === runLimits.packets || bytes > runLimits.bytes
      if (isFull || !goTogether(first, next) || !this.#mayPass(next)) break
      run.push(next)
      bytes += next.length
      this.#takenCount++
      if (isAlone(first)) break
    }
    this.#bytes -= bytes
    this.#forgetTaken()
    if (run.length > 1) return Buffer.concat(run, bytes)
    return run[0]
  }

  /** How long until the next packet may pass; 0 when it may, or when there is none. */
  waitMs(): number {
    const next = this.#next()
    return next !== undefined && isPublish(next) ? this.#publishBucket.waitMs() : 0
  }

  #next(): Buffer | undefined {
    return this.#packets[this.#takenCount]
  }

  #mayPass(packet: Buffer): boolean {
    return !isPublish(packet) || this.#publishBucket.take()
  }

  #forgetTaken(): void {
    if (this.isEmpty || this.#takenCount > 1024) {
      this.#packets = this.#packets.slice(this.#takenCount)
      this.#takenCount = 0
    }
  }
}

function isPublish(packet: Buffer): boolean {
  return typeOf(packet.readUInt8()) === packetTypes.publish
}

/** Kinds are type, QoS and retain flag; DUP makes no difference. */
function goTogether(one: Buffer, other: Buffer): boolean {
  const dup = 8
  return (one.readUInt8() | dup) === (other.readUInt8() | dup)
}

/** Only messages and their acknowledgements come in numbers. */
function isAlone(packet: Buffer): boolean {
  const type = typeOf(packet.readUInt8())
  return type < packetTypes.publish || type > packetTypes.pubcomp
}
