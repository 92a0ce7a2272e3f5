import t from 'tap'
import { simulatedClownModel } from '../../src/simulator/conventions/clown-model.ts'
import {
  blind,
  counter,
  detector,
  heating,
  lamp,
  led,
  meter,
  type NodePart,
  quantities,
  type Random,
  relay,
  ventilator,
} from '../../src/simulator/parts.ts'

/** Ten seconds at three in the afternoon. */
const passing = { seconds: 10, hour: 15, random: () => 0.5 }

/** What the node's meters show after each of `rounds` moves. */
function readingsOver(rounds: number, random: Random): number[][] {
  const meters = simulatedClownModel.parts().filter(({ kind }) => kind === 'meter')
  return Array.from({ length: rounds }, () => {
    for (const part of meters) part.pass({ ...passing, random })
    return meters.flatMap(({ values }) => Object.values(values).map(Number))
  })
}

t.test('what is measured stops at plausible bounds', async (t) => {
  t.same(readingsOver(700, () => 0).at(-1), [17, 17, 30, 80, 99, -140, 400])
  t.same(readingsOver(700, () => 1).at(-1), [27, 27, 65, 900, 103, 200, 1500])
})

t.test('what is measured moves slowly, and has two decimals at most', async (t) => {
  const rounds = readingsOver(500, Math.random)
  t.notSame(rounds[0], rounds.at(-1))
  t.notMatch(JSON.stringify(rounds), /\.\d{3}/)
  const temperatures = rounds.map(([first = 0]) => first)
  const steps = temperatures.slice(1).map((value, at) => Math.abs(value - (temperatures[at] ?? 0)))
  t.ok(Math.max(...steps) < 0.1)
})

t.test('outdoors it is warm in the afternoon and cold in the night', async (t) => {
  const part = meter('Outdoors', { temperature: quantities.outdoors })
  const at = (hour: number) => {
    for (let minute = 0; minute < 300; minute++) part.pass({ ...passing, seconds: 60, hour })
    return Number(part.values['temperature'])
  }
  t.ok(Math.abs(at(15) - 15) < 0.5)
  t.ok(Math.abs(at(3) - 3) < 0.5)
})

t.test('a motion detector counts now and then, and never back', async (t) => {
  const part = counter('-')
  const counts = [0.9, 0.1, 0.5, 0].map((chance) => {
    part.pass({ ...passing, random: () => chance })
    return part.values['count']
  })
  t.same(counts, [0, 1, 1, 2])
})

t.test('somebody comes and goes, now and then', async (t) => {
  const part = detector('Hall', 'motion')
  const states = [0.9, 0.1, 0.5, 0].map((chance) => {
    part.pass({ ...passing, random: () => chance })
    return part.values['state']
  })
  t.same(states, [false, true, true, false])
})

t.test('a relay measures what flows through it while it is on', async (t) => {
  const part = relay('Plug', 100)
  part.pass(passing)
  t.match(part.values, { state: false, power: 0, energy: 12.4 })
  part.take(lastOf(part, { state: true }))
  t.match(part.values, { state: true, power: 100 })
  part.pass({ ...passing, seconds: 3600 })
  t.same(part.values, { state: true, power: 100, energy: 12.5 })
  part.take(lastOf(part, { state: false }))
  t.match(part.values, { state: false, power: 0 })
})

t.test('a heating warms its room until it is as warm as it is to be', async (t) => {
  const part = heating('Stove')
  for (let minute = 0; minute < 60; minute++) part.pass({ ...passing, seconds: 60 })
  t.ok(Math.abs(Number(part.values['temperature']) - 21) < 0.2)
  part.take(lastOf(part, { setpoint: 25 }))
  t.match(part.values, { action: 'heating' })
  part.take(lastOf(part, { mode: 'off' }))
  t.match(part.values, { action: 'idle' })
  for (let hour = 0; hour < 24; hour++) part.pass({ ...passing, seconds: 3600 })
  t.match(part.values, { temperature: 15 })
})

t.test('a blind passes places on its way, and stops where it is', async (t) => {
  const part = blind('Blind')
  const way = part.course({ position: 50 })?.way ?? []
  t.same(way, [
    { position: 0, moving: 'opening' },
    { position: 20, moving: 'opening' },
    { position: 40, moving: 'opening' },
    { position: 50, moving: '' },
  ])
  part.take(way[1] ?? {})
  t.same(part.course({ moving: '' })?.way, [{ position: 20, moving: '' }])
  t.match(part.course({ position: 0 })?.way, [{ position: 20, moving: 'closing' }, { position: 0 }])
})

/** Where `part` is in the end when it is told `asked`. */
function lastOf(part: NodePart, asked: object) {
  return part.course({ ...asked })?.way.at(-1) ?? {}
}

t.test('what is told takes what it has, and knows something else that it is not', async (t) => {
  const light = lamp('Lamp', ['brightness', 'mired', 'color'])
  const cases: [NodePart, object, object][] = [
    [led('-'), { state: '2-dot' }, { state: 'off' }],
    [led('-'), { state: 'off' }, { state: 'on' }],
    [relay('-'), { state: true }, { state: false }],
    [light, { brightness: 80 }, { brightness: 1 }],
    [light, { brightness: 20 }, { brightness: 100 }],
    [light, { color: 'ff0000' }, { color: '0000FF' }],
    [light, { color: '00FF00', state: true }, { color: 'FF0000', state: false }],
    [ventilator('Fan'), { state: true, speed: 66 }, { state: false, speed: 0 }],
    [blind('Blind'), { position: 100 }, { position: 0 }],
  ]
  for (const [part, asked, other] of cases) {
    const { way = [], otherWay = [] } = part.course({ ...asked }) ?? {}
    const written = JSON.parse(JSON.stringify(asked).replace('ff0000', 'FF0000'))
    t.match(way.at(-1), written, JSON.stringify(asked))
    t.match(otherWay.at(-1), other, JSON.stringify(other))
  }
})

t.test('what a part does not have it does not take', async (t) => {
  const light = lamp('Lamp', ['brightness', 'color'])
  const misfits: [NodePart, object][] = [
    ...['4-dot', 'ON', '', true, 1, null, ['on']].map((state): [NodePart, object] => [
      led('-'),
      { state },
    ]),
    ...['false', 0, null, [false], {}].map((state): [NodePart, object] => [relay('-'), { state }]),
    ...[0, 101, Number.NaN, '50'].map((brightness): [NodePart, object] => [light, { brightness }]),
    ...['FF00', 'red', 7].map((color): [NodePart, object] => [light, { color }]),
    [light, { mired: 200 }],
    [light, { state: true, mired: 200 }],
    [light, {}],
    [meter('x', {}), { state: true }],
  ]
  for (const [part, asked] of misfits) t.equal(part.course({ ...asked }), undefined)
})

t.test('what does not change by itself stays as it is', async (t) => {
  const part = led('-')
  part.pass(passing)
  t.same(part.values, { state: 'off' })
})

t.test('by hand everything goes back and forth that people touch', async (t) => {
  const touched = [relay('-'), lamp('-', []), ventilator('-'), blind('-'), heating('-')].map(
    (part) => {
      const once = part.byHand() ?? {}
      part.take(lastOf(part, once))
      return [once, part.byHand()]
    },
  )
  const onOff = [{ state: true }, { state: false }]
  const blinds = [{ position: 100 }, { position: 0 }]
  t.same(touched, [onOff, onOff, onOff, blinds, [{ setpoint: 22.5 }, { setpoint: 21 }]])
  t.equal(led('-').byHand(), undefined)
})
