// WirenBoard, ESPEasy, Homie and people who name a level as they like: their topics have empty levels, long
// ones, many, and characters that are not seen. All of them travel as on Mosquitto, and are in the history,
// among the nodes and in an export like any other.
import { EventEmitter, once } from 'node:events'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { main } from '../../../src/cli/main.ts'
import { publish, requireProgram, startMosquitto, subscribe } from '../../programs.ts'
import { type HubPorts, mqttTo, startedHub, talkTo } from '../../started-hub.ts'
import { testFolder } from '../../test-folder.ts'
import { hardTopics } from '../../topics.ts'

const login = { user: 'clown', password: 'bigclown' }

/** What a Homie 4 device tells of itself, most of it with a $. */
const homie: Readonly<Record<string, string>> = {
  'homie/bulb/$homie': '4.0',
  'homie/bulb/$state': 'ready',
  'homie/bulb/light/power': 'true',
  'homie/bulb/light/power/$settable': 'true',
}

const wildcards = [
  ...['#', '+', '+/+', '/#', '/+', '+/', '//#', 'a/+/b/+', 'a/#', '+/+/+'],
  ...['/devices/+/controls/+', '/+/BME280/#', 'homie/+/light/#', 'home/+/#'],
]

async function ask(hub: HubPorts, path: string) {
  const headers = { Authorization: `Basic ${Buffer.from('clown:bigclown').toString('base64')}` }
  const response = await fetch(`http://127.0.0.1:${hub.httpPort}${path}`, { headers })
  return { status: response.status, text: await response.text() }
}

async function jsonOf(hub: HubPorts, path: string) {
  return JSON.parse((await ask(hub, path)).text)
}

t.test('every wildcard gets what Mosquitto gives it', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const hub = await startedHub(t)
  const mosquitto = await startMosquitto(t)
  const topics = [...hardTopics, ...Object.keys(homie)]
  const heard = async (broker: { port: number; user?: string; password?: string }) => {
    const all = await Promise.all(
      wildcards.map(async (filter) => {
        const { items, next } = await subscribe(t, { ...broker, filter, format: '%t' })
        // Every filter gets its own end: by then what came before has come.
        return { filter, items, end: filter.replaceAll('+', 'end').replace('#', 'end'), next }
      }),
    )
    for (const topic of topics) await publish({ ...broker, topic, payload: '1' })
    for (const { end } of all) await publish({ ...broker, topic: end, payload: '1' })
    for (const { end, next } of all) await next((topic) => topic === end)
    return Object.fromEntries(
      all.map(({ filter, items }) => [filter, items.filter((topic) => topics.includes(topic))]),
    )
  }
  const expected = await heard({ port: mosquitto.port })
  t.same(expected['#'], topics)
  t.same(await heard({ port: hub.mqttPort, ...login }), expected)
})

t.test('every part of the hub takes the same topics', async (t) => {
  if (requireProgram(t, 'mosquitto_pub') === undefined) return
  const hub = await startedHub(t)
  const port = hub.mqttPort
  const page = await talkTo(t, hub, '/talk')
  for (const [at, topic] of hardTopics.entries()) {
    await publish({ port, ...login, topic, payload: `{"value":${at}}`, retain: true })
    t.same(await page.on(topic), [topic, { value: at }])
    page.send(topic, { value: at + 0.5 })
    await page.on(topic)
  }
  const all = await jsonOf(hub, '/api/nodes')
  for (const topic of hardTopics) {
    const node = all.nodes.find((node: { devices: { topic: string }[] }) =>
      node.devices.some((device) => device.topic === topic),
    )
    t.not(node?.base, undefined, topic)
    t.same(await jsonOf(hub, `/api/nodes/${encodeURIComponent(node.base)}`), node, 'and by itself')
    const query = `topic=${encodeURIComponent(topic)}&points=1`
    const { series } = await jsonOf(hub, `/api/history?${query}`)
    t.match(series, [{ topic, quantity: 'value', points: [{ length: 7 }] }])
  }
  const exported = (await ask(hub, '/api/history?topic=%23&format=ndjson')).text
  const lines = exported.trimEnd().split('\n')
  const found = new Set(lines.map((line) => JSON.parse(line).topic))
  t.same([...found].sort(), [...hardTopics].sort())
})

t.test('the command line takes them, too', async (t) => {
  const hub = await startedHub(t)
  const { client } = await mqttTo(t, hub)
  for (const topic of hardTopics) await client.publishAsync(topic, '21.5', { qos: 1 })
  const url = `http://clown:bigclown@127.0.0.1:${hub.httpPort}`
  for (const topic of hardTopics) {
    const { code, text } = await ran(['export', topic, '--format', 'ndjson', '--url', url])
    t.equal(code, 0, topic)
    t.match(JSON.parse(text), { topic, value: 21.5 })
    const sheet = await ran(['export', topic, '--url', url])
    t.ok(sheet.text.split('\r\n')[1]?.includes(`,${topic},value,21.5,`), 'as a table')
  }
  const locked = await ran([
    ...['lock', '/devices/wb/controls/K1', '--base', '', '--reason', 'oprava', '--url', url],
  ])
  t.match(locked, { code: 0, text: /^\/devices\/wb\/controls\/K1: locked by clown/ })
})

/** Runs a command line whose words may hold spaces. */
async function ran(words: string[]): Promise<{ code: number; text: string }> {
  const output: string[] = []
  const take = (text: string) => output.push(text)
  const code = await main(words, {
    environment: {},
    stopped: new Promise(() => {}),
    ignore: () => {},
    onReload: () => {},
    endOnDefect: () => {},
    input: Readable.from([]),
    screen: undefined,
    progress: () => {},
    print: take,
    printError: take,
    write: async (text) => take(text) > 0,
  })
  return { code, text: output.join('') }
}

t.test('a websocket below such a base hears and sends what is there', async (t) => {
  const hub = await startedHub(t)
  const node = await mqttTo(t, hub, { filter: '/devices/#' })
  const paths = [
    '/talk//devices/wb_6',
    '/talk/%2Fdevices%2Fwb_6',
    '/auth/clown-talk-server__devices_wb%5F6',
  ]
  for (const path of paths) {
    const page = await talkTo(t, hub, path)
    await node.client.publishAsync('/devices/wb_6/controls/K1', '1', { qos: 1 })
    t.same(await page.on('controls/K1'), ['controls/K1', 1], path)
    await node.client.publishAsync('/devices/wb_6/', '2', { qos: 1 })
    t.same(await page.on(''), ['', 2], 'what ends in the slash behind the base')
    page.send('controls/K1/on', 1)
    await node.on('/devices/wb_6/controls/K1/on')
    page.send('', 3)
    await node.on('/devices/wb_6/')
    page.send('-/-/config/list', {})
    t.match(await page.on('-/-/config/ok'), [
      '-/-/config/ok',
      { sensors: ['', 'controls/K1', 'controls/K1/on'] },
    ])
    page.websocket.close()
  }
})

t.test(
  'a client that was away gets them when it comes back, as does one after a restart',
  async (t) => {
    const data = { folder: testFolder(t) }
    const sleeper = {
      clientId: 'sleeper',
      clean: false,
      filter: ['+', '+/+', '/#', 'a/+/b/+', '#'],
    }
    const before = await startedHub(t, { data })
    const asleep = await mqttTo(t, before, sleeper)
    await asleep.client.endAsync()
    const will = { topic: 'a//will/', payload: Buffer.from('gone'), qos: 1, retain: true } as const
    const node = await mqttTo(t, before, { will })
    for (const topic of hardTopics)
      await node.client.publishAsync(topic, '1', { qos: 1, retain: true })
    await cut(node.client)
    await (await mqttTo(t, before, { filter: 'a//will/' })).on('a//will/')
    await before.close()

    const hub = await startedHub(t, { data })
    const expected = [...hardTopics, 'a//will/'].sort()
    const topicsOf = async (t: Test, options: Parameters<typeof mqttTo>[2]) => {
      const { client, messages } = await mqttTo(t, hub, options)
      for (const _ of expected) await messages.next()
      await client.endAsync()
      return messages.items.map(({ topic }) => topic).sort()
    }
    t.same(await topicsOf(t, { ...sleeper, filter: [] }), expected, 'what was kept for it')
    t.same(await topicsOf(t, { filter: '#' }), expected, 'what is retained')
    const { nodes } = await jsonOf(hub, '/api/nodes')
    const devices: { topic: string }[] = nodes.flatMap(
      (node: { devices: object[] }) => node.devices,
    )
    t.same(devices.map(({ topic }) => topic).sort(), expected, 'what is known of devices')
    const { series } = await jsonOf(hub, '/api/history?topic=%23&points=1')
    t.same(series.map(({ topic }: { topic: string }) => topic).sort(), [...hardTopics].sort())
  },
)

/** Ends a connection without a goodbye. */
async function cut(client: { stream: unknown }): Promise<void> {
  const { stream } = client
  if (!(stream instanceof EventEmitter) || !('destroy' in stream)) throw new Error('no stream')
  const closed = once(stream, 'close')
  if (typeof stream.destroy === 'function') stream.destroy()
  await closed
}
