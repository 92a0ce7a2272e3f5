import t from 'tap'
import { answeringHub } from './answering-hub.ts'
import { ranLine } from './run-line.ts'

const [old, spare] = ['nodes/bridge/0/relay/a', 'nodes/bridge/0/relay/b']

t.test('what went to a spare part, and what is gone, is told in one line', async (t) => {
  const nothing = { series: 0, label: false, lock: false, autoOff: false, commands: 0 }
  for (const [line, body, words] of [
    [
      'device replace relay/a relay/b',
      { old, new: spare, series: 2, label: true, lock: false, fewerRights: [] },
      `${spare}: takes the place of ${old}, with 2 quantities of its history, its name and room`,
    ],
    [
      'device replace relay/a relay/b',
      { old, new: spare, ...nothing },
      `${spare}: takes the place of ${old}, with nothing but its rules`,
    ],
    [
      'forget relay/a',
      { device: old, ...nothing, known: true, autoOff: true, lock: true, commands: 3 },
      `${old}: forgotten, with its last value, its lock, its auto-off, 3 commands; backups have it still`,
    ],
    [
      'forget ann',
      { user: 'ann', account: true, sessions: 1, keys: 2, devices: 0, events: 7 },
      'ann: forgotten, with the account, 1 sessions, 2 keys of dialects, 7 lines of the security log; backups have it still',
    ],
    [
      'forget bob',
      { user: 'bob', account: false, commands: 1 },
      'bob: forgotten, with 1 commands; backups have it still',
    ],
  ] as const) {
    const { url } = await answeringHub(t, { status: 200, body })
    t.same(await ranLine(`${line} --url ${url}`), { code: 0, output: [words], errors: [] })
  }
})

t.test('a wrong command line and a wrong answer are refused in one sentence', async (t) => {
  const { url } = await answeringHub(t, { status: 200, body: {} })
  for (const [line, words] of [
    ['device replace relay/a', /expected a device and its spare part; usage: clown-hub device/],
    ['device replace a b c', /expected a device and its spare part/],
    ['forget', /expected one device or user; usage: clown-hub forget DEVICE/],
    [`forget relay/a --url ${url}`, /expected a hub that forgets devices and users/],
    [`device replace relay/a relay/b --url ${url}`, /expected a hub that replaces devices/],
  ] as const) {
    t.match(await ranLine(line), { code: 1, errors: [words] })
  }
})
