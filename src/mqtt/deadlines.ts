import { type AlarmClock, nextTurn } from '../core/clock.ts'
import type { ConnectionSettings } from './broker.ts'
import type { MqttLimits } from './frame-reader.ts'
import { PacketFault, reasons } from './packet.ts'
import type { ConnectPacket } from './read-connect.ts'

/** So much of a packet that is not complete is a sign of life; less is not, however long it drips. */
const signOfLifeBytes = 16 * 1024

export interface DeadlinesOptions {
  readonly limits: Pick<MqttLimits, 'connectSeconds' | 'keepAliveSeconds' | 'idleSeconds'>
  readonly clock: Pick<AlarmClock, 'nowMs' | 'after'>
  /** Whether it is us who do not listen to the client now. */
  isHeldBack(): boolean
  /** Whether the client waits for messages. */
  hasSubscriptions(): boolean
  onMissed(fault: PacketFault): void
  /** The client has been silent for so long that nobody knows whether it is there, or is heard again. */
  onSilence(isSilent: boolean): void
}

/**
 * What a client has to do in time: say CONNECT, and then what it promised itself by its keep-alive. Who
 * promised nothing, or little, is never cut for its silence; past `keepAliveSeconds` it only counts as
 * silent. A dead peer is found by TCP.
 */
export class Deadlines {
  readonly #options: DeadlinesOptions
  /** Cancel what is awaited. */
  #alarms: (() => void)[]
  #heardAtMs = 0
  /** When the last byte came. */
  lastByteAtMs = 0
  #isSilent = false
  #isOver = false
  #bytesSinceHeard = 0

  constructor(options: DeadlinesOptions) {
    const { clock, limits } = options
    this.#options = options
    const miss = () => this.#miss('mqtt-no-connect', 'expected a complete CONNECT in time')
    this.#alarms = [clock.after(limits.connectSeconds * 1000, miss)]
  }

  /** CONNECT is complete. */
  connected(keepAliveSeconds: number): void {
    this.#cancel()
    this.heard()
    const { keepAliveSeconds: bound, idleSeconds } = this.#options.limits
    // [MQTT-3.1.2-24] One and a half times what was promised; 0 promises nothing.
    const promisedMs = keepAliveSeconds * 1500
    const boundMs = bound * 1500
    this.#watch(promisedMs, () => this.#miss('mqtt-keep-alive', 'expected a packet in time'))
    if (promisedMs === 0 || promisedMs > boundMs) this.#watch(boundMs, () => this.#fallSilent())
    this.#watch(idleSeconds * 1000, () => this.#endIdle())
  }

  /** A packet came. */
  heard(): void {
    this.#bytesSinceHeard = 0
    this.#heardAtMs = this.#options.clock.nowMs()
    if (!this.#isSilent) return
    this.#isSilent = false
    this.#options.onSilence(false)
  }

  /** Some bytes came: a large packet may take longer than a keep-alive. */
  received(bytes: number): void {
    this.#bytesSinceHeard += bytes
    this.lastByteAtMs = this.#options.clock.nowMs()
    if (this.#bytesSinceHeard > signOfLifeBytes) this.heard()
  }

  clear(): void {
    this.#isOver = true
    this.#cancel()
  }

  /** Calls `act` when nothing was heard for `limitMs`, and again after as long; 0 means never. */
  #watch(limitMs: number, act: () => void): void {
    if (limitMs === 0) return
    const at = this.#alarms.length
    const set = (delayMs: number) => {
      this.#alarms[at] = this.#options.clock.after(delayMs, look)
    }
    const look = () => {
      const leftMs = this.#heardAtMs + limitMs - this.#options.clock.nowMs()
      set(leftMs > 0 ? leftMs : limitMs)
      if (leftMs <= 0) this.#lookAgain(act)
    }
    set(limitMs)
  }

  /**
   * What came while the event loop stood still is read before the second look: nobody is cut for a
   * delay of ours.
   */
  #lookAgain(act: () => void): void {
    const heardAtMs = this.#heardAtMs
    nextTurn(() => {
      const isStillSilent = heardAtMs === this.#heardAtMs && !this.#options.isHeldBack()
      if (isStillSilent && !this.#isOver) act()
    })
  }

  #fallSilent(): void {
    if (this.#isSilent) return
    this.#isSilent = true
    this.#options.onSilence(true)
  }

  #endIdle(): void {
    if (this.#options.hasSubscriptions()) return
    this.#miss('mqtt-idle', 'expected a subscription or a packet, got neither')
  }

  #miss(counter: string, message: string): void {
    const reason = reasons.keepAliveTimeout
    this.#options.onMissed(new PacketFault(counter, message, { reason }))
  }

  #cancel(): void {
    for (const cancel of this.#alarms) cancel()
    this.#alarms = []
  }
}

/** Seconds, as the hub makes them of what a client asks for: those of MQTT 5 are told of a shorter time [MQTT 5, 3.2.2.3.14]. */
export function keepAliveOf(
  { level, keepAliveSeconds }: Pick<ConnectPacket, 'level' | 'keepAliveSeconds'>,
  { maximumKeepAliveSeconds: most }: ConnectionSettings,
): number {
  if (level < 5 || most === undefined) return keepAliveSeconds
  return keepAliveSeconds === 0 ? most : Math.min(keepAliveSeconds, most)
}
