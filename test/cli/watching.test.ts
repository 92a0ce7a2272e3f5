import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { mqttTo, startedHub, talkTo } from '../started-hub.ts'
import { answeringHub } from './answering-hub.ts'
import { ranLine, runLine, screen } from './run-line.ts'

const thermometer = 'nodes/bridge/0/thermometer/i2c0-48'

t.test('top and chart of one hub', async (t) => {
  const hub = await startedHub(t)
  const url = `--url http://clown:bigclown@127.0.0.1:${hub.httpPort}`
  const { client } = await mqttTo(t, hub)
  await talkTo(t, hub)
  const report = (value: number) =>
    client.publishAsync(thermometer, `{"temperature":[${value},"℃"]}`, { qos: 1 })

  await t.test('a chart of nothing says so, and one value is a line in the middle', async (t) => {
    const nothing = [`nothing is recorded of ${thermometer} in this time`]
    t.same((await ranLine(`chart thermometer/i2c0-48 ${url}`)).output, nothing)
    await report(20)
    const { output, code } = await ranLine(`chart thermometer/i2c0-48 --since 1h ${url}`)
    t.equal(code, 0)
    t.equal(output[0], 'temperature ℃: 20, from 20 to 20')
    t.equal(output.length, 12, 'a title, ten lines, and the times')
    t.match(output[6], /^ {10}\u2800*[\u2801-\u28ff]\u2800*$/)
    t.match(output[11], /^ {10}.*\d\d:\d\d:\d\d$/)
  })

  await t.test(
    'a chart goes from the smallest to the largest, as wide as the terminal',
    async (t) => {
      await report(10)
      await report(30.5)
      const drawn = await ranLine(`chart ${thermometer} --quantity temperature ${url}`, {
        screen: { ...screen, columns: () => 40, rows: () => 10, hasColors: true },
      })
      t.match(drawn.output.map(stripVTControlCharacters), [
        /^temperature ℃: 30\.5, from 10 to 30\.5$/,
        /^ {5}30\.5 [\u2800-\u28ff]{29}$/,
        /^ {10}[\u2800-\u28ff]{29}$/,
        /^ {10}/,
        /^ {7}10 /,
        /^ {10}/,
      ])
      t.match(drawn.output[2], /[\u2801-\u28ff]/, 'and what is in between')
      const json = await ranLine(`chart ${thermometer} --until 0s --json ${url}`)
      t.match(JSON.parse(String(json.output[0])), {
        series: [{ quantity: 'temperature', unit: '℃' }],
      })
      const odd = await answeringHub(t, { status: 200, body: { series: [{}] } })
      const bare = { quantity: 'state', points: [[0, 1, 0, 0.5, 1, 0, 1]] }
      const unitless = await answeringHub(t, { status: 200, body: { series: [bare] } })
      const states = await ranLine(`chart a/b/c --url ${unitless.url}`)
      t.equal(states.output[0], 'state: 1, from 0 to 1')
      t.same((await ranLine(`chart a/b/c --url ${odd.url}`)).output, [
        'nothing is recorded of a/b/c in this time',
      ])
      const other = await answeringHub(t, { status: 200, body: {} })
      t.match(await ranLine(`chart ${thermometer} --url ${other.url}`), {
        code: 1,
        errors: [/expected a hub that keeps a history, got status 200/],
      })
    },
  )

  await t.test('top is a line of JSON for a program, each time', async (t) => {
    const { code, output, errors } = await ranLine(`top -n 2 --every 0.1 --json ${url}`, { screen })
    t.same([code, errors], [0, []])
    const [first, second] = output.map((line) => JSON.parse(line))
    t.match(first, {
      version: String,
      ready: true,
      overloaded: false,
      nodes: { online: Number, offline: 0, unknown: Number },
      slowConsumers: 0,
      newSlowConsumers: 0,
      memoryMiB: Number,
    })
    t.ok(first.protocols.some((each: { protocol: string }) => each.protocol === 'mqtt-3.1.1'))
    t.ok(Date.parse(second.at) - Date.parse(first.at) >= 100)
  })

  await t.test('top draws on a page of its own, until Ctrl-C', async (t) => {
    const small = { ...screen, columns: () => 30 }
    const top = runLine(`top --every 0.1 ${url}`, { screen: small })
    const title = await top.output.next((line) => line.includes('Clown.Hub'))
    t.ok(title.startsWith('\u001b[?1049h\u001b[?25l') || title.startsWith('\u001b[H'))
    t.match(title, /: ready, up \d+ (s|min), /)
    t.match(
      await top.output.next((line) => line.startsWith('messages')),
      /\/s in, .* 0 of them new/,
    )
    const head = await top.output.next((line) => line.startsWith('PROTOCOL'))
    t.equal(stripVTControlCharacters(head).length, 30)
    await top.output.next((line) => line.includes('Clown.Hub'))
    top.stop()
    t.equal(await top.code, 0)
  })
})

/** What a hub in trouble tells, as `slow` and `up` have it. */
const troubled = (slow: number) => `# HELP x y
clown_hub_build_info{version="1"} 1
clown_hub_ready 0
clown_hub_overloaded 1
clown_hub_nodes{state="online"} 1
clown_hub_nodes{state="offline"} 2
clown_hub_nodes{state="unknown"} 3
clown_hub_events_total{kind="websocket-slow-consumer"} ${slow}
process_start_time_seconds ${Date.now() / 1000 - 90_000}
process_resident_memory_bytes 1048576
`

t.test('top says what is wrong', async (t) => {
  const answer = { status: 200, body: troubled(1) }
  const { url } = await answeringHub(t, answer)
  const top = runLine(`top --every 0.1 --url ${url}`, { screen })
  const title = await top.output.next((line) => line.includes('Clown.Hub 1'))
  t.match(title, /: not ready, overloaded, up 1 d, /)
  answer.body = troubled(3)
  await top.output.next((line) => line.includes('3 slow consumers, 2 of them new'))
  answer.body = troubled(0)
  await top.output.next((line) => line.includes('0 slow consumers, 0 of them new'))
  answer.body = 'something else'
  t.equal(await top.code, 1)
  t.match(top.errors.items, [/expected a hub at .* that tells its metrics, got something else/])
  t.match(await ranLine('top x'), { code: 1 })
  t.match(await ranLine('top -n 0'), { errors: [/expected -n to be 1 to 1000000, got "0"/] })
})
