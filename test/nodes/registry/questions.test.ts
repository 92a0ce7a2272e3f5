import t from 'tap'
import { createClownModel } from '../../../src/nodes/clown-model.ts'
import { createDeviceTable } from '../../../src/nodes/registry/device-table.ts'
import { createQuestions } from '../../../src/nodes/registry/questions.ts'
import { steppedClock } from '../../clock.ts'

function opened() {
  const clock = steppedClock()
  const table = createDeviceTable()
  const asked: string[] = []
  const known = new Set<string>()
  const away = new Set<string>()
  const questions = createQuestions({
    bus: { publish: ({ topic, qos, retain }) => asked.push(`${topic} ${qos} ${retain}`) },
    registry: { nodes: table.nodes, device: table.get, isOffline: (base) => away.has(base) },
    states: { isKnown: (topic) => known.has(topic) },
    model: createClownModel({ binds: (_, base) => base !== 'foreign' }),
    clock,
  })
  return { clock, table, asked, known, away, questions }
}

t.test('devices are asked one after the other, at most 20 a second', async (t) => {
  const { clock, table, asked, questions } = opened()
  for (let at = 0; at < 30; at++) table.add(`n/relay/${at}`)
  questions.askNode('n')
  questions.askNode('n')
  t.same(asked, [], 'not at once: it has just come')
  clock.step(1000)
  t.equal(asked.length, 20)
  t.equal(asked[0], 'n/relay/0/get 0 false', 'so that it waits for nobody')
  clock.step(1000)
  t.equal(asked.length, 30, 'each once')
})

t.test(
  'who has reported or gone before its turn is not asked, nor whom nobody can ask',
  async (t) => {
    const { clock, table, asked, known, away, questions } = opened()
    for (const topic of ['n/relay/0', 'n/relay/1', 'foreign/relay/0', 'm/relay/0', 'n/relay/2'])
      table.add(topic)
    known.add('n/relay/2')
    for (const base of ['n', 'foreign', 'm', 'nobody']) questions.askNode(base)
    known.add('n/relay/0')
    away.add('m')
    clock.step(1000)
    t.same(asked, ['n/relay/1/get 0 false'])
    t.equal(questions.askNow('foreign/relay/0'), false)
    t.equal(questions.askNow('n/relay/0'), true)
    t.equal(asked.length, 2)
  },
)

t.test('nothing is asked once it is closed', async (t) => {
  const { clock, table, asked, questions } = opened()
  table.add('n/relay/0')
  questions.askNode('n')
  questions.close()
  questions.askNode('n')
  clock.step(1000)
  t.same(asked, [])
})
