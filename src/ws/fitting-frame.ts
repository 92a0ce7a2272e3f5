import { HubError } from '../core/errors.ts'
import { errorPayload, errorTopic } from '../core/message.ts'
import type { Payload } from '../core/payload.ts'
import type { Dialect } from '../dialects/dialect.ts'

/**
 * The frame that tells of a message on `topic`, or one on `<topic>/error` that tells how large it is, when it
 * has more than `mostBytes`: a page takes no more at once.
 */
export function fittingFrame(
  { encode }: Pick<Dialect, 'encode'>,
  { topic, payload }: { readonly topic: string; readonly payload: Payload },
  mostBytes: number,
): string {
  const { length } = payload.bytes
  // No payload gets shorter by being told, and what is much too large need not be read for that.
  const frame = length > mostBytes ? undefined : encode(topic, payload)
  if (frame !== undefined && hasAtMost(frame, mostBytes)) return frame
  const message = `expected a message that a page takes, of at most ${mostBytes} bytes, got ${length}`
  return encode(errorTopic(topic), errorPayload(new HubError('too-large', message)))
}

/** RFC 3629: a character has at most three bytes for each of its units, so most need no count. */
function hasAtMost(text: string, mostBytes: number): boolean {
  return text.length <= mostBytes / 3 || Buffer.byteLength(text) <= mostBytes
}
