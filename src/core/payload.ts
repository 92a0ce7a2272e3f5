import { isUtf8 } from 'node:buffer'
import type { HubError } from './errors.ts'
import { type JsonLimits, keepsJsonShape, parseJson } from './json.ts'

/** How the bytes of a payload read: as JSON, as other text, or as bytes that are no text at all. */
type Encoding = 'json' | 'text' | 'base64'

interface Decoded {
  readonly encoding: Encoding
  readonly jsonText: string
  readonly value: unknown
}

/** The ceilings of `limits.json`: no configuration lets a websocket send more. */
const widestJson: JsonLimits = {
  depth: 32,
  keys: 65_536,
  stringBytes: 16_777_216,
  arrayItems: 262_144,
}

/** A payload stays bytes until somebody needs it decoded; then it is decoded once, for everybody. */
export class Payload {
  readonly bytes: Buffer
  /** Why there are no bytes: what came was not kept. Whoever admits messages throws it. */
  readonly refusal: HubError | undefined
  /** Whoever it is from, noted by the part of the hub that asks for it later. A field, as a weak map is dear for each message. */
  origin: object | undefined
  readonly #limits: JsonLimits
  #decoded: Decoded | undefined

  /** JSON past `limits` reads as other text does, so that nobody behind the hub has to parse it. */
  constructor(bytes: Buffer, limits = widestJson, refusal?: HubError) {
    this.bytes = bytes
    this.refusal = refusal
    this.#limits = limits
  }

  /** The payload of a JSON text that was parsed already, so that it is not parsed again. */
  static ofJson(jsonText: string, value: unknown): Payload {
    const payload = new Payload(Buffer.from(jsonText))
    payload.#decoded = { encoding: 'json', jsonText: onOneLine(jsonText), value }
    return payload
  }

  /** The payload that says `value` in JSON. */
  static ofValue(value: unknown): Payload {
    return Payload.ofJson(JSON.stringify(value), value)
  }

  /** The same to keep, in bytes of its own. */
  copied(): Payload {
    const copy = new Payload(ownBytes(this.bytes), this.#limits)
    copy.#decoded = this.#decoded
    return copy
  }

  /** What stands for a payload that was not kept. */
  static refused(refusal: HubError): Payload {
    return new Payload(Buffer.alloc(0), widestJson, refusal)
  }

  get encoding(): Encoding {
    return this.#decode().encoding
  }

  /**
   * Valid JSON on one line, whatever the bytes are: JSON as it came (`20.10` stays `20.10`), `null`
   * for an empty payload, a JSON string for other text, base64 in a JSON string for the rest.
   */
  get jsonText(): string {
    return this.#decode().jsonText
  }

  /** What `jsonText` parses to. */
  get value(): unknown {
    return this.#decode().value
  }

  #decode(): Decoded {
    this.#decoded ??= decode(this.bytes, this.#limits)
    return this.#decoded
  }
}

function decode(bytes: Buffer, limits: JsonLimits): Decoded {
  if (bytes.length === 0) return { encoding: 'json', jsonText: 'null', value: null }
  const text = utf8Text(bytes)
  if (text === undefined) return quoted('base64', bytes.toString('base64'))
  if (!keepsJsonShape(text, limits)) return quoted('text', text)
  const value = parseJson(text)
  return value === undefined
    ? quoted('text', text)
    : { encoding: 'json', value, jsonText: onOneLine(text) }
}

function quoted(encoding: Encoding, text: string): Decoded {
  return { encoding, jsonText: JSON.stringify(text), value: text }
}

// A raw line break inside valid JSON can only stand between tokens (RFC 8259, section 2), so a
// space may take its place. Clients cut frames at line breaks.
function onOneLine(jsonText: string): string {
  return jsonText.includes('\n') || jsonText.includes('\r')
    ? jsonText.replace(/[\r\n]/g, ' ')
    : jsonText
}

/** A copy to keep: a payload of 1 byte would hold on to the 64 KiB that a socket read at once. */
export function ownBytes(bytes: Buffer): Buffer {
  // Not out of a pool, which would live as long as one of its pieces.
  const own = Buffer.allocUnsafeSlow(bytes.length)
  own.set(bytes)
  return own
}

/** The text that `bytes` are in UTF-8, its byte order mark included; undefined when they are none. */
export function utf8Text(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString() : undefined
}
