// A chart is full when its page opens: what devices reported before is asked for by plain HTTP and on a
// websocket, and live points follow without a gap.
import t, { type Test } from 'tap'
import type { HistoryAnswer } from '../../src/nodes/history/history-answer.ts'
import { createInbox } from '../inbox.ts'
import { type HubPorts, mqttTo, startedHub, talkTo } from '../started-hub.ts'

const topic = 'nodes/bridge/0/thermometer/i2c0-48'
const users = {
  clown: { password: 'bigclown', role: 'admin' },
  guest: { password: 'guestguest', rules: [{ allow: ['read'], topic: 'nodes/other/#' }] },
} as const

function ask(hub: HubPorts, query: string, user = 'clown:bigclown'): Promise<Response> {
  const headers = { Authorization: `Basic ${Buffer.from(user).toString('base64')}` }
  return fetch(`http://127.0.0.1:${hub.httpPort}/api/history?${query}`, { headers })
}

async function answerTo(hub: HubPorts, query: string, user?: string): Promise<HistoryAnswer> {
  const response = await ask(hub, query, user)
  t.equal(response.status, 200, query)
  return JSON.parse(await response.text())
}

/** A hub that has heard a thermometer, a relay, a bare value, and what cannot be drawn. */
async function hubThatHeard(t: Test, config = {}) {
  const hub = await startedHub(t, { users, ...config })
  const { client } = await mqttTo(t, hub)
  const publish = (topic: string, payload: string) =>
    client.publishAsync(topic, payload, { qos: 1 })
  for (const value of [20.5, 19, 21]) await publish(topic, `{"temperature":[${value},"℃"]}`)
  await publish('nodes/bridge/0/relay/i2c0-3b', '{"state":true}')
  await publish('nodes/bridge/0/power', '{"a":{"watts":12.5},"name":"x","list":[1,2]}')
  await publish('nodes/bridge/0/co2/-', '612')
  await publish('nodes/bridge/0/note', 'hello')
  await publish('nodes/bridge/0/relay/i2c0-3b/config/ok', '{"number":1}')
  return { hub, publish, client }
}

t.test('every number and boolean of every device is there, in buckets', async (t) => {
  const { hub } = await hubThatHeard(t)
  const { series, ...times } = await answerTo(hub, `topic=${topic}&points=1`)
  t.same(times.columns, ['at', 'count', 'min', 'mean', 'max', 'first', 'last'])
  t.match(times.from, /^\d{4}-.*Z$/)
  const [only] = series
  t.match(only, { topic, quantity: 'temperature', unit: '℃', type: 'number' })
  const at = Date.parse(times.from)
  t.same(only?.points, [[at, 3, 19, 20.1666666667, 21, 20.5, 21]])
  const all = await answerTo(hub, 'topic=nodes/%23')
  t.same(
    all.series.map(({ topic, quantity, type }) => [topic, quantity, type]),
    [
      ['nodes/bridge/0/co2/-', 'value', 'number'],
      ['nodes/bridge/0/power', 'a.watts', 'number'],
      ['nodes/bridge/0/relay/i2c0-3b', 'state', 'boolean'],
      [topic, 'temperature', 'number'],
    ],
  )
  t.match(await answerTo(hub, 'topic=nodes/%23&quantity=state'), { series: { length: 1 } })
})

t.test('who may not read a topic gets the same as where there is nothing', async (t) => {
  const { hub } = await hubThatHeard(t)
  const range = 'from=2026-11-21T00:00:00Z&to=2026-11-22T00:00:00Z'
  const nothing = await (await ask(hub, `topic=nodes/none&${range}`, 'guest:guestguest')).text()
  for (const filter of [topic, 'nodes/%23', '%23']) {
    const response = await ask(hub, `topic=${filter}&${range}`, 'guest:guestguest')
    t.equal(await response.text(), nothing, filter)
    const lines = await ask(hub, `topic=${filter}&format=ndjson`, 'guest:guestguest')
    t.equal(await lines.text(), '', filter)
  }
  t.equal((await ask(hub, `topic=${topic}`, 'guest:wrong')).status, 401)
})

t.test('a mistake is answered with one sentence', async (t) => {
  const { hub } = await hubThatHeard(t)
  const mistakes: [query: string, message: string][] = [
    ['', 'expected a topic or a filter as topic, got "none"'],
    ['topic=a&points=0', 'expected points to be 1 to 10000, got "0"'],
    ['topic=a&points=many', 'expected points to be 1 to 10000, got "many"'],
    [
      'topic=a&from=yesterday',
      'expected from to be a time such as 90s, 30m, 1h, 7d, 2026-11-21T10:00:00Z or milliseconds since 1970, got "yesterday"',
    ],
    [
      'topic=a&to=2026-99-99',
      'expected to to be a time such as 90s, 30m, 1h, 7d, 2026-11-21T10:00:00Z or milliseconds since 1970, got "2026-99-99", a day that is not there',
    ],
    [
      'topic=a&from=2026-11-21T10:00:00',
      'expected from to be a time such as 90s, 30m, 1h, 7d, 2026-11-21T10:00:00Z or milliseconds since 1970, got "2026-11-21T10:00:00" without a zone such as Z or +01:00',
    ],
    [
      'topic=a&to=2026-11-21T10:00:00Z+or+so',
      'expected to to be a time such as 90s, 30m, 1h, 7d, 2026-11-21T10:00:00Z or milliseconds since 1970, got "2026-11-21T10:00:00Z or so"',
    ],
    [
      'topic=a&from=1000&to=1000',
      'expected from to be before to, got 1970-01-01T00:00:01.000Z and 1970-01-01T00:00:01.000Z',
    ],
    ['topic=a&format=xml', 'expected format to be json, csv or ndjson, got "xml"'],
    ['topic=a&resolution=day', 'expected resolution to be raw, minute or hour, got "day"'],
    [
      'topic=a&resolution=raw',
      'expected resolution with format csv or ndjson and without points, got "raw"',
    ],
    ['topic=a&follow=yes&format=ndjson', 'expected follow to be true, got "yes"'],
    ['topic=a&follow=true', 'expected follow with format ndjson, got "json"'],
    [
      'topic=a&follow=true&format=ndjson&to=1000&from=0',
      'expected follow without to, points and resolution, got "1000"',
    ],
    [
      'topic=a&color=red',
      'expected topic, quantity, from, to, points, format, bom, resolution, follow, got "color"',
    ],
  ]
  for (const [query, message] of mistakes) {
    const response = await ask(hub, query)
    t.equal(response.status, 400, query)
    t.same(await response.json(), { code: 'bad-query', message })
  }
  t.match(await (await ask(hub, 'topic=a%23')).json(), { code: 'bad-topic' })
})

t.test('one answer has at most so many quantities and points', async (t) => {
  const { hub, publish } = await hubThatHeard(t)
  const quantities = (count: number) =>
    JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, at) => [`q${at}`, at])))
  await publish('many/50', quantities(50))
  t.equal((await ask(hub, 'topic=many/%23&points=4000')).status, 200)
  t.match(await (await ask(hub, 'topic=many/%23&points=4001')).json(), {
    message: 'expected at most 4000 points of 50 quantities, got "4001"',
  })
  await publish('many/51', quantities(51))
  t.match(await (await ask(hub, 'topic=many/%23')).json(), {
    message: 'expected a filter of at most 100 quantities, got "101"',
  })
  const lines = await (await ask(hub, 'topic=many/%23&format=ndjson')).text()
  t.equal(lines.trim().split('\n').length, 101)
})

t.test('a range is exported as lines for programs and for spreadsheets', async (t) => {
  const { hub, publish } = await hubThatHeard(t)
  await publish('nodes/bridge/0/sums', '{"=1+1":[-4,"@a,\\"b\\""],"on":false}')
  const lines = (await (await ask(hub, 'topic=nodes/%23&format=ndjson')).text()).trim().split('\n')
  const told = lines
    .map((line) => JSON.parse(line))
    .map(({ at, ...rest }) => {
      t.match(at, /^\d{4}-.*Z$/)
      return rest
    })
  t.same(told.at(-1), { topic, quantity: 'temperature', unit: '℃', value: 21 })
  t.same(told[2], { topic: 'nodes/bridge/0/relay/i2c0-3b', quantity: 'state', value: true })
  const sheet = await ask(hub, 'topic=nodes/bridge/0/sums&format=csv')
  t.equal(sheet.headers.get('content-type'), 'text/csv; charset=utf-8; header=present')
  t.match(
    (await sheet.text()).replaceAll(/^\d{4}-.*?Z/gm, 'AT'),
    'at,topic,quantity,value,unit\r\n' +
      `AT,nodes/bridge/0/sums,'=1+1,-4,"'@a,""b"""\r\n` +
      'AT,nodes/bridge/0/sums,on,false,\r\n',
  )
  const minutes = await ask(hub, `topic=${topic}&format=csv&resolution=minute`)
  t.match((await minutes.text()).split('\r\n').slice(0, 1), [
    'at,topic,quantity,count,min,mean,max,first,last,unit',
  ])
  const buckets = await (await ask(hub, `topic=${topic}&format=ndjson&points=1`)).text()
  t.match(JSON.parse(buckets), {
    topic,
    unit: '℃',
    count: 3,
    min: 19,
    max: 21,
    first: 20.5,
    last: 21,
  })
})

t.test('on a websocket, the hub answers for the node', async (t) => {
  const { hub } = await hubThatHeard(t)
  const { send, on } = await talkTo(t, hub)
  send('thermometer/i2c0-48/history/get', { points: 1 }, { id: 'x' })
  const [, answer, options] = await on('thermometer/i2c0-48/history/ok')
  t.match(answer, {
    bucketMs: Number,
    series: [{ topic: 'thermometer/i2c0-48', points: [[Number, 3]] }],
  })
  t.same(options, { id: 'x' })
  send('thermometer/i2c0-48', { temperature: [70, '°F'] })
  send('thermometer/i2c0-48/history/get', { points: 1, from: '1h' })
  const units = { series: [{ unit: '℃' }, { unit: '°F', points: [[Number, 1, 70]] }] }
  t.match((await on('thermometer/i2c0-48/history/ok'))[1], units)
  send('none/history/get', null)
  t.match(await on('none/history/ok'), ['none/history/ok', { series: [] }])
  send('a/+/history/get', {})
  t.match(await on('a/+/history/ok'), ['a/+/history/ok', { series: [] }])
  const mistakes: [payload: unknown, message: string][] = [
    [[], 'expected an object, got []'],
    [{ until: 1 }, 'expected from, to or points, got "until"'],
    [{ points: 1.5 }, 'expected points to be 1 to 10000, got "1.5"'],
    [
      { from: true },
      'expected from to be a time such as 90s, 30m, 1h, 7d, 2026-11-21T10:00:00Z or milliseconds since 1970, got "true"',
    ],
  ]
  for (const [payload, message] of mistakes) {
    send('a/history/get', payload)
    t.same(await on('a/history/get/error'), [
      'a/history/get/error',
      { code: 'bad-payload', message },
    ])
  }
})

/** The lines of an answer that goes on, parsed, as they come. */
async function following(t: Test, hub: HubPorts, query: string) {
  const lines = createInbox<Record<string, unknown>>()
  const response = await ask(hub, query)
  t.equal(response.status, 200)
  const reading = (async () => {
    let rest = ''
    for await (const chunk of response.body ?? []) {
      const [...whole] = (rest + new TextDecoder().decode(chunk)).split('\n')
      rest = whole.pop() ?? ''
      for (const line of whole) lines.put(JSON.parse(line))
    }
  })()
  return {
    lines,
    ended: reading.then(
      () => 'ended',
      () => 'cut',
    ),
  }
}

t.test('live points follow what was before, each once and in order', async (t) => {
  const { hub, publish } = await hubThatHeard(t)
  let value = 100
  let isPublishing = true
  const publishing = (async () => {
    while (isPublishing) await publish('nodes/bridge/0/count', String(value++))
  })()
  const { lines } = await following(t, hub, 'topic=nodes/%23&format=ndjson&follow=true&from=0')
  await lines.next((line) => line['topic'] === 'nodes/bridge/0/count')
  await publish('nodes/bridge/0/note', 'bye')
  t.match(await lines.next((line) => 'payload' in line), {
    topic: 'nodes/bridge/0/note',
    payload: 'bye',
  })
  isPublishing = false
  await publishing
  await publish('nodes/bridge/0/count', '-1')
  await lines.next((line) => line['value'] === -1)
  const counts = lines.items.filter(({ topic }) => topic === 'nodes/bridge/0/count')
  const told = counts.map((line) => line['value'])
  t.same(told, [...Array.from({ length: value - 100 }, (_, at) => 100 + at), -1])
  const times = lines.items.map(({ at }) => String(at))
  t.same(times, times.toSorted())
})

t.test('what comes live without a unit is told in the one it is recorded in', async (t) => {
  const { hub, publish } = await hubThatHeard(t)
  const { lines } = await following(t, hub, `topic=${topic}&format=ndjson&follow=true`)
  await publish(topic, '{"temperature":25}')
  await publish(topic, '{"temperature":[77,"°F"]}')
  await publish(topic, '{"temperature":78}')
  const told = [await lines.next(), await lines.next(), await lines.next()]
  t.same(
    told.map(({ value, unit }) => [value, unit]),
    [
      [25, '℃'],
      [77, '°F'],
      [78, '°F'],
    ],
  )
})

t.test('following ends with the user, and shows nothing that may not be read', async (t) => {
  const { hub, publish } = await hubThatHeard(t)
  const guest = await ask(
    hub,
    'topic=%23&format=ndjson&follow=true&quantity=value',
    'guest:guestguest',
  )
  const reader = guest.body?.getReader()
  await publish(topic, '5')
  await publish('nodes/other/a', '{"b":1}')
  await publish('nodes/other/a', '7')
  const chunk = await reader?.read()
  t.match(JSON.parse(new TextDecoder().decode(chunk?.value)), { topic: 'nodes/other/a', value: 7 })
  await reader?.cancel()
})
