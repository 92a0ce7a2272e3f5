import t from 'tap'
import { colorAt, colorWith, hueOf, pointOf } from '../../../src/dialects/deconz/colors.ts'

t.test('a colour is a point, and hue and saturation, and comes back from both', async (t) => {
  const colors = {
    FF0000: { point: [0.6401, 0.33], hue: 0, sat: 255 },
    '00FF00': { point: [0.3, 0.6], hue: 21_845, sat: 255 },
    '0000FF': { point: [0.15, 0.06], hue: 43_690, sat: 255 },
    FFA000: { point: [0.5061, 0.4364], hue: 6853, sat: 255 },
    '8000FF': { point: [0.2008, 0.088], hue: 49_173, sat: 255 },
    FFFFFF: { point: [0.3127, 0.329], hue: 0, sat: 0 },
  }
  for (const [color, { point, hue, sat }] of Object.entries(colors)) {
    const found = pointOf(`#${color.toLowerCase()}`)
    t.same(found, point, color)
    t.equal(found && colorAt(found), color)
    t.same(hueOf(color), { hue, sat }, color)
    t.equal(colorWith({ hue, sat }), color)
  }
})

t.test('a colour is as bright as it can be, and one out of reach becomes the next', async (t) => {
  t.same(pointOf('800000'), pointOf('FF0000'))
  t.equal(colorAt([0.7, 0.29]), 'FF0000')
  for (const point of [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ] as const) {
    t.match(colorAt(point), /^[0-9A-F]{6}$/)
  }
})

t.test('black has no point, and what is no colour has nothing', async (t) => {
  t.equal(pointOf('000000'), undefined)
  t.same(hueOf('000000'), { hue: 0, sat: 0 })
  for (const color of ['', 'red', 'FF00', 'GG0000']) {
    t.equal(pointOf(color), undefined)
    t.equal(hueOf(color), undefined)
  }
})
