import { once } from 'node:events'
import { createServer } from 'node:http'
import t from 'tap'
import { nodeLines } from '../../src/cli/list-nodes.ts'
import { answeringHub, listening } from './answering-hub.ts'
import { ranLine, runLine } from './run-line.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'
const command = {
  id: '1',
  at: '2026-11-21T10:00:00.000Z',
  user: 'ann',
  address: '127.0.0.1',
  way: 'http',
  device: relay,
  asked: { state: true },
  receipt: 'confirmed',
  afterMs: 12,
}

t.test('each command is one line, the latest one last', async (t) => {
  const commands = [
    { ...command, receipt: 'refused', code: 'locked', asked: '\u001b[2J…', afterMs: 0 },
    { ...command, receipt: 'node-offline', code: 'node-offline', asked: null, afterMs: 0 },
    command,
  ]
  const { url } = await answeringHub(t, { status: 200, body: { commands } })
  const start = `2026-11-21T10:00:00.000Z ann http ${relay}`
  t.same((await ranLine(`commands --url ${url}`)).output, [
    `${start} {"state":true} confirmed, after 12 ms`,
    `${start} - node-offline, after 0 ms`,
    `${start}  [2J… refused (locked), after 0 ms`,
  ])
  t.same((await ranLine(`commands --json --url ${url}`)).output, [JSON.stringify({ commands })])
})

t.test('it is said when there may be more commands', async (t) => {
  const commands = Array.from({ length: 1000 }, () => command)
  const { url } = await answeringHub(t, { status: 200, body: { commands } })
  const { output } = await ranLine(`commands --url ${url}`)
  t.equal(output.length, 1001)
  t.equal(output[0], 'only the latest 1000 are listed; ask for fewer with --device')
})

t.test('commands are asked for by their device and time', async (t) => {
  const { url, heard } = await answeringHub(t, { status: 200, body: { commands: [] } })
  const { code } = await ranLine(
    `commands --device relay/i2c0-3b --since 2026-11-21T10:00Z --url ${url}`,
  )
  t.equal(code, 0)
  const device = 'device=nodes%2Fbridge%2F0%2Frelay%2Fi2c0-3b'
  const since = 'since=2026-11-21T10%3A00%3A00.000Z'
  t.match(heard, [
    { method: 'GET', path: `/api/commands?limit=1000&${device}&${since}`, contentType: undefined },
  ])
})

const now = new Date(2026, 10, 21, 12, 0, 0).getTime()
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString()

t.test('nodes come with what their devices told last, how long ago and when', async (t) => {
  const nodes = [
    { base: '', online: null, lastSeen: null, devices: [] },
    { base: 'a', online: false, lastSeen: ago(2 * 86_400), devices: 'none' },
    {
      base: 'nodes/bridge/0',
      online: true,
      lastSeen: ago(2),
      devices: [
        { name: 'relay/i2c0-3b', value: { state: true }, at: ago(3), stale: false },
        { name: 'led/-', title: 'Lamp', room: 'Hall', value: {}, at: null, stale: false },
        {
          name: 'r',
          room: 'Hall',
          value: null,
          known: false,
          lastValue: 1,
          at: ago(3),
          stale: true,
        },
        { name: 't', value: { temperature: [20.01, '℃'], b: 1 }, at: ago(300), stale: true },
        { name: 'n', value: { on: [true, null], '%': [45, null] }, at: ago(3) },
        { name: 'x', value: 'on\u001b[2J', at: ago(-1) },
        { name: 'y', value: 'AAAA', encoding: 'base64', at: ago(3 * 3600) },
        { name: 'z', value: 'z'.repeat(99), at: 'nonsense' },
        { name: 'list', value: [1, 2, 3], at: ago(12 * 3600 + 1) },
      ],
    },
  ]
  t.same(nodeLines(nodes, now), [
    '-, not known whether online',
    'a, offline, last seen 2 d ago, 2026-11-19 12:00:00',
    'nodes/bridge/0, online, last seen 2 s ago, 11:59:58',
    ...[
      ['relay/i2c0-3b', 'state true', '3 s ago', '11:59:57'],
      ['led/-', '-', 'never reported', '', 'Lamp, Hall'],
      ['r', 'unknown, was 1', '3 s ago', '11:59:57             stale', 'Hall'],
      ['t', 'temperature 20.01 ℃, b 1', '5 min ago', '11:55:00             stale'],
      ['n', 'on true, % 45', '3 s ago', '11:59:57'],
      ['x', 'on [2J', 'now', '12:00:01'],
      ['y', 'bytes', '3 h ago', '09:00:00'],
      ['z', `${'z'.repeat(60)}…`, 'never reported'],
      ['list', '[1,2,3]', '12 h ago', '2026-11-20 23:59:59'],
    ].map(([name = '', value = '', age = '', time = '', called = '']) =>
      `  ${name.padEnd(13)}  ${called.padEnd(10)}  ${value.padEnd(61)}  ${age.padEnd(14)}  ${time}`.trimEnd(),
    ),
  ])
  t.same(nodeLines([], now), ['no nodes yet'])
})

t.test('nodes are asked of a hub, as lines or as JSON', async (t) => {
  const nodes = [{ base: 'a', online: true, lastSeen: null, devices: [] }]
  const { url } = await answeringHub(t, { status: 200, body: { nodes } })
  t.same((await ranLine(`nodes --url ${url}`)).output, ['a, online'])
  t.same((await ranLine(`nodes --json --url ${url}`)).output, [JSON.stringify({ nodes })])
})

t.test('a refusal of a list ends with 4, and what is none with 1', async (t) => {
  const body = { code: 'forbidden', message: 'expected an operator' }
  const forbidding = await answeringHub(t, { status: 403, body })
  const refused = await ranLine(`commands --url ${forbidding.url}`)
  t.same(refused, { code: 4, output: ['refused: expected an operator'], errors: [] })
  for (const [status, answer] of [
    [200, { commands: {} }],
    [503, { commands: [] }],
  ]) {
    const { url } = await answeringHub(t, { status: Number(status), body: answer })
    for (const options of ['', ' --json']) {
      const { code, errors } = await ranLine(`commands --url ${url}${options}`)
      t.equal(code, 1)
      t.match(errors, [/^clown-hub: expected a hub that lists commands, got status /])
    }
  }
})

t.test('Ctrl-C ends the waiting for a list', async (t) => {
  const silent = createServer()
  const port = await listening(t, silent)
  const asked = once(silent, 'request')
  const { output, code, stop } = runLine(`nodes --url http://clown:bigclown@127.0.0.1:${port}`)
  await asked
  stop()
  t.equal(await code, 130)
  t.same(output.items, [])
})

t.test('a wrong command line is refused in one sentence', async (t) => {
  const wrong: Record<string, RegExp> = {
    'nodes relay': /^clown-hub: Unexpected argument 'relay'.*; usage: clown-hub nodes/,
    'commands --device relay/+': /^clown-hub: expected a topic with no wildcard \+, got/,
    'commands --since now': /^clown-hub: expected --since to be a time such as/,
  }
  for (const [line, sentence] of Object.entries(wrong)) {
    const { code, errors } = await ranLine(line)
    t.equal(code, 1, line)
    t.match(errors, [sentence])
  }
})
