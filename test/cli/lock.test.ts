import { once } from 'node:events'
import { createServer } from 'node:http'
import t from 'tap'
import { answeringHub, listening } from './answering-hub.ts'
import { ranLine, runLine } from './run-line.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'
const since = '2026-11-21T10:00:00.000Z'
const lock = { device: relay, by: 'ann', reason: 'the belt\nis off', since }

t.test('a lock and an unlock are told in one line of plain words', async (t) => {
  const answers: [string, number, unknown, number, string][] = [
    ['lock', 200, lock, 0, `locked by ann since ${since}: the belt is off`],
    [
      'lock',
      409,
      { code: 'locked', message: 'expected none, got "bob"' },
      4,
      'refused: expected none, got "bob"',
    ],
    [
      'unlock',
      200,
      { device: relay, unlocked: lock },
      0,
      `unlocked; it was locked by ann since ${since}: the belt is off`,
    ],
    ['unlock', 200, { device: relay, unlocked: null }, 0, 'was not locked'],
    [
      'unlock',
      403,
      { code: 'forbidden', message: 'expected an operator' },
      4,
      'refused: expected an operator',
    ],
  ]
  for (const [verb, status, body, code, words] of answers) {
    const { url } = await answeringHub(t, { status, body })
    const reason = verb === 'lock' ? ' --reason belt' : ''
    const line = `${verb} relay/i2c0-3b${reason} --url ${url}`
    t.same(await ranLine(line), { code, output: [`${relay}: ${words}`], errors: [] })
    t.same(await ranLine(`${line} --json`), { code, output: [JSON.stringify(body)], errors: [] })
  }
})

t.test('the hub is asked for the complete device', async (t) => {
  const { url, heard } = await answeringHub(t, { status: 200, body: { ...lock, unlocked: null } })
  const surroundings = { environment: { CLOWN_HUB_URL: url } }
  await ranLine('lock relay/i2c0-3b --reason belt', surroundings)
  await ranLine('unlock door --base=', surroundings)
  t.match(heard, [
    { method: 'POST', path: '/api/lock', body: `{"device":"${relay}","reason":"belt"}` },
    { method: 'POST', path: '/api/unlock', body: '{"device":"door"}' },
  ])
})

t.test('a wrong command line is refused in one sentence, and nothing is sent', async (t) => {
  const { url, heard } = await answeringHub(t, { status: 200, body: lock })
  const wrong: Record<string, RegExp> = {
    lock: /^clown-hub: expected one device; usage: clown-hub lock DEVICE --reason TEXT/,
    'lock relay/i2c0-3b': /^clown-hub: expected a --reason; usage: clown-hub lock/,
    'lock relay/a relay/b --reason c': /^clown-hub: expected one device; usage:/,
    'lock relay/+ --reason c': /^clown-hub: expected a topic with no wildcard \+, got/,
    'unlock relay/a --reason c': /^clown-hub: Unknown option '--reason'; usage: clown-hub unlock/,
  }
  for (const [line, sentence] of Object.entries(wrong)) {
    const { code, errors } = await ranLine(line, { environment: { CLOWN_HUB_URL: url } })
    t.equal(code, 1, line)
    t.match(errors, [sentence])
  }
  t.same(heard, [])
})

t.test('an answer that says nothing of a lock ends with 1', async (t) => {
  const answers: [string, number, unknown][] = [
    ['lock relay/a --reason b', 200, {}],
    ['unlock relay/a', 200, {}],
    ['unlock relay/a', 500, { unlocked: null }],
  ]
  for (const [line, status, body] of answers) {
    const { url } = await answeringHub(t, { status, body })
    const { code, errors } = await ranLine(`${line} --url ${url}`)
    t.equal(code, 1)
    t.match(errors, [
      new RegExp(`^clown-hub: expected a hub that has locks, got status ${status}$`),
    ])
  }
})

t.test('Ctrl-C ends the waiting, and says that it may be done', async (t) => {
  const silent = createServer()
  const port = await listening(t, silent)
  const asked = once(silent, 'request')
  const { output, code, stop } = runLine(
    `unlock relay/i2c0-3b --url http://clown:bigclown@127.0.0.1:${port}`,
  )
  await asked
  stop()
  t.equal(await code, 130)
  t.same(output.items, [`${relay}: not waited for; the hub may have done it, or not`])
})
