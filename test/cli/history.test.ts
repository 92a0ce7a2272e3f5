import { createServer } from 'node:http'
import t, { type Test } from 'tap'
import { readCertificate } from '../../src/core/certificate.ts'
import { testCertificate } from '../certificates.ts'
import { mqttTo, startedHub } from '../started-hub.ts'
import { answeringHub, listening, listeningTls } from './answering-hub.ts'
import { ranLine, runLine, screen } from './run-line.ts'

const thermometer = 'nodes/bridge/0/thermometer/i2c0-48'

/** A hub that has heard a relay and a thermometer: in the order of their topics, which is theirs within a millisecond. */
async function hubThatHeard(t: Test) {
  const hub = await startedHub(t)
  const { client } = await mqttTo(t, hub)
  const publish = (topic: string, text: string) => client.publishAsync(topic, text, { qos: 1 })
  await publish('nodes/bridge/0/relay/i2c0-3b', '{"state":true}')
  for (const value of [20.5, 21]) await publish(thermometer, `{"temperature":[${value},"℃"]}`)
  return { publish, url: `http://clown:bigclown@127.0.0.1:${hub.httpPort}` }
}

/** Lines without their times. */
function timeless(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/, 'AT'))
}

t.test('sub prints what was, and then what comes, without a gap or a double', async (t) => {
  const { publish, url } = await hubThatHeard(t)
  const { output, code, stop } = runLine(`sub nodes/# --since 1h --url ${url}`, { screen })
  await output.next((line) => line.includes('state'))
  await publish(thermometer, '{"temperature":[22,"℃"]}')
  await output.next((line) => line.includes('22'))
  await publish('nodes/bridge/0/note', '"\\u001b[2J"')
  await output.next((line) => line.includes('note'))
  t.same(timeless(output.items), [
    'AT nodes/bridge/0/relay/i2c0-3b state true',
    `AT ${thermometer} temperature 20.5 ℃`,
    `AT ${thermometer} temperature 21 ℃`,
    `AT ${thermometer} temperature 22 ℃`,
    'AT nodes/bridge/0/note  [2J',
  ])
  stop()
  t.equal(await code, 0)
})

t.test('sub prints live lines as JSON, of one quantity if that is wanted', async (t) => {
  const { publish, url } = await hubThatHeard(t)
  const since = new Date(Date.now() - 3_600_000).toISOString()
  const running = runLine(`sub nodes/# --since ${since} --quantity state --url ${url}`)
  const { output, code, stop } = running
  await output.next((line) => line.includes('"state"'))
  await publish(thermometer, '{"temperature":[22,"℃"]}')
  await publish('nodes/bridge/0/relay/i2c0-3b', '{"state":false}')
  await output.next((line) => line.includes('false'))
  t.equal(output.items.length, 2)
  t.match(JSON.parse(String(output.items[1])), { quantity: 'state', value: false })
  stop()
  t.equal(await code, 0)
})

t.test('export prints a table for spreadsheets, or lines for programs', async (t) => {
  const { url } = await hubThatHeard(t)
  const sheet = await ranLine(`export ${thermometer} --url ${url}`)
  t.same(timeless(sheet.output), [
    'at,topic,quantity,value,unit\r',
    `AT,${thermometer},temperature,20.5,℃\r`,
    `AT,${thermometer},temperature,21,℃\r`,
  ])
  t.equal(sheet.code, 0)
  const line = `export nodes/# --json --quantity state --since 2h --until 0s --url ${url}`
  t.match(JSON.parse(String((await ranLine(line)).output[0])), { quantity: 'state', value: true })
  const minutes = await ranLine(`export nodes/# --resolution minute --url ${url}`)
  t.equal(minutes.output[0], 'at,topic,quantity,count,min,mean,max,first,last,unit\r')
})

t.test('when nobody reads what is printed any more, it ends', async (t) => {
  const { url } = await hubThatHeard(t)
  t.equal((await ranLine(`export nodes/# --url ${url}`, { reads: false })).code, 130)
  t.equal((await ranLine(`sub nodes/# --since 1h --url ${url}`, { reads: false })).code, 0)
})

t.test('Ctrl-C ends it before the hub has answered', async (t) => {
  const asked = new Promise<string>((resolve) => {
    const server = createServer(() => void listeningAt.then(() => resolve('asked')))
    const listeningAt = listening(t, server)
    void listeningAt.then((port) => {
      const { code, errors, stop } = runLine(`export a --url http://a:b@127.0.0.1:${port}`)
      void asked.then(stop)
      t.resolveMatch(code, 130)
      t.resolveMatch(errors.next(), 'interrupted: 0.0 MiB were written, up to the end of a line')
    })
  })
  t.equal(await asked, 'asked')
})

t.test('how far an export is is told where its lines do not go', async (t) => {
  const { url } = await hubThatHeard(t)
  const told = async (surroundings: object) => {
    const { code, progress } = runLine(`export nodes/# --url ${url}`, surroundings)
    t.equal(await code, 0)
    return progress.items
  }
  t.same(await told({}), ['0.0 MiB', ''])
  t.same(await told({ screen }), [''])
})

t.test('a mistake is one sentence', async (t) => {
  const mistakes: [line: string, message: RegExp][] = [
    ['export', /expected one filter on topics; usage: clown-hub export /],
    ['sub a b --since 1h', /expected one filter on topics; usage/],
    ['export a --format xml', /expected --format csv or ndjson, got "xml"/],
    ['export a --until now', /expected --until to be a time such as 90s.*, got "now"/],
    ['sub a --since soon', /expected --since to be a time such as 90s.*, got "soon"/],
    ['export a/#/b', /expected/],
  ]
  for (const [line, message] of mistakes) {
    const { code, errors } = await ranLine(line)
    t.equal(code, 1, line)
    t.match(errors[0], message)
  }
})

t.test('what a hub refuses is told in its own words', async (t) => {
  const body = { code: 'bad-query', message: 'expected something else' }
  const { url, heard } = await answeringHub(t, { status: 400, body })
  const { code, errors } = await ranLine(`export a --resolution day --url ${url}`)
  t.equal(code, 1)
  t.equal(errors[0], 'clown-hub: expected something else')
  t.match(heard[0]?.path, '/api/history?topic=a&format=csv&resolution=day')
})

t.test('what is no object is printed as nothing known', async (t) => {
  const { url } = await answeringHub(t, { status: 200, body: '1\n{"at":"now","payload":[1]}\n{"a' })
  const { code, output } = await ranLine(`sub a --since 1h --url ${url}`, { screen })
  t.equal(code, 0)
  t.same(output, ['- - -', 'now - [1]'])
})

t.test('a hub with TLS that nobody trusts is told of as one', async (t) => {
  const { certFile, keyFile } = await testCertificate(t)
  const pair = readCertificate({ certFile, keyFile })
  const port = await listeningTls(t, pair, (_request, response) => response.end())
  const { code, errors } = await ranLine(`export a --url https://a:b@127.0.0.1:${port}`)
  t.equal(code, 1)
  t.match(errors[0], /got a certificate that is not trusted: name a file/)
})

t.test('an answer that is broken off is no whole one', async (t) => {
  const server = createServer((_, response) => {
    response.shouldKeepAlive = false
    response.write('at,topic,quantity,value,unit\r\n')
    setImmediate(() => response.destroy())
  })
  const { code, errors } = await ranLine(
    `export a --url http://a:b@127.0.0.1:${await listening(t, server)}`,
  )
  t.equal(code, 1)
  t.match(errors[0], /got a closed connection: see its log/)
})
