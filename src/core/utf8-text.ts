import { isUtf8 } from 'node:buffer'

/** The text that `bytes` are in UTF-8, its byte order mark included; undefined when they are none. */
export function utf8Text(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString() : undefined
}
