import t from 'tap'
import { hexOf, hexOfPoint } from '../../src/core/colors.ts'

t.test('red, green and blue are six digits, and anything else is no color', async (t) => {
  t.equal(hexOf([255, 160, 0]), 'FFA000')
  t.equal(hexOf([0.4, 15.5, 254.6]), '0010FF')
  for (const odd of [[], [1, 2], [1, 2, 256], [1, 2, -1], [1, 2, Number.NaN], [1, 2, 3, 4]]) {
    t.equal(hexOf(odd), undefined, String(odd))
  }
})

t.test('a point is the brightest color there, or the next one that can be shown', async (t) => {
  t.equal(hexOfPoint(0.64, 0.33), 'FF0000')
  t.equal(hexOfPoint(0.15, 0.06), '0000FF')
  t.equal(hexOfPoint(0.7, 0.29), 'FF0000')
  t.match(hexOfPoint(0.3127, 0.329), /^(?:F[E-F]){3}$/)
})
