/** Colors, which the hub has as `RRGGBB`, in the coordinates that lights have them in. */
import { hexOf, hexOfPoint } from '../../core/colors.ts'

/** Of hue in degrees and saturation in percent, as bright as can be. */
export function hexOfHue(hue: number, saturation: number): string | undefined {
  const channel = (shift: number) => {
    const at = (shift + hue / 60) % 6
    return 255 * (1 - (saturation / 100) * Math.max(0, Math.min(at, 4 - at, 1)))
  }
  return hexOf([channel(5), channel(3), channel(1)])
}

export function hueInRgb(
  rgb: readonly [number, number, number],
): readonly [hue: number, saturation: number] {
  const [red, green, blue] = rgb
  const most = Math.max(...rgb)
  const range = most - Math.min(...rgb)
  if (range === 0) return [0, 0]
  const sector =
    most === red
      ? (green - blue) / range + 6
      : most === green
        ? (blue - red) / range + 2
        : (red - green) / range + 4
  return [round((sector * 60) % 360), round((range / most) * 100)]
}

/** Of a point of CIE 1931; undefined where there is none. */
export function hexOfXy(x: number, y: number): string | undefined {
  return Number.isFinite(x) && y > 0 ? hexOfPoint(x, y) : undefined
}

export function xyOf(rgb: readonly [number, number, number]): readonly [x: number, y: number] {
  const [red = 0, green = 0, blue = 0] = rgb.map((each) => {
    const part = each / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  const x = 0.4124564 * red + 0.3575761 * green + 0.1804375 * blue
  const y = 0.2126729 * red + 0.7151522 * green + 0.072175 * blue
  const z = 0.0193339 * red + 0.119192 * green + 0.9503041 * blue
  const sum = x + y + z
  // Black has no color: white's will do.
  return sum === 0 ? [0.3127, 0.329] : [round(x / sum, 4), round(y / sum, 4)]
}

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits))
}
