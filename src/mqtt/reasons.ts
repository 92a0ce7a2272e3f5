import type { ErrorCode, HubError } from '../core/errors.ts'

/** [MQTT 5, 2.4] Why something was done, or was not. Those of 0x80 and above are errors. */
export const reasons = {
  success: 0x00,
  disconnectWithWill: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  unspecified: 0x80,
  malformed: 0x81,
  protocolError: 0x82,
  implementationSpecific: 0x83,
  unsupportedVersion: 0x84,
  clientIdNotValid: 0x85,
  badCredentials: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  shuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  takenOver: 0x8e,
  filterInvalid: 0x8f,
  topicInvalid: 0x90,
  receiveMaximumExceeded: 0x93,
  aliasInvalid: 0x94,
  packetTooLarge: 0x95,
  quotaExceeded: 0x97,
  administrative: 0x98,
  payloadFormatInvalid: 0x99,
  useAnotherServer: 0x9c,
} as const

export type Reason = number

export function isError(reason: Reason): boolean {
  return reason >= 0x80
}

/** [MQTT-3.2.2-4] What CONNACK of 3.1 and 3.1.1 says in place of a reason. */
const returnCodes: ReadonlyMap<Reason, number> = new Map([
  [reasons.unsupportedVersion, 1],
  [reasons.clientIdNotValid, 2],
  [reasons.serverUnavailable, 3],
  [reasons.badCredentials, 4],
])

export function returnCodeOf(reason: Reason): number {
  return returnCodes.get(reason) ?? 5
}

/** What is wrong with what an MQTT client sent; its connection ends by it. */
export class PacketFault extends Error {
  override readonly name = 'PacketFault'
  /** What counts it: a limit's counter, or `mqtt-malformed`. */
  readonly counter: string
  readonly reason: Reason
  /** Whether CONNACK tells the reason, before the connection ends. */
  readonly isRefusal: boolean

  constructor(
    counter: string,
    message: string,
    { reason, isRefusal = false }: { readonly reason: Reason; readonly isRefusal?: boolean },
  ) {
    super(message)
    this.counter = counter
    this.reason = reason
    this.isRefusal = isRefusal
  }
}

/** A packet that cannot be read [MQTT 5, 4.13.1]. */
export function malformed(message: string): PacketFault {
  return new PacketFault('mqtt-malformed', message, { reason: reasons.malformed })
}

/** A packet that can be read, and may not be sent. */
export function protocolError(message: string): PacketFault {
  return new PacketFault('mqtt-malformed', message, { reason: reasons.protocolError })
}

/** A CONNECT that is answered with the reason why it does not let its client in. */
export function refusal(counter: string, message: string, reason: Reason): PacketFault {
  return new PacketFault(counter, message, { reason, isRefusal: true })
}

/** [MQTT 5, 3.4.2.1] Others are of the hub's own making. */
const reasonOfCode: Partial<Record<ErrorCode, Reason>> = {
  forbidden: reasons.notAuthorized,
  'bad-topic': reasons.topicInvalid,
  'topic-too-big': reasons.topicInvalid,
  'too-fast': reasons.quotaExceeded,
  'too-large': reasons.quotaExceeded,
  'too-many': reasons.quotaExceeded,
}

/** By which reason a message is refused in its acknowledgement. */
export function reasonOfError({ code }: Pick<HubError, 'code'>): Reason {
  return reasonOfCode[code] ?? reasons.implementationSpecific
}
