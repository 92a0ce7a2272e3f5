import t, { type Test } from 'tap'
import { ranLine } from '../cli/run-line.ts'
import { ask } from '../dialects/asked-json.ts'
import { createInbox } from '../inbox.ts'
import {
  number,
  packet,
  publishPacket,
  type RawMqtt,
  rawMqttTo,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
} from '../raw-mqtt.ts'
import { base, command, headers, relay } from '../shown-states.ts'
import { everybody, type StartedHub, startedHub, talkTo } from '../started-hub.ts'

const unguarded = { rules: [{ minIntervalMilliseconds: 0, perSecond: 0 }] }

/** A node that takes what it is told at `qos`, and has reported its relay. */
async function nodeAt(t: Test, hub: StartedHub, { qos, state }: { qos: number; state: boolean }) {
  const node = await rawMqttTo(t, hub.mqttPort)
  await signedIn(node, { clientId: 'board' })
  node.send(subscribePacket([`${base}/+/+/set`, `${base}/+/+/get`], qos))
  await node.next((answer) => answer.startsWith('90'))
  report(node, state)
  await settled(node)
  return node
}

function report(node: RawMqtt, state: boolean): void {
  node.send(publishPacket(relay, { payload: JSON.stringify({ state }) }))
}

/** What the node is told next on `topic`. */
async function toldOn(node: RawMqtt, topic: string) {
  return readPublish(
    await node.next((text) => text.startsWith('3') && readPublish(text).topic === topic),
  )
}

t.test('F36: a report that met the command on its way does not confirm it', async (t) => {
  const hub = await startedHub(t, { users: everybody })
  const node = await nodeAt(t, hub, { qos: 1, state: true })
  let isEnded = false
  const asked = command(hub, { timeoutSeconds: 60 }).finally(() => {
    isEnded = true
  })
  const { id = 0 } = await toldOn(node, `${relay}/set`)
  // As it does every few seconds, and did before it read the command.
  report(node, true)
  await settled(node)
  t.notOk(isEnded)
  node.send(packet(0x40, number(id)))
  await settled(node)
  t.notOk(isEnded, 'nor does that it has it')
  report(node, true)
  t.match(await asked, { status: 200, body: { receipt: 'confirmed' } })
})

t.test('F36: on, off and on again: the last waits for its own answer', async (t) => {
  const hub = await startedHub(t, { users: everybody, commands: unguarded })
  const node = await nodeAt(t, hub, { qos: 1, state: false })
  const page = await talkTo(t, hub)
  const receipts = createInbox<[id: unknown, receipt: unknown]>()
  page.websocket.on('message', (line) => {
    const [, payload, options] = JSON.parse(String(line))
    if (payload?.receipt !== undefined) receipts.put([options.id, payload.receipt])
  })
  const states = [true, false, true]
  for (const [id, state] of states.entries()) {
    page.send('relay/i2c0-3b/set', { state }, { id })
    const told = await toldOn(node, `${relay}/set`)
    node.send(packet(0x40, number(told.id ?? 0)))
  }
  // It is slow: it does one after the other, and says so.
  const isConfirmed = () => receipts.items.some(([, receipt]) => receipt === 'confirmed')
  for (const state of states) {
    t.notOk(isConfirmed())
    report(node, state)
    await settled(node)
  }
  t.same(await receipts.next(([, receipt]) => receipt === 'confirmed'), [2, 'confirmed'])
})

t.test('F37: what is already so is asked for, and confirmed by the answer', async (t) => {
  const hub = await startedHub(t, { users: everybody })
  const node = await nodeAt(t, hub, { qos: 0, state: true })
  const asked = command(hub, { timeoutSeconds: 60 })
  await toldOn(node, `${relay}/set`)
  report(node, true)
  await toldOn(node, `${relay}/get`)
  report(node, true)
  t.match(await asked, { status: 200, body: { receipt: 'confirmed' } })
})

t.test(
  'F37: what is already so and is not said again raises no alarm, and confirms nothing',
  async (t) => {
    const hub = await startedHub(t, { users: everybody })
    const node = await nodeAt(t, hub, { qos: 0, state: true })
    const { status, body } = await command(hub, { timeoutSeconds: 0.5 })
    t.equal(status, 202)
    t.match(body, { receipt: 'already-so', reportedAt: /^20.*Z$/, final: true })
    await toldOn(node, `${relay}/get`)
    const environment = { CLOWN_HUB_URL: `http://clown:bigclown@127.0.0.1:${hub.httpPort}` }
    const words = 'set relay/i2c0-3b on --timeout 500ms'
    const again = await nodeAt(t, hub, { qos: 0, state: true })
    const { code, output } = await ranLine(words, { environment })
    t.equal(code, 6)
    t.match(output.join(), /: sent, already so by its last report, after \d+ ms$/)
    again.stream.destroy()
  },
)

t.test('F37: a quantity is confirmed with its unit and without', async (t) => {
  const hub = await startedHub(t, { users: everybody })
  const dimmer = `${base}/dimmer/-`
  const node = await nodeAt(t, hub, { qos: 0, state: true })
  const body = { device: dimmer, payload: { level: 50 }, timeoutSeconds: 60 }
  const asked = ask(hub.httpPort, ['POST', '/api/command'], { body, headers })
  await toldOn(node, `${dimmer}/set`)
  node.send(publishPacket(dimmer, { payload: '{"level":[50,"%"]}' }))
  t.match(await asked, { status: 200, body: { receipt: 'confirmed' } })
})
