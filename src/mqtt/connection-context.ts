import type { Logger } from 'pino'
import type { UserRates } from '../access/user-rates.ts'
import type { NewShare } from '../core/byte-budget.ts'
import type { EndOfTick } from '../core/callbacks.ts'
import type { AlarmClock } from '../core/clock.ts'
import type { JsonLimits } from '../core/json.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { TopicLimits } from '../core/topic.ts'
import type { HeaderCheck, MqttLimits } from './frame-reader.ts'
import type { Journal } from './journal.ts'
import type { Publishing } from './publishing.ts'
import type { RetainedValues } from './retained.ts'
import type { Sessions } from './sessions.ts'
import type { MqttSignIn } from './sign-in.ts'
import type { Traffic } from './statistics.ts'
import type { Wills } from './wills.ts'
import type { PublishFrames } from './write-packets.ts'

/** What all connections of a broker share. */
export interface ConnectionContext {
  readonly limits: MqttLimits
  readonly topicLimits: TopicLimits
  readonly jsonLimits: JsonLimits
  readonly settings: ConnectionSettings
  readonly checkHeader: HeaderCheck
  readonly turnEnd: EndOfTick
  readonly log: Logger
  readonly sampledLog: SampledLog
  readonly journal: Journal
  readonly clock: AlarmClock
  /** Of what comes from clients, and is not complete or waits for its turn. */
  readonly newInboundShare: NewShare
  /** Of what waits for clients that do not read. */
  readonly newOutboundShare: NewShare
  readonly signIn: MqttSignIn
  /** What a user may send on all connections together. */
  readonly rateOf: UserRates
  readonly sessions: Sessions
  readonly wills: Wills
  readonly retained: RetainedValues
  readonly publishing: Publishing
  readonly frames: PublishFrames
  readonly traffic: Traffic
  /** Those that are open. */
  readonly connections: Pick<Set<object>, 'delete'>
  /** CONNECT came on a connection, which is one of a client then, let in or not. */
  understood(connection: object): void
}

export interface ConnectionSettings {
  /** The longest keep-alive that clients of MQTT 5 may have. */
  readonly maximumKeepAliveSeconds?: number | undefined
  /** Where clients of MQTT 5 may go when the hub ends. */
  readonly reference?: string | undefined
}
