// What mosquitto_pub has sent is asked for by curl, and read by Python's csv module as a spreadsheet reads it:
// with the settings as they come, and with the units that things really change.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ranLine } from '../../cli/run-line.ts'
import { publish, requireProgram, run } from '../../programs.ts'
import { type StartedHub, startedHub } from '../../started-hub.ts'
import { testFolder } from '../../test-folder.ts'

const topic = 'tele/heating/SENSOR'

/** A hub to which mosquitto_pub has sent these payloads, one after the other. */
async function hubThatGot(t: Test, ...payloads: string[]): Promise<StartedHub> {
  const hub = await startedHub(t)
  const login = { port: hub.mqttPort, user: 'clown', password: 'bigclown' }
  for (const payload of payloads) await publish({ ...login, topic, payload })
  return hub
}

/** What curl prints of the history of all topics. */
async function curl(hub: StartedHub, ...query: string[]): Promise<string> {
  const url = `http://clown:bigclown@127.0.0.1:${hub.httpPort}/api/history`
  const data = query.flatMap((each) => ['--data-urlencode', each])
  const { output } = await run('curl', ['-s', '-G', url, '--data-urlencode', 'topic=#', ...data])
  return output
}

interface Part {
  readonly quantity: string
  readonly unit?: string
  readonly points: readonly (readonly number[])[]
}

async function partsOf(hub: StartedHub, ...query: string[]) {
  const { series } = JSON.parse(await curl(hub, 'points=1', ...query))
  return series.map(({ quantity, unit, points }: Part) => [quantity, unit, points[0]?.slice(1)])
}

t.test('a thermometer that changes to Fahrenheit has two parts, and no mean of both', async (t) => {
  if (!requireProgram(t, 'mosquitto_pub') || !requireProgram(t, 'curl')) return
  const hub = await hubThatGot(
    t,
    '{"temperature":[20,"°C"]}',
    '{"temperature":[22,"°C"]}',
    '{"temperature":24}',
    '{"temperature":[70,"°F"]}',
    '{"temperature":72}',
  )
  t.same(await partsOf(hub), [
    ['temperature', '°C', [3, 20, 22, 24, 20, 24]],
    ['temperature', '°F', [2, 70, 71, 72, 70, 72]],
  ])
  const lines = (await curl(hub, 'format=ndjson'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.same(
    lines.map(({ value, unit }) => `${value} ${unit}`),
    ['20 °C', '22 °C', '24 °C', '70 °F', '72 °F'],
  )
  const buckets = (await curl(hub, 'format=csv', 'resolution=minute')).trim().split('\r\n')
  t.same(new Set(buckets.slice(1).map((line) => line.split(',').at(-1))), new Set(['°C', '°F']))
})

t.test('a meter that goes from Wh to kWh is not converted in silence', async (t) => {
  if (!requireProgram(t, 'mosquitto_pub') || !requireProgram(t, 'curl')) return
  const hub = await hubThatGot(t, '{"energy":[999,"Wh"]}', '{"energy":[1,"kWh"]}')
  t.same(await partsOf(hub, 'quantity=energy'), [
    ['energy', 'Wh', [1, 999, 999, 999, 999, 999]],
    ['energy', 'kWh', [1, 1, 1, 1, 1, 1]],
  ])
})

t.test('names with dots, names within names, and a bare value are told apart', async (t) => {
  if (!requireProgram(t, 'mosquitto_pub') || !requireProgram(t, 'curl')) return
  const hub = await hubThatGot(t, '{"a.b":1,"a":{"b":2}}', '3', '{"value":4}')
  const parts = await partsOf(hub)
  t.same(
    parts.map(([quantity, , row]: [string, string, number[]]) => [quantity, row[1]]),
    [
      ['\\value', 4],
      ['a.b', 2],
      ['a\\.b', 1],
      ['value', 3],
    ],
  )
  t.same(await partsOf(hub, 'quantity=a\\.b'), [['a\\.b', undefined, [1, 1, 1, 1, 1, 1]]])
})

t.test(
  'a mean lies between the smallest and the largest, also of counters and of 1e308',
  async (t) => {
    if (!requireProgram(t, 'mosquitto_pub') || !requireProgram(t, 'curl')) return
    const [large, larger] = [9007199254740989, 9007199254740991]
    const hub = await hubThatGot(
      t,
      `{"counter":${large},"huge":1e308,"both":1.7e308}`,
      `{"counter":${larger},"huge":1e308,"both":-1.7e308}`,
    )
    const both = [2, -1.7e308, 0, 1.7e308, 1.7e308, -1.7e308]
    t.same(await partsOf(hub), [
      ['both', undefined, both],
      ['counter', undefined, [2, large, large + 1, larger, large, larger]],
      ['huge', undefined, [2, 1e308, 1e308, 1e308, 1e308, 1e308]],
    ])
  },
)

t.test(
  'a time that curl is given as it is typed is understood, or refused in a sentence',
  async (t) => {
    if (!requireProgram(t, 'mosquitto_pub') || !requireProgram(t, 'curl')) return
    const hub = await hubThatGot(t, '{"temperature":[20,"°C"]}')
    const url = `http://clown:bigclown@127.0.0.1:${hub.httpPort}/api`
    const answer = async (path: string) =>
      JSON.parse((await run('curl', ['-s', url + path])).output)
    // curl sends the plus as it is, which a query says a space with.
    const { from, series } = await answer('/history?topic=%23&from=2026-11-21T11:00+01:00&points=1')
    t.ok(Date.parse(from) <= Date.parse('2026-11-21T10:00:00Z'))
    t.match(series, [{ unit: '°C', points: [[Number, 1, 20]] }])
    t.match(await answer('/history?topic=%23&from=1h'), { series: { length: 1 } })
    const wrong: [path: string, rest: string][] = [
      ['/history?topic=a&from=2026-02-31', 'from .*"2026-02-31", a day that is not there'],
      [
        '/history?topic=a&to=2026-11-21T10:00',
        'to .*"2026-11-21T10:00" without a zone such as Z or',
      ],
      ['/history?topic=a&to=2026-11-21Tuesday', 'to .*"2026-11-21Tuesday"$'],
      ['/commands?since=2026-04-31T10:00Z', 'since .*"2026-04-31T10:00Z", a day that is not there'],
      [
        '/commands?since=2026-11-21%2010:00',
        'since .*"2026-11-21 10:00" without a zone such as Z or',
      ],
    ]
    for (const [path, rest] of wrong) {
      const message = new RegExp(`^expected ${rest}`)
      t.match(await answer(path), { code: 'bad-query', message }, path)
    }
  },
)

/** Reads a table as Excel does: with the mark it is UTF-8, and without one it is Windows-1252. */
const reader = `
import csv, json, sys
bytes = open(sys.argv[1], 'rb').read()
marked = bytes.startswith(b'\\xef\\xbb\\xbf')
text = bytes.decode('utf-8-sig' if marked else 'cp1252', 'replace')
assert text.replace('\\r\\n', '').find('\\n') == -1
print(json.dumps(list(csv.DictReader(text.splitlines()))))
`

async function spreadsheet(file: string): Promise<Record<string, string>[]> {
  return JSON.parse((await run('python3', ['-c', reader, file])).output)
}

t.test('a spreadsheet shows ℃, from curl with bom=true and from export --excel', async (t) => {
  for (const program of ['mosquitto_pub', 'curl', 'python3'] as const) {
    if (!requireProgram(t, program)) return
  }
  const hub = await hubThatGot(t, '{"temperature":[20.5,"℃"]}', '{"temperature":[71,"°F"]}')
  const folder = testFolder(t)
  const url = `http://clown:bigclown@127.0.0.1:${hub.httpPort}`
  const table = join(folder, 'table.csv')
  const query = 'topic=%23&format=csv&bom=true'
  await run('curl', ['-s', '-o', table, `${url}/api/history?${query}`])
  const shown = (await spreadsheet(table)).map(({ value, unit }) => `${value} ${unit}`)
  t.same(shown, ['20.5 ℃', '71 °F'])

  const cli = ['dist/cli/bin.js', 'export', '#', '--url', url]
  const printed = async (...options: string[]) =>
    (await run(process.execPath, [...cli, ...options])).output
  t.equal(await printed('--excel'), readFileSync(table, 'utf8'))
  t.equal(await printed(), readFileSync(table, 'utf8').slice(1), 'without the mark')
  t.ok((await printed('--excel', '--resolution', 'minute')).startsWith('\uFEFFat,'))
  t.match(await ranLine(`export # --excel --format ndjson --url ${url}`), {
    code: 1,
    errors: [/expected --excel with --format csv, got "ndjson"/],
  })
  for (const [wrong, message] of Object.entries({
    'format=csv&bom=yes': 'expected bom to be true, got "yes"',
    'format=ndjson&bom=true': 'expected bom with format csv, got "ndjson"',
    'bom=true': 'expected bom with format csv, got "json"',
  })) {
    const { output } = await run('curl', ['-s', `${url}/api/history?topic=a&${wrong}`])
    t.same(JSON.parse(output), { code: 'bad-query', message })
  }
})
