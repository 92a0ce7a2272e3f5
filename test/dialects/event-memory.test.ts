import t from 'tap'
import { createEventMemory, presenceSeconds } from '../../src/dialects/event-memory.ts'
import { rowsFor, rowsOf } from '../../src/dialects/model-table.ts'
import type { SeenDevice } from '../../src/nodes/served/seen-devices.ts'
import { steppedClock } from '../clock.ts'
import { seenDevice } from './seen-device.ts'

function opened() {
  const clock = steppedClock()
  const absences: number[] = []
  const memory = createEventMemory({ clock, onAbsence: (number) => absences.push(number) })
  const report = (kind: string, value: unknown) => {
    const device: SeenDevice = {
      number: 7,
      topic: `nodes/bridge/0/${kind}/-`,
      firstTopic: `nodes/bridge/0/${kind}/-`,
      base: 'nodes/bridge/0',
      name: `${kind}/-`,
      kind,
      role: 'sensor',
      nodeNumber: 1,
      value,
      keys: new Set(),
      heardAtMs: clock.wallMs(),
      isKnown: true,
      online: true,
    }
    return rowsOf(kind).map((row) => memory.report(device, row))[0]
  }
  return { clock, absences, memory, report }
}

t.test('a count that grew is an event; the first one, the same and zero are none', async (t) => {
  const { clock, memory, report } = opened()
  t.equal(report('push-button', { 'event-count': 4 }), false)
  t.equal(memory.buttonEvent(7), null)
  t.equal(memory.happenedAtMs(7), undefined)
  t.equal(report('push-button', { 'event-count': 4 }), false)
  clock.step(1000)
  t.equal(report('push-button', { 'event-count': 5 }), true)
  t.equal(memory.buttonEvent(7), 1002)
  t.equal(memory.happenedAtMs(7), 1000, 'when it was heard')
  clock.step(1000)
  t.equal(report('push-button', { 'event-count': 0 }), false, 'its node has started anew')
  t.equal(memory.happenedAtMs(7), 1000)
  t.equal(report('push-button', { 'event-count': 'many' }), false)
  t.equal(report('thermometer', { temperature: [20, '℃'] }), false)
  memory.forget(7)
  t.equal(memory.buttonEvent(7), null)
  t.equal(memory.happenedAtMs(7), undefined)
})

t.test('somebody is there until nothing has moved for a while', async (t) => {
  const { clock, memory, report, absences } = opened()
  report('pir', { 'event-count': 1 })
  t.equal(memory.isPresent(7), false)
  report('pir', { 'event-count': 2 })
  t.equal(memory.isPresent(7), true)
  clock.step(presenceSeconds * 1000 - 1)
  report('pir', { 'event-count': 3 })
  clock.step(presenceSeconds * 1000 - 1)
  t.same(absences, [])
  clock.step(1)
  t.same(absences, [7])
  t.equal(memory.isPresent(7), false)
})

t.test('what was closed calls nobody', async (t) => {
  const { clock, memory, report, absences } = opened()
  report('pir', { 'event-count': 1 })
  report('pir', { 'event-count': 2 })
  memory.close()
  clock.step(presenceSeconds * 1000)
  t.same(absences, [])
})

t.test('what happens by a word is an action of a button', async (t) => {
  const { clock, memory } = opened()
  const happens = (event: string) => {
    const device = seenDevice({
      number: 7,
      kind: 'event',
      value: { event },
      heardAtMs: clock.wallMs(),
    })
    return rowsFor(device).map((row) => memory.report(device, row))
  }
  const words = {
    single: 1002,
    press: 1002,
    hold: 1001,
    'long-release': 1003,
    Double: 1004,
    triple: 1005,
    quadruple: 1006,
    shake: 1007,
    fall: 1008,
    flip90: 1009,
  }
  for (const [word, action] of Object.entries(words)) {
    clock.step(1000)
    t.same(happens(word), [true], word)
    t.equal(memory.buttonEvent(7), action, word)
    t.equal(memory.happenedAtMs(7), clock.wallMs())
  }
  t.same(happens(''), [false])
  t.equal(memory.buttonEvent(7), 1009, 'an empty one is none')
})
