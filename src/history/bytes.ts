/** Numbers as bytes: small ones take little room (varints: 7 bits a byte, the lowest first). */

/** Below this, the operators on bits do; they know 32 bits. */
const fastBelow = 2 ** 28

/** Bytes that are only ever added to. */
export class ByteWriter {
  #bytes: Buffer
  #length = 0

  constructor(capacity = 64) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity)
  }

  get length(): number {
    return this.#length
  }

  /** All so far. What is added later does not change it. */
  written(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  byte(value: number): void {
    this.#makeRoom(1)
    this.#bytes[this.#length++] = value
  }

  /** An integer from 0 to 2^53. */
  unsigned(value: number): void {
    this.#makeRoom(8)
    let rest = value
    while (rest >= fastBelow) {
      this.#bytes[this.#length++] = (rest % 128) + 128
      rest = Math.floor(rest / 128)
    }
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest & 127) | 128
      rest >>>= 7
    }
    this.#bytes[this.#length++] = rest
  }

  /** An integer of up to 52 bits, and its sign. */
  signed(value: number): void {
    this.unsigned(zigzag(value))
  }

  float(value: number): void {
    this.#makeRoom(4)
    this.#length = this.#bytes.writeFloatLE(value, this.#length)
  }

  double(value: number): void {
    this.#makeRoom(8)
    this.#length = this.#bytes.writeDoubleLE(value, this.#length)
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(this.#bytes.length * 2)
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}

/** Reads what a ByteWriter wrote; throws a RangeError past the end. */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get hasMore(): boolean {
    return this.#at < this.#bytes.length
  }

  /** What was not read yet. */
  rest(): Buffer {
    return this.#bytes.subarray(this.#at)
  }

  byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new RangeError('expected another byte, got the end')
    return byte
  }

  unsigned(): number {
    let byte = this.byte()
    // Most numbers are small.
    if (byte < 128) return byte
    let value = byte & 127
    let unit = 128
    do {
      byte = this.byte()
      value += (byte & 127) * unit
      unit *= 128
    } while (byte >= 128)
    return value
  }

  signed(): number {
    return unzigzag(this.unsigned())
  }

  float(): number {
    this.#at += 4
    return this.#bytes.readFloatLE(this.#at - 4)
  }

  double(): number {
    this.#at += 8
    return this.#bytes.readDoubleLE(this.#at - 8)
  }
}

/** Signed numbers as unsigned ones, so that those near 0 stay small: 0, -1, 1, -2 as 0, 1, 2, 3. */
export function zigzag(value: number): number {
  return value >= 0 ? value * 2 : value * -2 - 1
}

export function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : (value + 1) / -2
}

// --- decimals ---

/**
 * How a number is written. What sensors report are mostly decimals such as 20.01: forms 0 to 9 are
 * integers of that many decimals (2001). `single` and `double` are the 4 and 8 bytes of IEEE 754.
 */
export type NumberForm = number

const mostDecimals = 9
const single = 10
const double = 11

const powers = Array.from({ length: mostDecimals + 1 }, (_, decimals) => 10 ** decimals)

/** So that the difference of two, with its sign, still is an exact number. */
export const exactBelow = 2 ** 50

/** The form with the fewest decimals, but not fewer than `decimals`, that says exactly `value`. */
export function formOf(value: number, decimals: number): NumberForm {
  for (let form = decimals; form <= mostDecimals; form++) {
    const integer = scaled(value, form)
    if (Math.abs(integer) > exactBelow) break
    if (unscaled(integer, form) === value) return form
  }
  return formOfFloats([value])
}

/** The form of numbers that are not decimals, or not all. */
export function formOfFloats(values: readonly number[]): NumberForm {
  return values.every((value) => Math.fround(value) === value) ? single : double
}

export function isDecimal(form: NumberForm): boolean {
  return form <= mostDecimals
}

export function scaled(value: number, form: NumberForm): number {
  return Math.round(value * powerOf(form))
}

// Not by a multiplication with 0.01: only the division gives the number that was written.
export function unscaled(integer: number, form: NumberForm): number {
  return integer / powerOf(form)
}

function powerOf(form: NumberForm): number {
  return Number(powers[form])
}

export function writeFloating(writer: ByteWriter, value: number, form: NumberForm): void {
  if (form === single) writer.float(value)
  else writer.double(value)
}

export function readFloating(reader: ByteReader, form: NumberForm): number {
  return form === single ? reader.float() : reader.double()
}
