import t from 'tap'
import { nearest } from '../../src/core/errors.ts'

const commands = ['run', 'lab', 'nodes', 'commands', 'user add', 'user allow']

t.test('what is near is found, and what is far is not', async (t) => {
  const cases: Record<string, string | undefined> = {
    rnu: 'run',
    lub: 'lab',
    node: 'nodes',
    comands: 'commands',
    'user ad': 'user add',
    'usre add': 'user add',
    nonsense: undefined,
    ls: undefined,
    '': undefined,
  }
  for (const [text, expected] of Object.entries(cases)) {
    t.equal(nearest(text, commands), expected, text)
  }
  t.equal(nearest('a', []), undefined)
})
