import t from 'tap'
import { readSeconds } from '../../src/cli/arguments.ts'

const option = { name: '--late', minimumSeconds: 0.001, maximumSeconds: 60 }

t.test('a time is in seconds, or has its unit', async (t) => {
  const times: Record<string, number> = {
    '5': 5000,
    '0.5': 500,
    '5s': 5000,
    '1.5s': 1500,
    '500ms': 500,
    '1ms': 1,
    '0.001': 1,
    '1m': 60_000,
    '60': 60_000,
  }
  for (const [text, ms] of Object.entries(times)) t.equal(readSeconds(text, option), ms, text)
})

t.test('what is no time, none at all or too much is refused', async (t) => {
  for (const text of [
    '',
    'soon',
    '0',
    '0.0001',
    '-1',
    '60.1',
    '2m',
    '5h',
    '1e3',
    '.5',
    '5 s',
    '٥',
  ]) {
    t.throws(() => readSeconds(text, option), {
      code: 'bad-command-line',
      message: `expected --late to be seconds from 0.001 to 60, such as 5 or 500ms, got ${JSON.stringify(text)}`,
    })
  }
})
