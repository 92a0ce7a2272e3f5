import { once } from 'node:events'
import { createServer } from 'node:http'
import t from 'tap'
import { answeringHub, listening } from './answering-hub.ts'
import { ranLine, runLine } from './run-line.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'
const confirmed = { id: '1', device: relay, receipt: 'confirmed', afterMs: 12 }

t.test('each end of a command has its exit code and its line', async (t) => {
  const unclear = 'it may have been obeyed, or not'
  const ends: [number, Record<string, unknown>, number, string][] = [
    [200, { receipt: 'confirmed', afterMs: 12 }, 0, 'confirmed, after 12 ms'],
    [
      504,
      { receipt: 'timed-out', afterMs: 5000 },
      3,
      `not confirmed in time; ${unclear}, after 5000 ms`,
    ],
    [
      502,
      { receipt: 'mismatch', afterMs: 5000 },
      3,
      'its node reports another state than was asked for, after 5000 ms',
    ],
    [
      503,
      { receipt: 'unknown', afterMs: 1 },
      3,
      `the hub has ended meanwhile; ${unclear}, after 1 ms`,
    ],
    [
      409,
      {
        receipt: 'refused',
        code: 'locked',
        message: 'bob locked it: I am up the\nladder',
        afterMs: 0,
      },
      4,
      'refused, after 0 ms: bob locked it: I am up the ladder',
    ],
    [409, { receipt: 'superseded', afterMs: 7 }, 4, 'a later command took its place, after 7 ms'],
    [403, { code: 'forbidden', message: 'no rule' }, 4, 'refused: no rule'],
    [400, { receipt: 'refused', message: 'no state' }, 4, 'refused: no state'],
    [
      503,
      { receipt: 'node-offline', afterMs: 0 },
      5,
      'its node is offline; nothing was sent, after 0 ms',
    ],
  ]
  for (const [status, body, code, line] of ends) {
    const { url } = await answeringHub(t, { status, body })
    const ended = await ranLine(`set relay/i2c0-3b on --url ${url}`)
    t.same(ended, { code, output: [`${relay} {"state":true}: ${line}`], errors: [] })
    const asJson = await ranLine(`set relay/i2c0-3b on --json --url ${url}`)
    t.equal(asJson.code, code)
    t.same(asJson.output, [JSON.stringify(body)])
  }
})

t.test('the hub is asked for the complete device, and the payload as it was written', async (t) => {
  const { url, heard } = await answeringHub(t, { status: 200, body: confirmed })
  const asked: Record<string, string> = {
    'relay/i2c0-3b on': `{"device":"${relay}","payload":{"state":true}}`,
    'relay/i2c0-3b off': `{"device":"${relay}","payload":{"state":false}}`,
    'led/- on': '{"device":"nodes/bridge/0/led/-","payload":{"state":"on"}}',
    'devices/tasmota/A4/relay/1 on':
      '{"device":"devices/tasmota/A4/relay/1","payload":{"state":true}}',
    'a/b/c on --base d': '{"device":"d/a/b/c","payload":{"state":true}}',
    'led/- 2-dot --base b': '{"device":"b/led/-","payload":{"state":"2-dot"}}',
    'lamp/- {"state":1.10e1,"x":12345678901234567890}':
      '{"device":"nodes/bridge/0/lamp/-","payload":{"state":1.10e1,"x":12345678901234567890}}',
    'relay/i2c0-3b on --force': `{"device":"${relay}","payload":{"state":true},"force":true}`,
    'relay/i2c0-3b on --timeout 500ms': `{"device":"${relay}","payload":{"state":true},"timeoutSeconds":0.5}`,
    'door on --base=': '{"device":"door","payload":{"state":true}}',
  }
  for (const [line, body] of Object.entries(asked)) {
    const { code } = await ranLine(`set ${line}`, { environment: { CLOWN_HUB_URL: url } })
    t.equal(code, 0)
    t.match(heard.splice(0), [{ method: 'POST', path: '/api/command', body }])
  }
})

t.test('a wrong command line is refused in one sentence, and nothing is sent', async (t) => {
  const { url, heard } = await answeringHub(t, { status: 200, body: confirmed })
  const wrong: Record<string, RegExp> = {
    '': /^clown-hub: expected a device; usage: clown-hub set DEVICE VALUE/,
    'relay/i2c0-3b': /^clown-hub: expected a value; usage: clown-hub set/,
    'relay/i2c0-3b on off': /^clown-hub: expected one device and one value; usage:/,
    'relay/+ on': /^clown-hub: expected a topic with no wildcard \+, got/,
    'relay/i2c0-3b yes':
      /^clown-hub: expected a value of on, off or JSON that begins with \{, got "yes"/,
    'relay/i2c0-3b {state:true}':
      /^clown-hub: expected a value that is JSON, got "\{state:true\}": /,
    'relay/i2c0-3b {"a': /^clown-hub: expected a value that is JSON/,
    'relay/i2c0-3b on --timeout 0':
      /^clown-hub: expected --timeout to be seconds from 0\.1 to 240, /,
    'relay/i2c0-3b on --timeout 5m':
      /^clown-hub: expected --timeout to be seconds from 0\.1 to 240, /,
    'relay/i2c0-3b on --fast': /^clown-hub: Unknown option '--fast'; usage: clown-hub set/,
  }
  for (const [line, sentence] of Object.entries(wrong)) {
    const { code, output, errors } = await ranLine(`set ${line}`.trim(), {
      environment: { CLOWN_HUB_URL: url },
    })
    t.equal(code, 1, line)
    t.same(output, [])
    t.equal(errors.length, 1)
    t.match(errors[0], sentence)
  }
  t.same(heard, [])
})

t.test('an answer without a receipt, and a hub that is not there, end with 1', async (t) => {
  const answers: [number, unknown, RegExp][] = [
    [400, { code: 'bad-payload', message: 'expected\nless' }, /, got status 400: expected less$/],
    [200, { receipt: 'toString' }, /expected a receipt of the hub at http:.*, got status 200$/],
    [200, { receipt: 5 }, /, got status 200$/],
    [403, { message: 'not here' }, /, got status 403: not here$/],
    [401, 'no', /got a refusal of the user name or password: correct them$/],
  ]
  for (const [status, body, sentence] of answers) {
    const { url } = await answeringHub(t, { status, body })
    const { code, errors } = await ranLine(`set relay/i2c0-3b on --url ${url}`)
    t.equal(code, 1)
    t.match(errors, [sentence])
    t.notMatch(errors.join(), /bigclown/)
  }
})

t.test('Ctrl-C ends the waiting, and says that the command goes on', async (t) => {
  const silent = createServer()
  const port = await listening(t, silent)
  const asked = once(silent, 'request')
  const { output, code, stop } = runLine(
    `set relay/i2c0-3b on --url http://clown:bigclown@127.0.0.1:${port}`,
  )
  await asked
  stop()
  t.equal(await code, 130)
  t.same(output.items, [`${relay} {"state":true}: not waited for; the hub goes on with it`])
})
