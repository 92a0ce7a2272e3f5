// Which functions of ours run for one message, by V8's precise coverage of a hub in this process.
import { once } from 'node:events'
import { Session } from 'node:inspector/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import mqtt, { type MqttClient } from 'mqtt'
import { WebSocket } from 'ws'

const built = new URL('../../dist/', import.meta.url)

/** What ran for one message, without what runs when nothing happens. */
export interface Walk {
  readonly name: string
  readonly files: number
  /** As `file: name`, in the order of files. */
  readonly functions: readonly string[]
  readonly calls: number
}

/** How often each function of ours ran, by file, name and place. */
type Calls = ReadonlyMap<string, number>

/** So long after a message all that follows from it is done. */
const settledMs = 150
/** So long all that the hub does by itself is done twice: it looks at most things once a second. */
const idleMs = 2200
/** By then every function is compiled, and every topic known. */
const warmUpMessages = 50

export async function walkMessages(): Promise<Walk[]> {
  const { startHub }: typeof import('../../src/hub.ts') = await import(
    fileURLToPath(new URL('hub.js', built))
  )
  const hub = await startHub({
    http: { port: 0 },
    mqtt: { port: 0 },
    users: { anonymous: { role: 'admin' } },
    commands: { rules: [{ kind: 'relay', minIntervalMilliseconds: 0, perSecond: 0 }] },
    log: { level: 'error' },
  })
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  const page = await openPage(hub.httpPort)
  const other = await openPage(hub.httpPort)
  const node = await mqtt.connectAsync({ port: hub.mqttPort, clientId: 'node', keepalive: 0 })
  const reader = await mqtt.connectAsync({ port: hub.mqttPort, clientId: 'reader', keepalive: 0 })
  await node.subscribeAsync('house/node/0/relay/0:0/set', { qos: 1 })
  await reader.subscribeAsync('elsewhere/#')
  const report = '["thermometer/0:1/temperature",21.25]\n'
  const command = '["relay/0:0/set",{"state":true}]\n'
  const ways: readonly (readonly [name: string, send: () => Promise<unknown>])[] = [
    ['websocket-report', () => both(() => page.send(report), heardBy(other))],
    ['websocket-command', () => both(() => page.send(command), messageOf(node))],
    [
      'mqtt-report',
      () => both(() => node.publish(`house/node/0/${reported}`, '21.5'), heardBy(other)),
    ],
    ['mqtt-to-mqtt', () => both(() => node.publish('elsewhere/a', '1'), messageOf(reader))],
  ]
  const walks: Walk[] = []
  for (const [name, send] of ways) {
    for (let count = 0; count < warmUpMessages; count++) await send()
    const calls = await callsOfBoth(session, send)
    walks.push(walkOf(name, calls, await callsOfBoth(session, () => pause(idleMs))))
  }
  session.disconnect()
  for (const each of [page, other]) each.terminate()
  for (const each of [node, reader] satisfies MqttClient[]) each.end(true)
  await hub.close()
  return walks
}

const reported = 'thermometer/0:1/temperature'

async function openPage(port: number): Promise<WebSocket> {
  const page = new WebSocket(`ws://127.0.0.1:${port}/talk/house/node/0`)
  await once(page, 'open')
  return page
}

function heardBy(page: WebSocket): Promise<unknown> {
  return once(page, 'message')
}

function messageOf(client: MqttClient): Promise<unknown> {
  return new Promise((resolve) => client.once('message', resolve))
}

async function both(send: () => unknown, heard: Promise<unknown>): Promise<void> {
  send()
  await heard
}

/** What runs in the first of two acts and in the second: in one alone is what runs now and then, whoever acts. */
async function callsOfBoth(session: Session, act: () => Promise<unknown>): Promise<Calls> {
  const first = await countCalls(session, act)
  const second = await countCalls(session, act)
  return new Map([...first].filter(([each]) => second.has(each)))
}

async function countCalls(session: Session, act: () => Promise<unknown>): Promise<Calls> {
  await pause(settledMs)
  await session.post('Profiler.takePreciseCoverage')
  await act()
  await pause(settledMs)
  const { result } = await session.post('Profiler.takePreciseCoverage')
  const calls = new Map<string, number>()
  for (const { url, functions } of result) {
    if (!url.startsWith(built.href)) continue
    const file = url.slice(built.href.length).replace(/\.js$/, '.ts')
    for (const { functionName, ranges } of functions) {
      const [{ startOffset, count } = { startOffset: 0, count: 0 }] = ranges
      if (count > 0) calls.set(`${file}: ${functionName || 'arrow'} ${startOffset}`, count)
    }
  }
  return calls
}

function walkOf(name: string, calls: Calls, idle: Calls): Walk {
  const own = [...calls].filter(([each]) => !idle.has(each))
  const functions = own.map(([each]) => each.replace(/ \d+$/, '')).sort()
  return {
    name,
    files: new Set(functions.map((each) => each.split(':')[0])).size,
    functions,
    calls: own.reduce((all, [, count]) => all + count, 0),
  }
}
