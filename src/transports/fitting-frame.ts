import { HubError } from '../core/errors.ts'
import { errorPayload, errorTopic, type Message, type MessageProperties } from '../core/message.ts'
import type { Dialect } from '../dialects/dialect.ts'
import { textsOf } from '../mqtt/properties.ts'
import type { LineOptions } from '../nodes/registry/answers.ts'

/**
 * The frame that tells of a message on `topic`, or one on `<topic>/error` that tells how large it is, when it
 * has more than `mostBytes`: a page takes no more at once.
 */
export function fittingFrame(
  { encode }: Pick<Dialect, 'encode'>,
  { topic, payload, properties }: Shown,
  mostBytes: number,
): string {
  const { length } = payload.bytes
  // No payload gets shorter by being told, and what is much too large need not be read for that.
  const frame =
    length > mostBytes ? undefined : encode(topic, payload, properties && shown(properties))
  if (frame !== undefined && hasAtMost(frame, mostBytes)) return frame
  const message = `expected a message that a page takes, of at most ${mostBytes} bytes, got ${length}`
  return encode(errorTopic(topic), errorPayload(new HubError('too-large', message)))
}

/** A message, with what is told of it besides to who wants that. */
export interface Shown extends Pick<Message, 'topic' | 'payload'> {
  readonly properties?: MessageProperties | undefined
}

/** What MQTT 5 says of a message, for those who read it; without anything to tell, nothing. */
function shown({ bytes }: MessageProperties): LineOptions | undefined {
  const { contentType, userProperties } = textsOf(bytes)
  if (contentType === undefined && userProperties.length === 0) return undefined
  return {
    ...(contentType !== undefined && { contentType }),
    ...(userProperties.length > 0 && { userProperties }),
  }
}

/** RFC 3629: a character has at most three bytes for each of its units, so most need no count. */
function hasAtMost(text: string, mostBytes: number): boolean {
  return text.length <= mostBytes / 3 || Buffer.byteLength(text) <= mostBytes
}
