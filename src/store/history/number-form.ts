import type { ByteReader, ByteWriter } from './bytes.ts'

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
const largest = 2 ** 50

/** The form with the fewest decimals, but not fewer than `decimals`, that says exactly `value`. */
export function formOf(value: number, decimals: number): NumberForm {
  for (let form = decimals; form <= mostDecimals; form++) {
    const integer = scaled(value, form)
    if (Math.abs(integer) > largest) break
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
