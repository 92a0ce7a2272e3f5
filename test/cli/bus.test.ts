import { writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { readMessageFormat } from '../../src/cli/message-format.ts'
import { messageLine, readMessageLine } from '../../src/cli/message-lines.ts'
import { freePort } from '../programs.ts'
import { mqttTo, startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { answeringHub } from './answering-hub.ts'
import { ranLine, runLine, type Surroundings, screen } from './run-line.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'

/** A hub that two people use: one who may do anything, and one who may read little. */
async function usedHub(t: Test) {
  const eve = { password: 'looks on', rules: [{ allow: ['read' as const], topic: 'open/#' }] }
  const clown = { password: 'bigclown', role: 'admin' } as const
  const hub = await startedHub(t, { users: { clown, eve } })
  const environment = { CLOWN_HUB_URL: `http://clown:bigclown@127.0.0.1:${hub.httpPort}` }
  const asEve = { CLOWN_HUB_URL: `http://eve:looks%20on@127.0.0.1:${hub.httpPort}` }
  const ran = (line: string, more: Surroundings = {}) => ranLine(line, { environment, ...more })
  const run = (line: string, more: Surroundings = {}) => runLine(line, { environment, ...more })
  return { hub, ran, run, asEve }
}

t.test('a hub by MQTT on the command line', async (t) => {
  const { hub, ran, run, asEve } = await usedHub(t)

  await t.test('what is published comes out with all that belongs to it', async (t) => {
    t.same(await ran('pub a/b {"x":1} -r -D by=ann -D by=bob --content-type text/json'), {
      ...{ code: 0, output: [], errors: [] },
    })
    const sub = run('sub a/# -q 1 -C 2')
    const properties = { userProperties: { by: ['ann', 'bob'] }, contentType: 'text/json' }
    t.match(JSON.parse(await sub.output.next()), {
      ...{ topic: 'a/b', payload: { x: 1 }, qos: 1, retain: true, properties },
    })
    await ran('pub a/c 1.50 -q 2')
    t.match(JSON.parse(await sub.output.next()), { topic: 'a/c', text: '1.50', retain: false })
    t.equal(await sub.code, 0)
    const formatted = await ran('sub a/# -C 1 -F %t|%p|%r|%P|%C|%l')
    t.same(formatted.output, ['a/b|{"x":1}|1|by:ann by:bob|text/json|7'])
    t.same((await ran('sub a/# --retained-only -v')).output, ['a/b {"x":1}'])
    await ran('pub a/b  -r')
    const nothing = await ran('sub a/# -W 0.2')
    t.same(nothing, { code: 3, output: [], errors: [] })
  })

  await t.test('lines and files are published, one message each', async (t) => {
    const file = `${testFolder(t)}/message`
    writeFileSync(file, Buffer.from([0xff, 0x00]))
    const { client } = await mqttTo(t, hub)
    await client.publishAsync('b/start', 'on', { retain: true })
    const sub = run('sub b/# -C 4')
    await sub.output.next()
    t.equal((await ran('pub b/line -l', { input: '1\n2\n' })).code, 0)
    t.equal((await ran(`pub b/file -f ${file}`)).code, 0)
    t.equal(await sub.code, 0)
    const told = sub.output.items.slice(1).map((line) => JSON.parse(line))
    t.match(told, [{ payload: 1 }, { payload: 2 }, { base64: '/wA=' }])
    const input = run('sub b/whole -C 1 -F %p')
    await ran('pub b/whole -f - -r', { input: 'all of\nit' })
    t.same((await ran('sub b/whole -C 1 -F %p')).output, ['all of', 'it'])
    input.stop()
    t.equal(await input.code, 0)
    t.match((await ran('pub b/file -f /nowhere')).errors, [
      /expected -f to name a file, got "\/now/,
    ])
  })

  await t.test('on a terminal it is for people, and says how old a value is', async (t) => {
    const { client } = await mqttTo(t, hub)
    await client.publishAsync(relay, '{"state":true}', { qos: 1, retain: true })
    await ran('pub c/old x -r -D by=ann')
    const lines = await ran(`sub ${relay} $SYS/nothing -C 1 -q 1`, { screen })
    t.match(lines.output, [
      /^\d\d:\d\d:\d\d nodes\/bridge\/0\/relay\/i2c0-3b \{"state":true} {2}\(retained, (now|1 s ago), qos 1\)$/,
    ])
    const colored = run('sub c/# -C 2', { screen: { ...screen, hasColors: true } })
    t.ok((await colored.output.next()).includes('\u001b[36mc/old\u001b[0m x'))
    await ran('pub c/new 1')
    t.match(await colored.output.next(), /m 1$/)
    const broker = `--url mqtt://clown:bigclown@127.0.0.1:${hub.mqttPort}`
    t.match((await ran(`sub c/old -C 1 ${broker}`, { screen })).output, [
      /c\/old x {2}\(retained, by:ann\)$/,
    ])
    t.equal((await ran('sub c/old', { screen, reads: false })).code, 0)
    const ofHub = await ran('sub $SYS/broker/version -C 1', { screen })
    t.match(ofHub.output, [/ clown-hub version .* {2}\(retained\)$/])
    t.equal((await ran('sub c/# nodes/# -C 1 -v')).output.length, 1)
    const late = run('pub c/late 1')
    late.stop()
    t.equal(await late.code, 130)
  })

  await t.test('what is refused ends with 4, and says why', async (t) => {
    const more = { environment: asEve }
    t.match(await ran('pub open/a 1', more), {
      ...{ code: 4, output: [], errors: [/^refused: open\/a: expected a right/] },
    })
    t.match(await ran('sub open/# secret/#', more), { code: 4, errors: [/^refused: secret\/#: /] })
    t.match(await ran('pub open/a 1 -q 2', more), { code: 4 })
    const { client } = await mqttTo(t, hub)
    const list = '{"actuators":["relay/a"]}'
    await client.publishAsync('nodes/x/0/-/-/config/list/ok', list, { qos: 1 })
    for (const qos of [1, 2]) {
      t.match(await ran(`pub nodes/x/0/relay/b/set {"state":true} -q ${qos}`), {
        ...{ code: 4, output: [] },
        errors: [/^refused: nodes\/x\/0\/relay\/b\/set: expected a device .* got "relay\/b"/],
      })
    }
  })

  await t.test('a mistake is one sentence', async (t) => {
    const mistakes: Record<string, RegExp> = {
      pub: /expected a topic; usage/,
      'pub a': /expected one VALUE, -l or -f FILE; usage/,
      'pub a b -l': /expected one VALUE/,
      'pub a/# b': /expected a topic with no wildcard #/,
      'pub a b -q 3': /expected -q to be 0 to 2, got "3"/,
      'pub a b -D x': /expected -D to be like NAME=VALUE, got "x"/,
      sub: /expected a filter on topics; usage/,
      'sub a -F %k': /expected one of % C .* behind "%" in -F, got "%k"/,
      'sub a -C 0': /expected -C to be 1 to/,
      'sub a -C x': /expected -C to be 1 to .*, got "x"/,
      'sub a -W no': /expected -W to be seconds/,
      'sub a -C 1 --url mqtt://127.0.0.1:1': /got nobody listening: start the broker/,
      [`sub a --url mqtt://clown:wrong@127.0.0.1:${hub.mqttPort}`]: /refusal of the user name or/,
      'sub a --url http://a:b@127.0.0.1': /expected an MQTT broker at http:\/\/127\.0\.0\.1, got/,
      'sub a --url https://a:b@127.0.0.1:1': /expected an MQTT broker at https:\/\/127/,
      get: /expected a device or a filter; usage/,
      'devices a b': /expected one filter; usage/,
    }
    for (const [line, expected] of Object.entries(mistakes)) {
      const { code, errors } = await ran(line)
      t.equal(code, 1, line)
      t.match(errors, [expected])
    }
  })

  await t.test('get prints the last values, and why there is none', async (t) => {
    const { client } = await mqttTo(t, hub)
    await client.publishAsync(relay, '{"state":true}', { qos: 1 })
    const one = await ran('get relay/i2c0-3b')
    t.same(one, { code: 0, output: ['{"state":true}'], errors: [] })
    t.match((await ran('get relay/i2c0-3b', { screen })).output, [
      /^\{"state":true} {2}\((now|1 s ago)\)$/,
    ])
    t.same((await ran('get relay/+ --base nodes/bridge/0')).output, [`${relay} {"state":true}`])
    const both = await ran('get relay/i2c0-3b nodes/bridge/0/relay/i2c0-3f/x', { screen })
    t.match(both.output, [/^nodes\/bridge\/0\/relay\/i2c0-3b \{"state":true} {2}\(/])
    t.match(
      (await ran('get relay/i2c0-3b --json')).output.map((line) => JSON.parse(line)),
      [{ topic: relay, value: { state: true }, isStale: false }],
    )
    t.match(await ran('get relay/none'), {
      code: 1,
      errors: [
        "nothing is known of nodes/bridge/0/relay/none: of the topic relay/none ask with --base ''",
      ],
    })
    t.same((await ran(`get ${relay}/none`)).errors, [`nothing is known of ${relay}/none`])
    await client.publishAsync('test/a', '1', { qos: 1, retain: true })
    t.same((await ran('get test/a --base ')).output, ['1'])
  })

  await t.test('devices come as a table, or as lines of JSON', async (t) => {
    const { output, code } = await ran('devices', { screen })
    t.equal(code, 0)
    t.match(output[0], /^DEVICE +VALUE +REPORTED +NAME +ROOM$/)
    t.match(
      output.find((line) => line.startsWith(relay)),
      /state true +(now|\d+ s ago)$/,
    )
    t.same((await ran('devices none/#')).output, ['no devices'])
    t.same((await ran('devices --room kitchen')).output, ['no devices'])
    const json = (await ran(`devices ${relay} --json`)).output.map((line) => JSON.parse(line))
    t.match(json, [{ topic: relay, value: { state: true } }])
  })
})

t.test('a device that is stale or not known is told so', async (t) => {
  const devices = [
    { topic: 'a', value: 1, at: null, stale: true, title: 'Door', room: 'Hall' },
    { topic: 'b', value: null, known: false, at: new Date().toISOString(), lastValue: 2 },
    { topic: 'c', value: 1, at: new Date(0).toISOString(), stale: true },
  ]
  const hub = await answeringHub(t, { status: 200, body: { nodes: [{ devices }, {}] } })
  const colors = { ...screen, hasColors: true }
  const { output } = await ranLine(`devices --url ${hub.url}`, { screen: colors })
  t.match(output, [/1mDEVICE/, /33ma .*never, stale +Door +Hall/, /33mb .*unknown, was 2/, /33mc/])
  const other = await answeringHub(t, { status: 200, body: { nodes: 1 } })
  t.match((await ranLine(`devices --url ${other.url}`)).errors, [/expected a hub that lists nodes/])
})

t.test('an actuator whose state nobody knows has no value to get', async (t) => {
  const body = [
    'data: ["nodes/bridge/0/relay/x/error",{"code":"state-unknown","message":"not known"}]',
    'data: ["nodes/bridge/0/relay/y",1,{"ageMs":5,"stale":true,"encoding":"base64"}]',
    'data: ["nodes/bridge/0/relay/z",1]',
    'data: nonsense',
  ]
  const hub = await answeringHub(t, { status: 200, body: `${body.join('\n\n')}\n\n` })
  const { code, output, errors } = await ranLine(`get relay/# --url ${hub.url}`, { screen })
  t.equal(code, 1)
  t.same(output, ['nodes/bridge/0/relay/y 1  (now, stale)', 'nodes/bridge/0/relay/z 1'])
  t.same(errors, ['nodes/bridge/0/relay/x: not known'])
})

t.test('a hub that goes and comes is waited for, and what came meanwhile is told', async (t) => {
  const folder = testFolder(t)
  const data = { folder: `${folder}/data` }
  const mqttPort = await freePort()
  const ports = { mqtt: { port: mqttPort }, data }
  const first = await startedHub(t, ports)
  const { client } = await mqttTo(t, first)
  await client.publishAsync('a', '1', { qos: 1, retain: true })
  const environment = { CLOWN_HUB_URL: `mqtt://clown@127.0.0.1:${mqttPort}` }
  const password = `${folder}/password`
  writeFileSync(password, 'bigclown\n', { mode: 0o600 })
  const sub = runLine(`sub a -q 1 -F %p --password-file ${password}`, { environment })
  t.equal(await sub.output.next(), '1')
  await first.close()
  t.match(await sub.errors.next(), /^lost mqtt:\/\/127\.0\.0\.1:\d+: trying again every second$/)
  const second = await startedHub(t, ports)
  await (await mqttTo(t, second)).client.publishAsync('a', '2', { qos: 1 })
  t.equal(await sub.output.next(), '2')
  t.match(sub.errors.items.at(-1), /^connected to .* again$/)
  await second.close()
  await sub.errors.next((line) => line.startsWith('lost'))
  sub.stop()
  t.equal(await sub.code, 0)
})

t.test('a message is a line, and the line the same message', async (t) => {
  const texts = ['{"x":1}', '1.50', 'no JSON', '', '"text"', '{ "x": 1 }', '\ufeff1', 'null']
  const payloads = [...texts.map((text) => Buffer.from(text)), Buffer.from([0xff])]
  const properties = {
    ...{ contentType: 'a', responseTopic: 'b', messageExpiryInterval: 5, topicAlias: 1 },
    ...{ userProperties: { a: 'b' }, correlationData: Buffer.from([1, 2]) },
  }
  const { topicAlias: _, ...kept } = properties
  for (const payload of payloads) {
    const packet = { topic: 'a', payload, qos: 1, retain: true } as const
    const line = messageLine({ ...packet, properties }, 5)
    t.same(readMessageLine(line, 'line 1'), { atMs: 5, message: { ...packet, properties: kept } })
    t.same(readMessageLine(messageLine(packet, 5), 'line 1'), { atMs: 5, message: packet })
  }
  const simple = { at: '2026-11-30T10:00:00Z', topic: 'a', payload: 1, qos: 0, retain: false }
  t.match(readMessageLine(JSON.stringify({ ...simple, properties: { contentType: 'a' } }), ''), {
    message: { properties: { contentType: 'a' } },
  })
  for (const wrong of [
    { at: 1.5e99 },
    { topic: 1 },
    { qos: 3 },
    { retain: 1 },
    { payload: undefined },
  ]) {
    const line = JSON.stringify({ ...simple, ...wrong })
    t.throws(() => readMessageLine(line, 'line 7'), { message: /on line 7, got/ }, line)
  }
  t.throws(() => readMessageLine('[]', 'line 7'), { code: 'unreadable-file' })
})

t.test('formats have the letters of mosquitto_sub', async (t) => {
  const at = new Date(2026, 0, 2, 3, 4, 5, 6)
  const properties = {
    ...{
      payloadFormatIndicator: true,
      correlationData: Buffer.from('c'),
      messageExpiryInterval: 9,
    },
    ...{ responseTopic: 'r', subscriptionIdentifier: 4, userProperties: { a: 'b', c: ['d', 'e'] } },
  }
  const packet = {
    ...({
      cmd: 'publish',
      topic: 'a/b',
      payload: Buffer.from('é'),
      qos: 2,
      retain: false,
    } as const),
    ...{ dup: false, messageId: 7, properties },
  }
  const formatted = (text: string) => readMessageFormat(text)({ packet, atMs: at.getTime() })
  t.equal(formatted('%t %p %q %r %l %x %X %m %%'), 'a/b é 2 0 2 c3a9 C3A9 7 %')
  t.equal(formatted('%D %E %F %R %S %P'), 'c 9 1 r 4 a:b c:d c:e')
  t.equal(formatted('[%-6t][%6t]'), '[a/b   ][   a/b]')
  t.equal(
    formatted('@F @T @Y-@m-@d @H:@M:@S.@N @@'),
    '2026-01-02 03:04:05 2026-01-02 03:04:05.006000000 @',
  )
  t.equal(formatted('@s'), String(Math.floor(at.getTime() / 1000)))
  t.equal(formatted('%U'), (at.getTime() / 1000).toFixed(9))
  t.equal(formatted('%I'), at.toISOString())
  t.match(JSON.parse(formatted('%j')), { topic: 'a/b' })
  t.equal(formatted('%J'), formatted('%j'))
  t.equal(formatted('\\t\\n\\\\x'), '\t\n\\x')
  const { properties: _properties, messageId: _id, ...rest } = packet
  const bare = { ...rest, retain: true }
  const ofBare = readMessageFormat('%C%D%E%R%S%P%F%m%r')
  t.equal(ofBare({ packet: bare, atMs: 0 }), '001')
  for (const wrong of ['%', '@', '@x', '\\q', '%toString']) {
    if (wrong === '%toString') t.equal(formatted(wrong), 'a/boString')
    else t.throws(() => readMessageFormat(wrong), { code: 'bad-command-line' }, wrong)
  }
})
