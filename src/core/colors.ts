/** Colors as the hub has them: `RRGGBB` of sRGB (IEC 61966-2-1, D65). */

/** Of red, green and blue, 0 to 255 each; undefined of anything else. */
export function hexOf(rgb: readonly number[]): string | undefined {
  const isColor = rgb.length === 3 && rgb.every((each) => each >= 0 && each <= 255)
  return isColor ? written(rgb) : undefined
}

/** Red, green and blue of `RRGGBB`. */
export function rgbIn(color: unknown): readonly [red: number, green: number, blue: number] {
  const rgb = Number.parseInt(String(color), 16)
  return [rgb >> 16, (rgb >> 8) & 255, rgb & 255]
}

function written(rgb: readonly number[]): string {
  return Buffer.from(rgb.map(Math.round)).toString('hex').toUpperCase()
}

/** Of a point of CIE 1931, as bright as can be; what is out of reach becomes the next that is not. `y` is above 0. */
export function hexOfPoint(x: number, y: number): string {
  const [wide, deep] = [x / y, (1 - x - y) / y]
  const linear = [
    3.2406 * wide - 1.5372 - 0.4986 * deep,
    -0.9689 * wide + 1.8758 + 0.0415 * deep,
    0.0557 * wide - 0.204 + 1.057 * deep,
  ].map((each) => Math.max(0, each))
  const most = Math.max(...linear)
  return written(linear.map((each) => 255 * companded(each / most)))
}

function companded(linear: number): number {
  return linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055
}
