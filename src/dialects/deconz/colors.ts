/** A colour as it is reported, RRGGBB, and as deCONZ has it: as a point of CIE 1931, and as hue and saturation. */
import { hexOfPoint } from '../../core/colors.ts'

/** How far of red, green and blue, each from 0 to 1; undefined of what is none. */
function lightOf(color: string): readonly [number, number, number] | undefined {
  const [, red, green, blue] = /^#?([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(color) ?? []
  if (red === undefined || green === undefined || blue === undefined) return undefined
  return [part(red), part(green), part(blue)]
}

function part(digits: string): number {
  return Number.parseInt(digits, 16) / 255
}

/** The brightest of the three is full: how bright a light is is told apart. */
function colorOf(light: readonly number[]): string {
  const most = Math.max(...light)
  const digits = light.map((one) => Math.round((Math.max(0, one) / most) * 255))
  return digits
    .map((one) => one.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase()
}

/** IEC 61966-2-1, sRGB: how much light a value is. */
function linear(value: number): number {
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
}

/** The point of a colour; undefined of what is none, and of black, which has no point. */
export function pointOf(color: string): readonly [x: number, y: number] | undefined {
  const light = lightOf(color)
  if (light === undefined) return undefined
  const [red, green, blue] = [linear(light[0]), linear(light[1]), linear(light[2])]
  // IEC 61966-2-1, from the primaries of sRGB to CIE XYZ.
  const x = 0.4124 * red + 0.3576 * green + 0.1805 * blue
  const y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
  const sum = x + y + 0.0193 * red + 0.1192 * green + 0.9505 * blue
  return sum === 0 ? undefined : [rounded(x / sum), rounded(y / sum)]
}

function rounded(value: number): number {
  return Number(value.toFixed(4))
}

export function colorAt([x, y]: readonly [x: number, y: number]): string {
  return hexOfPoint(x, Math.max(y, 0.0001))
}

/** Hue from 0 to 65535 around the circle, saturation from 0 to 255. */
export interface HueAndSaturation {
  readonly hue: number
  readonly sat: number
}

const fullCircle = 65_535

export function hueOf(color: string): HueAndSaturation | undefined {
  const light = lightOf(color)
  if (light === undefined) return undefined
  const [red, green, blue] = light
  const most = Math.max(...light)
  const spread = most - Math.min(...light)
  const sat = most === 0 ? 0 : Math.round((spread / most) * 255)
  if (spread === 0) return { hue: 0, sat }
  const sixth =
    most === red
      ? (green - blue) / spread
      : most === green
        ? (blue - red) / spread + 2
        : (red - green) / spread + 4
  return { hue: Math.round((((sixth + 6) % 6) / 6) * fullCircle), sat }
}

export function colorWith({ hue, sat }: HueAndSaturation): string {
  const sixth = (hue / fullCircle) * 6
  const least = 1 - sat / 255
  // How far each primary is from the hue, in sixths of the circle.
  const light = [0, 2, 4].map((primary) => {
    const distance = Math.abs(((sixth - primary + 9) % 6) - 3)
    return least + (1 - least) * Math.min(1, Math.max(0, 2 - distance))
  })
  return colorOf(light)
}
