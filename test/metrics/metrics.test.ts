import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, get } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parseYaml } from '../../src/core/yaml.ts'
import { freePort, requireProgram, run, startPrometheus } from '../programs.ts'
import { mqttTo, startedHub, talkTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

const examples = fileURLToPath(new URL('../../examples', import.meta.url))
const rules = join(examples, 'prometheus/clown-hub.rules.yml')

/** A hub that something was done with, by a client of each kind. */
async function busyHub() {
  const port = await freePort()
  const users = {
    clown: { password: 'bigclown', role: 'admin' },
    looker: { password: 'looks', role: 'viewer' },
    board: { password: 'boards', role: 'node', base: 'nodes/board/0' },
    nobody: { password: 'nobodys' },
  } as const
  const upstreams = { attic: { dialect: 'clown-talk', url: 'ws://127.0.0.1:1/' } } as const
  const hub = await startedHub(t, { users, metrics: { port }, upstreams })
  const old = await mqttTo(t, hub, { protocolVersion: 4, filter: 'nodes/#' })
  const latest = await mqttTo(t, hub, { protocolVersion: 5, clientId: 'latest' })
  const byWebsocket = await mqttTo(t, hub, {
    protocolVersion: 5,
    protocol: 'ws',
    path: '/mqtt',
    port: hub.httpPort,
  })
  const talk = await talkTo(t, hub)
  await latest.client.publishAsync('nodes/bridge/0/thermometer/0:0/temperature', '21.5', {
    qos: 1,
    retain: true,
  })
  await byWebsocket.client.publishAsync('nodes/bridge/0/relay/0:0/state', 'true', { qos: 1 })
  await old.on('nodes/bridge/0/relay/0:0/state')
  await talk.settle()
  const text = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  return { hub, port, talk, text }
}

const busy = await busyHub()

/** The value of one sample. */
function numberOf(text: string, sample: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${sample} `))
  return line === undefined ? undefined : Number(line.slice(sample.length + 1))
}

t.test('what the hub counts is told to Prometheus, by what came how', async (t) => {
  const { hub, port, talk, text } = busy
  const found = await text()
  const of = (name: string, transport: string, protocol: string) =>
    numberOf(found, `clown_hub_${name}{transport="${transport}",protocol="${protocol}"}`) ??
    Number.NaN
  for (const [transport, protocol] of [
    ['tcp', 'mqtt-3.1.1'],
    ['tcp', 'mqtt-5'],
    ['websocket', 'mqtt-5'],
    ['websocket', 'clown-talk'],
  ] as const) {
    t.equal(of('connections', transport, protocol), 1, `${protocol} by ${transport}`)
    t.ok(of('received_bytes_total', transport, protocol) > 20)
    t.ok(of('sent_bytes_total', transport, protocol) > 0)
  }
  t.equal(of('messages_received_total', 'tcp', 'mqtt-5'), 1)
  t.equal(of('messages_received_total', 'websocket', 'mqtt-5'), 1)
  t.equal(of('messages_received_total', 'websocket', 'clown-talk'), 1)
  t.ok(of('messages_sent_total', 'tcp', 'mqtt-3.1.1') >= 2)
  t.ok(of('messages_sent_total', 'websocket', 'clown-talk') >= 2)
  t.equal(numberOf(found, 'clown_hub_ready'), 1)
  const attic = '{upstream="attic",dialect="clown-talk"}'
  t.equal(numberOf(found, `clown_hub_upstream_connected${attic}`), 0)
  t.equal(numberOf(found, `clown_hub_upstream_devices${attic}`), 0)
  const inState = (state: string) =>
    numberOf(
      found,
      `clown_hub_upstream_state{upstream="attic",dialect="clown-talk",state="${state}"}`,
    )
  t.same(['connecting', 'connected', 'refused', 'away'].map(inState), [0, 0, 0, 1])
  const since = numberOf(found, `clown_hub_upstream_since_seconds${attic}`)
  t.ok(Math.abs(Number(since) - Date.now() / 1000) < 120)
  t.ok(Number(numberOf(found, `clown_hub_upstream_next_try_seconds${attic}`)) > Number(since))
  t.equal(numberOf(found, 'clown_hub_mqtt_sessions{state="connected"}'), 3)
  t.ok(Number(numberOf(found, 'clown_hub_retained_messages')) >= 1)
  t.ok(Number(numberOf(found, 'clown_hub_history_series')) >= 1)
  t.ok(Number(numberOf(found, 'clown_hub_store_commit_duration_seconds_count')) > 0)
  t.equal(numberOf(found, 'clown_hub_events_total{kind="mqtt-slow-consumer"}'), 0, 'from the start')

  const ended = once(talk.websocket, 'close')
  talk.websocket.close()
  await ended
  const after = await text()
  const closed = '{transport="websocket",protocol="clown-talk"}'
  t.equal(numberOf(after, `clown_hub_connections${closed}`), 0)
  const bytes = `clown_hub_received_bytes_total${closed}`
  t.ok(
    Number(numberOf(after, bytes)) >= Number(numberOf(found, bytes)),
    'what is closed still counts',
  )

  const elsewhere = await fetch(`http://127.0.0.1:${port}/healthz`)
  t.equal(elsewhere.status, 404, 'its port has nothing beside it')
  const url = `http://127.0.0.1:${hub.httpPort}/metrics`
  const as = async (credentials: string) =>
    (await fetch(url, { headers: { Authorization: `Basic ${btoa(credentials)}` } })).status
  t.equal((await fetch(url)).status, 401)
  t.equal(await as('looker:looks'), 200)
  t.equal(await as('board:boards'), 403)
  t.equal(await as('nobody:nobodys'), 403)
})

t.test('how commands ended is told, by how they came', async (t) => {
  const { hub, text } = busy
  const url = `http://127.0.0.1:${hub.httpPort}/api/command`
  const command = {
    device: 'nodes/bridge/0/relay/0:0',
    payload: { state: true },
    timeoutSeconds: 0.1,
  }
  const headers = {
    Authorization: `Basic ${btoa('clown:bigclown')}`,
    'Content-Type': 'application/json',
  }
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(command) })
  t.match(await answer.text(), /timed-out/)
  const found = (await text()).split('\n').filter((line) => line.startsWith('clown_hub_commands'))
  t.same(found, ['clown_hub_commands_total{way="http",outcome="timed-out"} 1'])
})

t.test('an event stream is counted, and its end', async (t) => {
  const { hub, text } = busy
  const ending = new AbortController()
  const headers = { Authorization: `Basic ${btoa('clown:bigclown')}` }
  const { signal } = ending
  const url = `http://127.0.0.1:${hub.httpPort}/api/stream?filter=%23`
  const stream = await fetch(url, { headers, signal })
  const sample = 'clown_hub_connections{transport="http",protocol="event-stream"}'
  t.equal(stream.status, 200)
  t.equal(numberOf(await text(), sample), 1)
  ending.abort()
  await t.rejects(stream.text())
})

t.test('a connection that says nothing has no level', async (t) => {
  const { hub, text } = busy
  const socket = connect(hub.mqttPort, '127.0.0.1')
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  // A reserved type ends it.
  socket.write(Buffer.from([0xf0, 0]))
  await once(socket, 'close')
  const sample = 'clown_hub_received_bytes_total{transport="tcp",protocol="mqtt"}'
  t.ok(Number(numberOf(await text(), sample)) >= 2)
})

t.test(
  'promtool finds nothing wrong with the metrics, the rules and the configuration',
  async (t) => {
    const promtool = requireProgram(t, 'promtool')
    if (promtool === undefined) return
    const { text } = busy
    const input = await text()
    t.equal(execFileSync(promtool, ['check', 'metrics'], { input, encoding: 'utf8' }), '')
    t.match(await run(promtool, ['check', 'rules', rules]), { code: 0, output: /SUCCESS/ })
    const config = join(examples, 'prometheus/prometheus.yml')
    t.match(await run(promtool, ['check', 'config', config]), { code: 0, output: /SUCCESS/ })
  },
)

interface Answer {
  readonly status: string
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] }
}

interface Dashboard {
  readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[]
}

/** What the dashboard and the rules ask, as Grafana would ask it. */
function questions(): string[] {
  const dashboard: Dashboard = JSON.parse(
    readFileSync(join(examples, 'grafana/clown-hub.json'), 'utf8'),
  )
  const shown = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  const { value } = parseYaml(readFileSync(rules, 'utf8'), rules)
  const alerts = JSON.stringify(value).matchAll(/"expr":"((?:[^"\\]|\\.)*)"/g)
  const watched = [...alerts].map(([, expr]) => JSON.parse(`"${expr}"`))
  return [...shown, ...watched].map((each) =>
    each.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m'),
  )
}

t.test(
  'Prometheus scrapes the hub, signed in, and can answer all that the dashboard asks',
  async (t) => {
    if (requireProgram(t, 'prometheus') === undefined) return
    const { hub, text } = busy
    // What was scraped is known once it is scraped again.
    const scrapes = createServer((request, response) => {
      const { authorization = '' } = request.headers
      const { httpPort: port } = hub
      get({ port, path: request.url, headers: { authorization } }, (answer) => {
        response.writeHead(Number(answer.statusCode), answer.headers)
        answer.pipe(response)
      })
      response.on('finish', () => scrapes.emit('scraped'))
    })
    scrapes.listen(0, '127.0.0.1')
    await once(scrapes, 'listening')
    t.teardown(() => {
      scrapes.closeAllConnections()
      scrapes.close()
    })
    const { port } = scrapes.address() as AddressInfo
    const config = {
      global: { scrape_interval: '300ms', scrape_timeout: '300ms' },
      rule_files: [rules],
      scrape_configs: [
        {
          job_name: 'clown-hub',
          basic_auth: { username: 'looker', password: 'looks' },
          static_configs: [{ targets: [`127.0.0.1:${port}`] }],
        },
      ],
    }
    const file = join(testFolder(t), 'prometheus.json')
    writeFileSync(file, JSON.stringify(config))
    const prometheus = await startPrometheus(t, file)
    for (let count = 0; count < 3; count++) await once(scrapes, 'scraped')
    const ask = async (query: string) => {
      const url = `${prometheus}/api/v1/query?query=${encodeURIComponent(query)}`
      const answer: unknown = await (await fetch(url)).json()
      const { status, data } = answer as Answer
      return { status, values: data?.result.map(({ value: [, value] }) => value) }
    }
    t.same(await ask('max_over_time(up[1m])'), { status: 'success', values: ['1'] })
    t.same(await ask('clown_hub_ready'), { status: 'success', values: ['1'] })
    const found = await text()
    const all = questions()
    t.ok(all.length > 30)
    for (const question of all) {
      t.equal((await ask(question)).status, 'success', question)
      const names = question.match(/\b(?:clown_hub|process|nodejs)_\w+/g) ?? []
      for (const name of names) t.ok(found.includes(`\n${name}`) || found.startsWith(name), name)
    }
  },
)
