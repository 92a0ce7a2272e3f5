import { pino } from 'pino'
import t from 'tap'
import { createCounters } from '../../../src/core/sampled-log.ts'
import { createConflicts } from '../../../src/nodes/registry/conflicts.ts'
import { createInbox } from '../../inbox.ts'
import { stillClocks } from './opened-nodes.ts'

function opened() {
  const clock = stillClocks()
  const counters = createCounters()
  const lines = createInbox<Record<string, unknown>>()
  const log = pino({}, { write: (line: string) => lines.put(JSON.parse(line)) })
  return { clock, counters, lines, ...createConflicts({ clock, log, counters }) }
}

t.test('two clients with one id fight when one takes over again and again', async (t) => {
  const { clock, counters, lines, takenOver, list } = opened()
  takenOver('ann:a')
  clock.advance(40_000)
  takenOver('ann:a')
  clock.advance(40_000)
  takenOver('ann:a')
  t.same(list(), [], 'a board that comes back once a minute takes its own place')
  clock.advance(10_000)
  takenOver('ann:a')
  clock.advance(10_000)
  takenOver('ann:a')
  t.match(list(), [
    {
      kind: 'client-id',
      name: 'ann:a',
      count: 2,
      since: '2026-11-21T12:01:30.000Z',
      last: '2026-11-21T12:01:40.000Z',
    },
  ])
  t.equal(counters.snapshot()['conflict-client-id'], 2)
  t.match(lines.items, [{ kind: 'conflict-client-id', name: 'ann:a', count: 1 }])
  t.equal(lines.items.length, 1)
  clock.advance(50_000)
  for (let at = 0; at < 3; at++) takenOver('ann:a')
  t.equal(lines.items.length, 2, 'it is logged once a minute')
})

t.test('two nodes of one base are told by their reports', async (t) => {
  const { clock, lines, spoke, list } = opened()
  spoke('n', 'ann:a')
  spoke('n', 'ann:b')
  t.same(list(), [], 'a board was replaced')
  clock.advance(1000)
  spoke('n', 'ann:a')
  spoke('m', 'ann:a')
  t.match(list(), [{ kind: 'base', name: 'n', clients: ['ann:a', 'ann:b'], count: 1 }])
  t.equal(lines.items.length, 1)
  clock.advance(60_001)
  spoke('n', 'ann:b')
  t.match(list(), [{ count: 1 }], 'who was replaced for so long does not fight')
})
