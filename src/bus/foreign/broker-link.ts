/**
 * The link to a broker that somebody else runs. A fresh client for each connection, and nothing is ever kept for the next
 * one: what MQTT.js sends again or queues by itself comes minutes late, and a relay would obey it.
 */
import type { Logger } from 'pino'
import { isoTime } from '../../core/clock.ts'
import { reasonOf } from '../../core/errors.ts'
import {
  BrokerConnection,
  type BrokerConnectionOptions,
  type BrokerTerms,
  type CommandOptions,
  type Ended,
  type Ending,
  type LinkMessage,
  type MqttLevel,
} from './broker-connection.ts'

export interface BrokerLinkOptions extends BrokerConnectionOptions {
  /** All that was retained has been heard: the link is there from now on. */
  caughtUp(terms: BrokerTerms): void
  /** Another state holds now. */
  changed(state: LinkState): void
  readonly log: Pick<Logger, 'info' | 'warn'>
}

/** How a link is, for whoever asks. */
export interface LinkState {
  readonly state: 'connecting' | 'connected' | 'away'
  /** Since when it is so, as ISO 8601 in UTC. */
  readonly since: string
  /** What is spoken. */
  readonly protocol?: 'MQTT 5' | 'MQTT 3.1.1'
  /** Why it is not there. */
  readonly reason?: string
  /** When it is tried again. */
  readonly nextTry?: string
}

export interface BrokerLink {
  readonly state: LinkState
  /** Whether something can be published now. */
  readonly isThere: boolean
  /** To be called while it is there only: nothing is kept for later. See `BrokerConnection.publish`. */
  publish(message: LinkMessage, ended?: Ended): void
  /**
   * The same of what switches hardware, at QoS 1: from now on until the broker has it, a connection on which nothing
   * comes for a second is given up, so that it does not arrive later than that.
   */
  command(message: LinkMessage, options: CommandOptions): void
  /** What was published on `topic` is not to arrive any more: if the broker may not have it, the connection is given up. */
  recall(topic: string): void
  /** Connects, and stays connected until it is closed. Resolves when it is there, cannot be, or takes long. */
  open(): Promise<void>
  close(): Promise<void>
}

/** The first pause before another try, and the longest one. */
const pauseMs = { first: 500, longest: 15_000 }

/** A connection that lasted so long was a good one. */
const lastingMs = 5000

/** Nobody waits longer for the first connection. */
const patienceMs = 5000

export function createBrokerLink(options: BrokerLinkOptions): BrokerLink {
  const { clock, log, address } = options
  let connection: BrokerConnection | undefined
  let level: MqttLevel = 5
  let isProven = false
  let failures = 0
  let isClosed = false
  let stopWaiting: () => void = () => {}
  let settled = stopWaiting
  let state: LinkState = { state: 'connecting', since: isoTime(clock.wallMs()) }
  const become = (next: Omit<LinkState, 'since'>) => {
    state = { ...next, since: isoTime(clock.wallMs()) }
    options.changed(state)
  }
  const retry = (reason: string) => {
    const delayMs = jittered(Math.min(pauseMs.first * 2 ** failures, pauseMs.longest))
    failures++
    become({ state: 'away', reason, nextTry: isoTime(clock.wallMs() + delayMs) })
    log.warn({ event: 'broker-away', broker: address.url, reason, delayMs }, 'the broker is away')
    stopWaiting = clock.after(delayMs, connect)
    settled()
  }
  const connect = () => {
    try {
      begin()
    } catch (error) {
      // A file that cannot be read.
      retry(reasonOf(error))
    }
  }
  const begin = () => {
    connection = new BrokerConnection(level, options, {
      caughtUp: (terms) => {
        isProven = true
        const protocol = level === 5 ? 'MQTT 5' : 'MQTT 3.1.1'
        become({ state: 'connected', protocol })
        log.info({ event: 'broker-there', broker: address.url, protocol }, 'the broker is there')
        options.caughtUp(terms)
        settled()
      },
      gone: (ending) => {
        connection = undefined
        if (!isClosed) again(ending)
      },
    })
  }
  const again = (ending: Ending) => {
    if (ending.lastedMs > lastingMs) failures = 0
    if (isOldBroker(ending, isProven)) level = otherLevel(level)
    // Whoever does not know the one may know the other.
    if (level === 4 && isOldBroker(ending, isProven)) connect()
    else retry(ending.reason)
  }
  return {
    get state() {
      return state
    },
    get isThere() {
      return connection?.isThere === true
    },
    publish: (message, ended) => connection?.publish(message, ended),
    command: (message, command) => connection?.command(message, command),
    recall: (topic) => connection?.recall(topic),
    open: () =>
      new Promise((resolve) => {
        settled = resolve
        clock.after(patienceMs, resolve)
        connect()
      }),
    close: async () => {
      isClosed = true
      stopWaiting()
      await connection?.end()
    },
  }
}

function jittered(ms: number): number {
  return Math.round(ms * (0.8 + Math.random() * 0.4))
}

// --- versions ---

function otherLevel(level: MqttLevel): MqttLevel {
  return level === 5 ? 4 : 5
}

/** Such a broker refuses the version, or ends the connection without a word. */
function isOldBroker({ isVersionRefused, isCutShort }: Ending, isProven: boolean): boolean {
  return isVersionRefused || (isCutShort && !isProven)
}
