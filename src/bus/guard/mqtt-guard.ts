import { Duplex } from 'node:stream'
import type { NewShare } from '../../core/byte-budget.ts'
import type { EndOfTick } from '../../core/callbacks.ts'
import type { AlarmClock } from '../../core/clock.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { clientName } from '../client-name.ts'
import type { Journal } from '../journal.ts'
import { type AcknowledgementLimits, Acknowledgements, expectsAnswer } from './acknowledgements.ts'
import { BrokerFeed } from './broker-feed.ts'
import {
  type ConnectLimits,
  type ConnectPacket,
  clearKeepAlive,
  readConnect,
} from './connect-packet.ts'
import { Deadlines } from './deadlines.ts'
import { FrameReader } from './frame-reader.ts'
import { inboundRates } from './inbound.ts'
import { isAcceptance } from './outbound.ts'
import { Outbox } from './outbox.ts'
import { isOversize, oversizeError } from './oversize.ts'
import { malformed, PacketFault } from './packet-fault.ts'
import { checkPublish, checkSubscribe, checkUnsubscribe } from './packet-rules.ts'
import { createHeaderCheck, packetTypes, typeOf } from './packet-types.ts'

/** What all guards of a broker share. */
export interface GuardContext {
  readonly limits: ConnectLimits & AcknowledgementLimits
  readonly turnEnd: EndOfTick
  readonly sampledLog: SampledLog
  readonly journal: Pick<Journal, 'isLasting' | 'settled'>
  readonly clock: Pick<AlarmClock, 'nowMs' | 'after'>
  /** Of what comes from clients, and is not complete or waits for its turn. */
  readonly newInboundShare: NewShare
  /** Of what waits for clients that do not read. */
  readonly newOutboundShare: NewShare
  /** CONNECT came on a connection, which is one of a client then, let in or not. */
  understood(connection: object): void
}

/** Whom a guard guards. */
export interface Guarded {
  /** CONNACK goes out; answers whether it is to say that there is a session. */
  accept(connect: ConnectPacket): boolean
  hasSubscriptions(): boolean
  /** Deals with a PUBLISH of the client at QoS 0 or 1, or the head of an oversize one, and then calls `done`. */
  publish(packet: Buffer, done: () => void): void
}

/** How long a socket may take to read its last packets. */
const lingerMs = 1000

/**
 * Stands between a socket and Aedes. Inwards it lets pass only whole packets that keep the standard
 * and the limits, in order. Outwards it takes everything at once, writes once per turn of the event
 * loop, and cuts a client that does not read: Aedes would make everybody wait for it.
 *
 * Aedes reads it by `readable` and `read()`, and writes pieces of packets; both go past the buffers of
 * the stream that this has to be. `silence` is emitted with whether the client counts as silent from now on.
 */
export class MqttGuard extends Duplex {
  readonly socket: Duplex
  readonly #context: GuardContext
  readonly #guarded: Guarded
  readonly #frames: FrameReader
  readonly #feed: BrokerFeed
  readonly #outbox: Outbox
  readonly #acknowledgements: Acknowledgements
  readonly #deadlines: Deadlines
  #connect: ConnectPacket | undefined
  /** What came and is not cut into packets, because enough of them wait already. */
  #unread: Buffer = Buffer.alloc(0)
  /** What the broker calls the client; empty before CONNECT. */
  #name = ''
  #isAccepted = false

  constructor(socket: Duplex, context: GuardContext, guarded: Guarded) {
    super({ autoDestroy: false })
    const { mqtt } = context.limits
    this.socket = socket
    this.#context = context
    this.#guarded = guarded
    const checkHeader = createHeaderCheck(mqtt)
    const owner = () => (this.#isAccepted ? (this.#connect?.user ?? '') : '')
    this.#frames = new FrameReader({
      checkHeader: (firstByte, remainingBytes) => {
        if (this.#connect === undefined && typeOf(firstByte) !== packetTypes.connect) {
          throw malformed('expected CONNECT as the first packet')
        }
        return checkHeader(firstByte, remainingBytes)
      },
      mayKeep: (bytes) => this.#feed.mayKeep(bytes),
      onPacket: (packet) => this.#received(packet),
      isFull: () => this.#isFull,
    })
    this.#feed = new BrokerFeed({
      largestBytes: mqtt.publishBytes,
      share: context.newInboundShare(owner),
      rates: inboundRates(mqtt),
      mayTake: (packet) => this.#acknowledgements.mayTake(packet),
      openPastWindow: () => this.#acknowledgements.openPastWindow,
      taken: (packet) => this.#acknowledgements.taken(packet),
      wake: () => this.emit('readable'),
      // What comes after a message that ended the connection is nobody's any more.
      publish: (packet, done) => (this.destroyed ? done() : guarded.publish(packet, done)),
      onPublished: () => this.#makeUseOfRoom(),
      onHeldBack: () => this.#warn('mqtt-held-back', 'it sends faster than it may'),
      onEnd: () => this.destroy(),
    })
    this.#outbox = new Outbox({
      ...context,
      socket,
      limitBytes: mqtt.outboundBytes,
      share: context.newOutboundShare(owner),
      onPacket: (packet) => this.#sent(packet),
      isKept: () => this.#connect?.clean === false,
      onDrained: () => this.emit('drain'),
      onFull: (waitingBytes) => this.#cut(waitingBytes),
    })
    this.#acknowledgements = new Acknowledgements(context.limits)
    this.#deadlines = new Deadlines({
      limits: mqtt,
      clock: context.clock,
      isHeldBack: () => socket.isPaused(),
      hasSubscriptions: () => guarded.hasSubscriptions(),
      onMissed: (fault) => this.#refuse(fault),
      onSilence: (isSilent) => this.emit('silence', isSilent),
    })
    // A library that writes to a stream with `cork` schedules an uncork for each packet.
    Object.defineProperty(this, 'cork', { value: undefined })
    this.#listen()
  }

  /** Whether the client has its CONNACK; nothing may be sent to it before [MQTT-3.2.0-1]. */
  get isAccepted(): boolean {
    return this.#isAccepted
  }

  /** Whether the client is a broker that passes messages on. */
  get isBridge(): boolean {
    return this.#connect?.isBridge === true
  }

  /** The broker is done with CONNECT and with what was kept for the client. */
  ready(): void {
    this.#feed.ready()
    this.#readOn()
  }

  /** The next packet written is one that was kept for the client while it was away. */
  expectReplay(): void {
    this.#outbox.expectReplay()
  }

  /** The broker has dealt with a QoS 1 message of the client. */
  published(id: number): void {
    this.#outbox.published(id)
  }

  // --- from the client ---

  #listen(): void {
    const { socket } = this
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('end', () => this.#feed.end())
    socket.on('close', () => this.#feed.end())
    // An error is always followed by close; why a peer went away is of no use here.
    socket.on('error', () => {})
  }

  #read(chunk: Buffer): void {
    if (this.destroyed) return
    this.#deadlines.received(chunk.length)
    try {
      this.#unread = this.#frames.read(chunk)
    } catch (fault) {
      this.#refuse(fault)
      return
    }
    if (this.#isFull) this.socket.pause()
    this.#feed.wake()
    if (this.#feed.isBlocked) this.#awaitRelease()
  }

  /**
   * Whether nothing more is read now. Between CONNECT and CONNACK that is so: whose it is, and whether it is
   * of any use, is not known yet, and the kernel keeps it as well.
   */
  get #isFull(): boolean {
    return this.#feed.isFull || (this.#connect !== undefined && !this.#isAccepted)
  }

  /** The broker takes no more until a PUBREL comes, which may be what has not been read yet. */
  #awaitRelease(): void {
    if (this.destroyed) return
    if (!this.#feed.isFull) {
      if (this.socket.isPaused()) this.#readOn()
      return
    }
    // It is behind more than there is room for.
    this.#acknowledgements.widen()
    if (this.#feed.mayKeep(0)) {
      this.#feed.wake()
      return
    }
    const { qos2Window } = this.#context.limits.mqtt
    const message = `expected PUBREL after at most ${qos2Window} messages at QoS 2`
    this.#refuse(new PacketFault('mqtt-qos2-window', message))
  }

  /** Goes on when there is room again, first with what came before the socket was paused. */
  #readOn(): void {
    if (this.destroyed || this.#isFull) return
    if (this.#unread.length > 0) this.#read(this.#unread)
    // What was left may have been the beginning of a packet, of which nothing follows but the rest.
    if (this.#unread.length === 0 && !this.#isFull) this.socket.resume()
  }

  #received(packet: Buffer): void {
    this.#deadlines.heard()
    const requests = this.#check(packet)
    const { publishBytes } = this.#context.limits.mqtt
    if (isOversize(packet)) {
      this.#warn('mqtt-packet-too-big', oversizeError(packet, publishBytes).message)
    }
    this.#feed.add(packet, requests)
  }

  /** Answers for how many requests the packet counts. */
  #check(packet: Buffer): number {
    const { mqtt } = this.#context.limits
    const type = typeOf(packet.readUInt8())
    switch (type) {
      case packetTypes.connect:
        this.#checkConnect(packet)
        return 0
      case packetTypes.publish:
        this.#checkPublish(packet)
        return 0
      case packetTypes.subscribe:
        return checkSubscribe(packet, mqtt)
      case packetTypes.unsubscribe:
        return checkUnsubscribe(packet, mqtt)
      case packetTypes.pingreq:
      case packetTypes.disconnect:
        return 1
      default:
        return this.#acknowledgements.acknowledged(packet) ? 0 : 1
    }
  }

  #checkConnect(packet: Buffer): void {
    // [MQTT-3.1.0-2]
    if (this.#connect !== undefined) throw malformed('expected one CONNECT, got a second')
    this.#context.understood(this.socket)
    this.#connect = readConnect(packet, this.#context.limits)
    this.#name = clientName(this.#connect.user, this.#connect.clientId)
    this.#deadlines.connected(this.#connect.keepAliveSeconds)
    clearKeepAlive(packet)
  }

  #checkPublish(packet: Buffer): void {
    checkPublish(packet)
    if (expectsAnswer(packet.readUInt8())) this.#acknowledgements.published(packet)
  }

  override read(size?: number): Buffer | null {
    // The stream itself asks for 0 bytes when somebody begins to listen.
    if (size === 0) return null
    const run = this.#feed.take()
    this.#makeUseOfRoom()
    return run
  }

  #makeUseOfRoom(): void {
    if (this.#feed.isBlocked) this.#awaitRelease()
    else if (this.#feed.hasRoom && this.socket.isPaused()) this.#readOn()
  }

  // --- to the client ---

  /** Takes a piece of a packet. Answers false only to a replay of kept messages that has to wait. */
  override write(piece: Buffer | string): boolean {
    return this.destroyed || this.#outbox.add(piece)
  }

  /** Takes a whole live message at QoS 0. */
  writeLive(packet: Buffer): void {
    if (!this.destroyed) this.#outbox.addLive(packet)
  }

  #sent(packet: Buffer): void {
    if (expectsAnswer(packet.readUInt8())) this.#acknowledgements.sent(packet)
    if (this.#isAccepted || this.#connect === undefined || !isAcceptance(packet)) return
    this.#isAccepted = true
    const isPresent = this.#guarded.accept(this.#connect)
    // [MQTT-3.2.2-2] Aedes tells of a session only if it has subscriptions.
    if (this.#connect.level === 4) packet[2] = isPresent ? 1 : 0
  }

  #cut(waitingBytes: number): void {
    this.#warn('mqtt-slow-consumer', `it does not read, and ${waitingBytes} bytes wait for it`)
    this.socket.destroy()
    this.destroy()
  }

  // --- the end ---

  #warn(counter: string, reason: string): void {
    const fields = { client: this.#name, reason }
    this.#context.sampledLog.warn(counter, fields, 'an MQTT client is past a limit or broke a rule')
  }

  #refuse(fault: unknown): void {
    if (!(fault instanceof PacketFault)) throw fault
    const { counter, message, returnCode } = fault
    this.#warn(counter, message)
    // [MQTT-3.2.0-1] A return code tells the client why, before the connection ends.
    if (returnCode !== undefined) this.socket.write(Buffer.from([0x20, 2, 0, returnCode]))
    // Without one there is nothing to wait for, and no reason to read what else may come.
    else this.socket.destroy()
    this.destroy()
  }

  override _destroy(_error: Error | null, done: (error: Error | null) => void): void {
    this.#deadlines.clear()
    this.#feed.discard()
    const last = this.#outbox.close()
    if (!this.socket.destroyed) {
      this.socket.end(last)
      this.socket.resume()
      setTimeout(() => this.socket.destroy(), lingerMs).unref()
    }
    done(null)
  }
}
