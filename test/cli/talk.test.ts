import { createServer } from 'node:http'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { WebSocketServer } from 'ws'
import { freePort } from '../programs.ts'
import { startedHub } from '../started-hub.ts'
import { listening } from './answering-hub.ts'
import { ranLine, runLine, screen } from './run-line.ts'

t.test('somebody talks with a hub', async (t) => {
  const hub = await startedHub(t)
  const address = `127.0.0.1:${hub.httpPort}`
  const environment = { CLOWN_HUB_URL: `http://clown:bigclown@${address}` }
  const ofNode = `ws://clown:bigclown@${address}/talk/nodes/bridge/0`
  const ran = (line: string) => ranLine(line, { environment })

  await t.test('lines that are typed are sent, and what comes is shown above', async (t) => {
    const input = new PassThrough()
    const output = new PassThrough().setEncoding('utf8')
    const talk = runLine('talk', { environment, input, screen: { ...screen, output } })
    await talk.output.next((line) => line.includes('connected to http://127'))
    input.write('a/b {"x":1}\n')
    await talk.output.next((line) => /\d a\/b \{"x":1\}$/.test(line))
    input.write('["a/b", 2]\n["a"]\n\n["a/b", 3, {"id": 5}]\na/c some words\n')
    await talk.output.next((line) => line.endsWith('got "[\\"a\\"]"'))
    await talk.output.next((line) => line.endsWith('a/b 3'))
    await talk.output.next((line) => line.endsWith('a/c some words'))
    input.write('a/b')
    input.write('\t')
    input.write('/relay/x/set {"state":1}\n')
    await talk.output.next((line) => line.includes('a/b/relay/x/set'))
    input.write('$x 1\n')
    await talk.output.next((line) => /clown.talk\/-\/error .*\(answer \d+\)$/.test(line))
    input.write('\u0003')
    t.equal(await talk.code, 0)
  })

  await t.test('into a pipe lines go as they came, and all that was said is heard', async (t) => {
    const input = 'relay/x {"state":true}\n'
    const { code, output, errors } = await ranLine(`talk ${ofNode} --json`, { input, screen })
    t.equal(code, 0)
    t.ok(output.includes('["relay/x",{"state":true}]'))
    t.match(errors, [/^connected to http:\/\/127.*\/talk\/nodes\/bridge\/0 as clown$/])
    const waiting = runLine('talk', { environment, input: new PassThrough() })
    await waiting.errors.next()
    waiting.stop()
    t.equal(await waiting.code, 0)
    const early = runLine('talk', { environment, input: new PassThrough() })
    early.stop()
    t.equal(await early.code, 0)
    const leaving = new PassThrough()
    const left = runLine('talk', { environment, input: leaving })
    await left.errors.next()
    leaving.end()
    t.equal(await left.code, 0)
  })

  await t.test('one line is said, and its answer waited for', async (t) => {
    t.same((await ran('talk -x relay/x/history/none')).code, 0)
    const error = await ran('talk -x $x')
    t.match(error, { code: 4, output: [/^\["clown.talk\/-\/error"/] })
    const ping = await ran('talk -x $hub/ping')
    t.same(ping, { code: 0, output: ['["$hub/ping/ok",{}]'], errors: [] })
    const got = await ran(`talk ${ofNode} -x relay/x/get`)
    t.same(got.output, ['["relay/x",{"state":true}]'])
    const late = await ran(`talk ${ofNode} -x relay/none/get --timeout 0.4`)
    const none = 'expected the last answer to relay/none/get within 0.4 s, got none'
    t.same(late, { code: 3, output: [], errors: [none] })
    const refused = await ran(`talk ${ofNode} -x relay/x/set --timeout 0.5`)
    t.match(refused, { code: 4, output: [/"receipt":"refused"/] })
    const unsure = await ran(`talk ${ofNode} -x ["relay/x/set",{"state":false}] --timeout 0.3`)
    t.match(unsure, { code: 3, output: [/"accepted"/, /"sent"/] })
    const stopped = runLine(`talk ${ofNode} -x relay/none/get`)
    stopped.stop()
    t.equal(await stopped.code, 130)
  })

  await t.test('who is not let in is told why', async (t) => {
    const expected = /^clown-hub: expected a hub at http:\/\/.* that lets us in, got /
    for (const [line, reason] of [
      [`talk http://clown:wrong@${address}`, /401$/],
      [`talk http://clown:wrong@${address} -x a`, /401$/],
      ['talk http://a:b@127.0.0.1:1', /ECONNREFUSED/],
      ['talk a b', /expected one URL/],
      ['talk -x [1]', /expected a line like/],
      ['talk -x [1', /expected a line like/],
    ] as const) {
      const { code, errors } = await ranLine(line, { environment, input: new PassThrough() })
      t.equal(code, 1)
      t.match(errors[0], reason)
      if (line.includes('http')) t.match(errors[0], expected)
    }
  })
})

t.test('a lost connection comes back', async (t) => {
  const port = await freePort()
  const first = await startedHub(t, { http: { port } })
  const input = new PassThrough()
  const talk = runLine(`talk ws://clown:bigclown@127.0.0.1:${port}`, { input })
  await talk.errors.next((line) => line.startsWith('connected'))
  await first.close()
  await talk.errors.next((line) =>
    /^the connection is gone \(1\d{3}.*\): trying again in 0.5 s$/.test(line),
  )
  input.write('a 1\n')
  await talk.errors.next((line) => line === 'not sent: there is no connection')
  await talk.errors.next((line) => /ECONNREFUSED.*trying again in 1 s$/.test(line))
  const second = await startedHub(t, { http: { port } })
  await talk.errors.next((line) => line.startsWith('connected'))
  await second.close()
  await talk.errors.next((line) => line.startsWith('the connection is gone'))
  talk.stop()
  t.equal(await talk.code, 0)
})

t.test('what a hub says of its own is shown, and a sign-out is not tried again', async (t) => {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  const port = await listening(t, server)
  sockets.on('connection', (socket) => {
    const lines = [
      '["a",1,{"ageMs":5,"stale":true}]',
      '["a",{"receipt":"new","final":true},{"id":1}]',
    ]
    socket.send(`${lines.join('\n')}\n`)
    socket.once('message', () => socket.close(4401, 'signed-out'))
  })
  const url = `ws://clown:bigclown@127.0.0.1:${port}`
  const talk = runLine(`talk ${url}`, { input: new PassThrough(), screen })
  t.match(await talk.output.next((line) => line.includes('stale')), /a 1 {2}\(now, stale\)$/)
  t.equal(await talk.code, 1)
  t.match(talk.errors.items, [/got 4401 signed-out$/])
  const odd = await ranLine(`talk ${url} -x a/set`)
  t.equal(odd.code, 1)
  sockets.close()
})
