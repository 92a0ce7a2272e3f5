import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { ConfigInput } from '../../src/config.ts'
import { FrameReader } from '../../src/mqtt/frame-reader.ts'
import { MqttSession } from '../../src/mqtt/session.ts'
import { WholeMessages } from '../../src/ws/whole-messages.ts'
import { publishPacket, rawMqttOverWebSocket, rawMqttTo, signedIn } from '../raw-mqtt.ts'
import { everybody, mqttTo, startedHub, talkTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

const program = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))

t.test(
  'F59: what nobody has caught ends the hub once, with a line that says what it was',
  async (t) => {
    const config = { http: { port: 0 }, mqtt: { port: 0 }, users: everybody }
    const file = `${testFolder(t, { 'hub.json': JSON.stringify(config) })}/hub.json`
    // Once it runs: it has said where it listens.
    const broken = `
      const write = process.stdout.write
      process.stdout.write = function (text, ...rest) {
        setTimeout(() => { throw new TypeError('out of paper') }, 0)
        return Reflect.apply(write, this, [text, ...rest])
      }`
    const child = spawn(
      'sh',
      ['-c', 'chmod 600 "$3"; exec "$0" "$1" "$2" run --config "$3"', process.execPath].concat(
        `--import=data:text/javascript,${encodeURIComponent(broken)}`,
        program,
        file,
      ),
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    t.teardown(() => child.kill('SIGKILL'))
    const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    t.equal(code, 1)
    const fatal = errors
      .split('\n')
      .filter((line) => line.includes('"level":60'))
      .map((line) => JSON.parse(line))
    t.match(fatal, [
      { msg: 'a defect ends the hub', err: { message: 'out of paper', stack: /at / } },
    ])
  },
)

const paper = 'out of paper'

interface Defect {
  /** Where it is, and what is lost by it. */
  readonly name: string
  /** What throws, for whoever has `marked` in its arguments, or always. */
  readonly prototype: object
  readonly method: string
  readonly isMarked?: boolean
  readonly limits?: ConfigInput['limits']
  provoke(t: Test, hub: Awaited<ReturnType<typeof startedHub>>): Promise<unknown>
}

const marked = 'a marked message'

/** Lets a method throw, from now until it is given back. */
function breakMethod({ prototype, method, isMarked = false }: Defect): () => void {
  const whole = Reflect.get(prototype, method)
  Reflect.set(prototype, method, function (this: unknown, ...values: unknown[]) {
    if (!isMarked || values.some((value) => `${value}`.includes(marked))) throw new TypeError(paper)
    return Reflect.apply(whole, this, values)
  })
  return () => Reflect.set(prototype, method, whole)
}

const sayMarked = publishPacket('a/b', { payload: marked })

const defects: readonly Defect[] = [
  {
    name: 'in what a socket of MQTT brings, its connection',
    ...{ prototype: FrameReader.prototype, method: 'read', isMarked: true },
    provoke: async (t, { mqttPort }) => {
      const raw = await signedIn(await rawMqttTo(t, mqttPort))
      raw.send(sayMarked)
      await raw.ended
    },
  },
  {
    name: 'in what MQTT over a websocket brings, its connection',
    ...{ prototype: FrameReader.prototype, method: 'read', isMarked: true },
    provoke: async (t, { httpPort }) => {
      const raw = await signedIn(await rawMqttOverWebSocket(t, httpPort))
      raw.send(sayMarked)
      await raw.ended
    },
  },
  {
    name: 'in what is too soon and waits, its connection',
    ...{ prototype: FrameReader.prototype, method: 'read', isMarked: true },
    provoke: async (t, { mqttPort }) => {
      const raw = await signedIn(await rawMqttTo(t, mqttPort))
      // Of the second part of it the reader hears in a turn of its own.
      const first = Array.from({ length: 64 }, () => publishPacket('a/b', { payload: 'x' }))
      raw.send(...first, ...first)
      raw.send(sayMarked)
      await raw.ended
    },
  },
  {
    name: 'when somebody is let in, that one',
    ...{ prototype: MqttSession.prototype, method: 'flow' },
    provoke: async (t, { mqttPort }) => signedIn(await rawMqttTo(t, mqttPort)),
  },
  {
    name: 'when a connection comes, that one',
    ...{ prototype: Socket.prototype, method: 'setKeepAlive' },
    provoke: async (t, { mqttPort }) => (await rawMqttTo(t, mqttPort)).ended,
  },
  {
    name: 'in what a websocket brings, that websocket',
    ...{ prototype: WholeMessages.prototype, method: 'passes' },
    provoke: async (t, hub) => {
      const { websocket, send } = await talkTo(t, hub)
      send('a', 1)
      await once(websocket, 'close')
    },
  },
  {
    name: 'in a timer, what it was about',
    ...{ prototype: WebSocket.prototype, method: 'ping' },
    limits: { websocket: { pingSeconds: 1 } },
    provoke: async (t, hub) => {
      await talkTo(t, hub)
    },
  },
]

for (const defect of defects) {
  t.test(`F59: a defect costs nothing but what it was about: ${defect.name}`, async (t) => {
    const hub = await startedHub(
      t,
      { users: everybody, limits: defect.limits ?? {} },
      { isMistaken: true },
    )
    const healthy = await mqttTo(t, hub, { filter: 'healthy' })
    const mend = breakMethod(defect)
    t.teardown(mend)
    await defect.provoke(t, hub)
    const line = await hub.log.next(({ kind }) => kind === 'defects')
    mend()
    t.match(line, { reason: paper, stack: /at / })
    t.ok(Number(hub.counters()['defects']) > 0, 'it is counted')
    await healthy.client.publishAsync('healthy', 'x', { qos: 1 })
    await healthy.on('healthy')
  })
}
