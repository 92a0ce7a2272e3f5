import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { SignedOut } from '../access/secrets.ts'
import type { Registered } from '../access/signed-in.ts'
import type { User } from '../access/user.ts'
import type { UserRate } from '../access/user-rates.ts'
import type { ByteShare } from '../core/byte-budget.ts'
import { nextTurn, systemClock } from '../core/clock.ts'
import { detached, guarded } from '../core/guard.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import type { ConnectionContext } from './broker.ts'
import { clientName, partsOf } from './clients.ts'
import { MqttConversation } from './conversation.ts'
import { Deadlines, keepAliveOf } from './deadlines.ts'
import { FrameReader } from './frame-reader.ts'
import {
  type Level,
  type Packet,
  PacketFault,
  packetTypes,
  type Reason,
  reasons,
} from './packet.ts'
import { type ConnectPacket, levelOf, readConnect } from './read-connect.ts'
import { type LetIn, letIn, type NotIn, type Origin } from './sign-in.ts'
import { WriteBuffer } from './write-buffer.ts'
import { writeDisconnect, writeRefusal } from './write-packets.ts'

/** How long a socket may take to read its last packets. */
const lingerMs = 1000

/** More than this of one sender at a time, and receivers would have no turn to read what it brought them. */
const turnLimits = { packets: 64, bytes: 16 * 1024 }

/** How fast messages at QoS 2 are taken that open more exchanges than there should be. */
const latePerSecond = 1000

/**
 * One connection of a client, whatever its level: it cuts what comes into packets, within all limits and at
 * the pace it may have, and deals with each in its order. It is not read before its client was let in.
 */
export class MqttConnection {
  readonly #socket: Duplex
  readonly #context: ConnectionContext
  readonly #origin: Origin
  readonly #frames: FrameReader
  readonly #share: ByteShare
  readonly #output: WriteBuffer
  readonly #deadlines: Deadlines
  readonly #publishes: TokenBucket
  readonly #requests: TokenBucket
  readonly #late = new TokenBucket({ perSecond: latePerSecond, burst: 1 })
  #phase: 'new' | 'connecting' | 'open' | 'closed' = 'new'
  #connect: ConnectPacket | undefined
  #isIn: LetIn | undefined
  #conversation: MqttConversation | undefined
  #userRate: UserRate | undefined
  #registered: Registered | undefined
  #whyEnded = ''
  /** What the broker calls the client; empty before CONNECT. */
  #name = ''
  /** What came and waits for its turn, the packet first that is too soon. */
  #unread: Buffer = Buffer.alloc(0)
  #tooSoon: Packet | undefined
  #cancelWait: () => void = () => {}
  /** Of what was dealt with in this turn of the event loop. */
  #turn = { packets: 0, bytes: 0 }

  constructor(socket: Duplex, request: IncomingMessage | undefined, context: ConnectionContext) {
    const { limits, newInboundShare, newOutboundShare, endOfTick, journal, clock } = context
    this.#socket = socket
    this.#context = context
    this.#origin = context.signIn.originOf(socket, request)
    const owner = () => (this.#isIn === undefined ? '' : partsOf(this.#name).user)
    this.#share = newInboundShare(owner)
    const { publishesPerSecond, publishBurst, requestsPerSecond, requestBurst } = limits
    this.#publishes = new TokenBucket({ perSecond: publishesPerSecond, burst: publishBurst })
    this.#requests = new TokenBucket({ perSecond: requestsPerSecond, burst: requestBurst })
    this.#frames = new FrameReader({
      checkHeader: context.checkHeader,
      mayKeep: (bytes) => this.#share.hold(this.#waitingBytes + bytes),
      onPacket: (packet) => this.#received(packet),
    })
    this.#output = new WriteBuffer({
      socket,
      endOfTick,
      journal,
      traffic: context.traffics.of(this.#origin.transport, undefined),
      limitBytes: limits.outboundBytes,
      share: newOutboundShare(owner),
      onDrained: () => this.#conversation?.drained(),
      onFull: (waitingBytes) => this.#cut(waitingBytes),
    })
    this.#deadlines = new Deadlines({
      limits,
      clock,
      isHeldBack: () => socket.isPaused(),
      hasSubscriptions: () => (this.#isIn?.session.subscriptions.size ?? 0) > 0,
      onMissed: (fault) => this.#fail(fault),
      onSilence: (isSilent) => this.#registered?.silent(isSilent),
    })
    this.#listen()
  }

  /** Ends it, since the hub does; its client may go to another one. */
  close(): void {
    const { reference } = this.#context.settings
    const reason = reference === undefined ? reasons.shuttingDown : reasons.useAnotherServer
    this.#disconnect(reason, 'the hub ends', reference)
  }

  // --- reading ---

  #listen(): void {
    const socket = this.#socket
    socket.on('data', this.#read)
    for (const event of ['end', 'close']) socket.on(event, () => this.#end({ why: 'it is gone' }))
    // An error is always followed by close; why a peer went away is of no use here.
    socket.on('error', () => {})
  }

  readonly #read = (chunk: Buffer): void => {
    this.#output.traffic.bytesReceived += chunk.length
    this.#deadlines.received(chunk.length)
    this.#turn = { packets: 0, bytes: 0 }
    this.#consume(this.#unread.length > 0 ? Buffer.concat([this.#unread, chunk]) : chunk)
  }

  /** Deals with as much as may be dealt with now. */
  #consume(bytes: Buffer): void {
    try {
      this.#unread = this.#mustWait ? bytes : this.#frames.read(bytes)
    } catch (error) {
      this.#fail(error)
    }
    if (this.#phase === 'closed') return
    this.#share.hold(this.#waitingBytes)
    const waits = this.#phase === 'connecting' || this.#waitingBytes > 0
    if (waits) this.#socket.pause()
    else if (this.#socket.isPaused()) this.#socket.resume()
    if (waits && this.#phase === 'open' && this.#tooSoon === undefined) nextTurn(this.#goOn)
  }

  readonly #goOn = (): void => guarded(() => this.#takeOn(), this.#lose)
  /** Goes on with what has waited. */
  #takeOn(): void {
    if (this.#phase !== 'open') return
    this.#turn = { packets: 0, bytes: 0 }
    const waiting = this.#tooSoon
    this.#tooSoon = undefined
    try {
      if (waiting !== undefined) this.#take(waiting)
    } catch (error) {
      this.#fail(error)
    }
    if (this.#phase === 'open' && this.#tooSoon === undefined) this.#consume(this.#unread)
  }

  get #waitingBytes(): number {
    return this.#unread.length + (this.#tooSoon?.bytes.length ?? 0)
  }

  get #mustWait(): boolean {
    const { packets, bytes } = this.#turn
    const isTurnOver = packets >= turnLimits.packets || bytes > turnLimits.bytes
    const isInLine = this.#phase === 'new' || this.#phase === 'open'
    return isTurnOver || this.#tooSoon !== undefined || !isInLine
  }

  #received(packet: Packet): boolean {
    const { limits } = this.#context
    if (this.#turn.packets === 0) this.#deadlines.heard()
    this.#output.traffic.packetsReceived++
    if (packet.isOversize) {
      this.#warn('mqtt-packet-too-big', packet.oversizeError(limits.publishBytes).message)
      this.#take(packet.head())
    } else this.#take(packet)
    return !this.#mustWait
  }

  #take(packet: Packet): void {
    this.#turn.packets++
    this.#turn.bytes += packet.bytes.length
    if (this.#conversation === undefined) this.#connected(packet)
    else if (this.#mayTake(packet, this.#conversation)) this.#conversation.handle(packet)
    else this.#wait(packet)
  }

  /** Whether a packet comes no sooner than it may. */
  #mayTake(packet: Packet, conversation: MqttConversation): boolean {
    if (packet.type !== packetTypes.publish) {
      const requests = conversation.requestsIn(packet)
      return requests === 0 || this.#requests.take(requests)
    }
    // What is past the window waits before it counts.
    if (conversation.isPastWindow(packet) && !this.#late.take()) return false
    const held = this.#userRate?.heldBy(this.#publishes)
    if (held === 'user') this.#warn('user-held-back', 'its user sends faster than one may')
    return held === undefined
  }

  #wait(packet: Packet): void {
    this.#tooSoon = packet
    const rates = [this.#publishes, this.#requests, this.#late, this.#userRate]
    const waitMs = Math.max(1, ...rates.map((rate) => Math.ceil(rate?.waitMs() ?? 0)))
    this.#warn('mqtt-held-back', 'it sends faster than it may')
    this.#cancelWait = this.#context.clock.after(waitMs, this.#goOn)
  }

  // --- CONNECT ---

  #connected(packet: Packet): void {
    const { limits, understood, signIn } = this.#context
    understood(this.#socket)
    this.#phase = 'connecting'
    try {
      this.#connect = readConnect(packet, limits)
    } catch (error) {
      this.#refuse(error, levelOf(packet))
      return
    }
    const connect = this.#connect
    this.#frames.level = connect.level
    this.#output.traffic = this.#context.traffics.of(this.#origin.transport, connect.level)
    this.#name = clientName(connect.user, connect.clientId)
    this.#deadlines.connected(keepAliveOf(connect, this.#context.settings))
    const done = signIn.identify(connect, this.#origin).then((found) => this.#enter(connect, found))
    detached(done, this.#lose)
  }

  #enter(connect: ConnectPacket, found: User | NotIn): void {
    if (this.#phase === 'closed') return
    const entered = 'reason' in found ? found : this.#register(connect.clientId, found)
    if ('reason' in entered) this.#turnAway(connect, entered)
    else this.#letIn(connect, entered)
  }

  #register(clientId: string, user: User): Registered | NotIn {
    // Who is known by a certificate has not said so.
    this.#name = clientName(user.name, partsOf(this.#name).clientId)
    const arriving = { clientId, origin: this.#origin, ended: this.#userEnded }
    return this.#context.signIn.enter(user, arriving)
  }

  readonly #userEnded = (why: SignedOut): void => {
    const message =
      why === 'banned' ? 'an admin has banned it' : 'its sign-in is not valid any more'
    this.#disconnect(reasons.administrative, message)
  }

  #letIn(connect: ConnectPacket, registered: Registered): void {
    this.#registered = registered
    this.#userRate = this.#context.rateOf(partsOf(this.#name).user)
    const place = {
      name: this.#name,
      ...this.#origin,
      keepAliveSeconds: keepAliveOf(connect, this.#context.settings),
      buffer: this.#output,
      lastByteAtMs: () => this.#deadlines.lastByteAtMs,
      takenOver: () => this.#disconnect(reasons.takenOver, 'another connection of this client'),
    }
    const isIn = letIn(connect, place, this.#context)
    if (isIn === undefined) {
      this.#lose()
      return
    }
    this.#output.traffic.opened()
    this.#isIn = isIn
    this.#conversation = new MqttConversation(
      {
        name: place.name,
        address: place.address,
        connect,
        session: isIn.session,
        output: this.#output,
        isOver: () => this.#phase === 'closed',
        spend: (requests) => this.#requests.spend(requests),
        left: (reason) =>
          this.#end({ isGoodbye: reason === reasons.success, why: 'it said goodbye' }),
        ended: (reason) => this.#endBy(reason),
      },
      this.#context,
    )
    this.#phase = 'open'
    this.#context.log.debug(
      { event: 'mqtt-connected', client: this.#name },
      'MQTT client connected',
    )
    // In a turn of its own: programs begin to listen when they are connected.
    nextTurn(() => nextTurn(() => guarded(() => isIn.session.flow(), this.#lose)))
    this.#consume(this.#unread)
  }

  /** CONNACK says why somebody is not let in [MQTT-3.2.0-1]. */
  #turnAway(connect: ConnectPacket, { reason, message }: NotIn): void {
    this.#warn('mqtt-connection-ended', message)
    const why = connect.wantsProblems ? message : undefined
    this.#end({ last: writeRefusal(connect.level, reason, why) })
  }

  #refuse(error: unknown, level: Level): void {
    if (!(error instanceof PacketFault) || !error.isRefusal) throw error
    const { counter, message, reason } = error
    this.#warn(counter, message)
    this.#end({ last: writeRefusal(level, reason, message) })
  }

  // --- the end ---

  #warn(counter: string, reason: string): void {
    this.#whyEnded = reason
    const fields = { client: this.#name, reason }
    this.#context.sampledLog.warn(counter, fields, 'an MQTT client is refused, or broke a rule')
  }

  /** The client broke a rule. */
  #fail(error: unknown): void {
    if (!(error instanceof PacketFault)) throw error
    const { counter, message, reason } = error
    this.#warn(counter, message)
    // Without a word there is nothing to wait for, and no reason to read what else may come.
    if (this.#phase !== 'open' || this.#connect?.level !== 5) this.#lose()
    else this.#disconnect(reason, message)
  }

  readonly #lose = (): void => this.#end({ isCut: true })

  /** Something was published that ends the connection. */
  #endBy(reason: string): void {
    this.#warn('mqtt-connection-ended', reason)
    this.#disconnect(reasons.malformed, reason)
  }

  #cut(waitingBytes: number): void {
    const message = `it does not read, and ${waitingBytes} bytes wait for it`
    this.#warn('mqtt-slow-consumer', message)
    if (this.#connect?.level === 5) this.#disconnect(reasons.quotaExceeded, message)
    else this.#lose()
  }

  /** Ends the connection; MQTT 5 has a word for it. */
  #disconnect(reason: Reason, message: string, reference?: string): void {
    const connect = this.#connect
    const isTold = connect?.level === 5 && this.#phase === 'open'
    const said = { reason, message: connect?.wantsProblems ? message : undefined, reference }
    const last = isTold && writeDisconnect(said)
    // [MQTT-3.14.0-1]
    this.#end({ ...(last && last.length <= connect.maximumPacketBytes && { last }), why: message })
  }

  /** Nothing is written any more behind `last`. */
  #end({ last, isCut = false, isGoodbye = false, why = this.#whyEnded }: Ending = {}): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#socket.off('data', this.#read)
    this.#cancelWait()
    this.#deadlines.clear()
    this.#share.hold(0)
    const rest = this.#output.close()
    if (isCut) this.#socket.destroy()
    else this.#goodbye(last === undefined ? rest : Buffer.concat([rest, last]))
    this.#registered?.leave(why)
    this.#conversation?.closed()
    this.#leaveSession(isGoodbye)
    this.#context.connections.delete(this)
  }

  #goodbye(last: Buffer): void {
    const socket = this.#socket
    if (socket.destroyed) return
    this.#output.traffic.bytesSent += last.length
    socket.end(last)
    // What else comes is read, or the other side would not read the last of ours.
    socket.resume()
    systemClock.after(lingerMs, () => socket.destroy())
  }

  #leaveSession(isGoodbye: boolean): void {
    const isIn = this.#isIn
    if (isIn === undefined) return
    this.#output.traffic.openConnections--
    const { sessions, wills, log } = this.#context
    // [MQTT-3.14.4-3]
    if (isGoodbye) wills.forget(this.#name)
    const { expirySeconds } = isIn.session
    sessions.left(isIn.session, isIn.output)
    if (!isGoodbye) wills.gone(this.#name, expirySeconds)
    log.debug({ event: 'mqtt-gone', client: this.#name }, 'MQTT client gone')
  }
}

/** The last packet, whether nothing more is read and waited for, and whether the client has said good-bye. */
interface Ending {
  readonly last?: Buffer
  readonly isCut?: boolean
  readonly isGoodbye?: boolean
  readonly why?: string
}
