import { createServer } from 'node:http'
import t from 'tap'
import { everybody, startedHub } from '../started-hub.ts'
import { answeringHub, listening } from './answering-hub.ts'
import { ranLine, screen } from './run-line.ts'

t.test('a hub that runs is looked at from outside', async (t) => {
  const ann = { password: 'only hers', role: 'operator' } as const
  const rich = { password: 'not the known one', role: 'admin' } as const
  const hub = await startedHub(t, { users: { ann, rich } })
  const url = `http://rich:not%20the%20known%20one@127.0.0.1:${hub.httpPort}`
  const before = await ranLine(`doctor ${url}`)
  // A machine with much other work makes a hub late, which is counted.
  const isLate = (line: string) => line.includes('event-loop-lag')
  t.same(
    before.output.filter((line) => !isLate(line) && line !== 'nothing to fix was found'),
    [],
  )
  const refused = await ranLine(`doctor ${url} --origin http://elsewhere.example`)
  t.equal(refused.code, 1)
  t.match(
    refused.output[0],
    /^pages of http:\/\/elsewhere\.example are refused: list it in http\.origins$/,
  )
  const own = await ranLine(`doctor ${url} --origin http://127.0.0.1:${hub.httpPort} --json`)
  const warnings: string[] = JSON.parse(String(own.output[0])).warnings
  t.ok(warnings.every(isLate))
  const far = await ranLine(`doctor ${url.replace('127.0.0.1', '[::ffff:127.0.0.1]')}`)
  t.match(far.output[0], /^passwords go to the hub as they are/)
  t.match((await ranLine('doctor http://a:b@127.0.0.1:1')).output, [
    /got nobody listening: start it/,
  ])
  t.match((await ranLine('doctor a b')).errors, [/expected one configuration file or URL/])

  await ranLine(`pub $hub/x 1 --url ${url}`)
  const asAnn = `http://ann:only%20hers@127.0.0.1:${hub.httpPort}`
  await ranLine(`talk ${asAnn} -x ["secret/x",1,{"a":1}]`)
  await ranLine(`pub node/x/relay/y/set {"state":true} --url ${asAnn}`)
  const all = await ranLine(`trace --url ${url} --limit 5`)
  t.equal(all.code, 0)
  t.match(all.output.join('\n'), /ann .*ws.*secret\/x: .*|ann/)
})

t.test('the password of the lab, and a proxy that answers by itself, are told', async (t) => {
  const hub = await startedHub(t, { users: everybody })
  const url = `http://clown:bigclown@127.0.0.1:${hub.httpPort}`
  const { code, output } = await ranLine(`doctor --url ${url}`)
  t.equal(code, 1)
  t.match(output.join('\n'), /^clown has the password that everybody knows/m)
  const proxy = await answeringHub(t, { status: 200, body: {} })
  const told = (await ranLine(`doctor ${proxy.url}`)).output.join('\n')
  t.match(told, /who gives no password is answered 200 in place of 401/)
})

t.test('what a proxy takes away, a wrong clock and refusals are told', async (t) => {
  const entries = [
    { user: 'eve', refused: { code: 'forbidden', message: 'no' } },
    { user: 'eve', refused: { code: 'forbidden', message: 'no' } },
    { user: 'ann' },
  ]
  for (const [shiftMs, side] of [
    [3_600_000, 'ahead of'],
    [-3_600_000, 'behind'],
  ] as const) {
    const server = createServer(({ headers, url }, response) => {
      response.setHeader('Date', new Date(Date.now() + shiftMs).toUTCString())
      const isKnown = headers.authorization !== undefined || url === '/healthz'
      response.writeHead(isKnown ? 200 : 401)
      response.end(JSON.stringify({ entries, reason: 'full', counters: { lost: 2 } }))
    })
    const port = await listening(t, server)
    const { output } = await ranLine(`doctor http://a:b@127.0.0.1:${port}`)
    const text = output.join('\n')
    t.match(text, /the hub is not ready: full/)
    t.match(text, new RegExp(`clock is (3600|3599|3601) s ${side}`))
    t.match(text, /without WWW-Authenticate/)
    t.match(text, /MQTT over websocket cannot be used: .*upgrades/)
    t.match(text, /2 times lost/)
    t.match(text, /eve was refused \(forbidden\): no; 2 times lately/)
  }
})

t.test('a trace is told in lines', async (t) => {
  const at = new Date().toISOString()
  const of = { at, user: 'ann', way: 'mqtt' }
  const entries = [
    { ...of, client: 'c', ended: 'banned', openMs: 1500 },
    { ...of, topic: 'a', shed: true, receivers: 0, receivedBy: [] },
    {
      ...{ ...of, topic: 'b', rule: 'role admin', receivers: 2, tookMs: 1.5 },
      receivedBy: [
        { user: 'eve', client: 'x', slow: true },
        { user: 'bob', waits: true },
        { user: 'u' },
      ],
    },
    { ...of, topic: 'c', refused: { code: 'forbidden', message: 'no' } },
    { ...of, topic: 'd', receipt: 'confirmed', receiptMs: 9, receivers: 1 },
  ]
  const { url, heard } = await answeringHub(t, { status: 200, body: { entries } })
  const { output } = await ranLine(`trace a/# --user ann --since 1h --url ${url}`, { screen })
  t.match(output, [
    / ann mqtt d: confirmed after 9 ms, received by 1$/,
    / ann mqtt c: refused \(forbidden\): no$/,
    / ann mqtt b: role admin, received by 2: eve x \(too slow\); bob \(waits\); u, took 1\.5 ms$/,
    / ann mqtt a: dropped: the hub had too much to do, received by nobody$/,
    / ann c mqtt: ended after 1\.5 s: banned$/,
  ])
  t.match(heard[0]?.path, /^\/api\/trace\?topic=a%2F%23&user=ann&since=.*&limit=20$/)
  t.match(JSON.parse(String((await ranLine(`trace --json --url ${url}`)).output[0])), {
    topic: 'd',
  })
  t.match((await ranLine('trace a b')).errors, [/expected one filter/])
  const other = await answeringHub(t, { status: 200, body: {} })
  t.match((await ranLine(`trace --url ${other.url}`)).errors, [
    /expected a hub that traces messages/,
  ])
})
