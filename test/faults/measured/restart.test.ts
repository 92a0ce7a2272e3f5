import t from 'tap'
import {
  connectPacket,
  isPublish,
  number,
  packet,
  publishPacket,
  type RawMqtt,
  rawMqttTo,
  readPublish,
  resumed,
  settled,
  signedIn,
  subscribePacket,
} from '../../raw-mqtt.ts'
import { testFolder } from '../../test-folder.ts'
import { crashingHub } from '../crashing-hub.ts'

const relays = 8
/** The hub may take so long until it is there again, and its clients with it; on a busy machine, as three starts of an empty one. */
const backMs = 5000

/** Says CONNECT once more, and finds its session. */
async function again(raw: RawMqtt, clientId: string): Promise<RawMqtt> {
  raw.send(connectPacket({ clientId, clean: false }))
  const answer = await raw.next()
  if (answer !== resumed) throw new Error(`expected a session that goes on, got ${answer}`)
  return raw
}

t.test('F4: after an orderly end the clients are back, and no command comes twice', async (t) => {
  t.setTimeout(60_000)
  const hub = crashingHub(t, testFolder(t))
  const before = await hub.start()
  const node = await rawMqttTo(t, before.mqttPort)
  await signedIn(node, { clientId: 'node', clean: false })
  node.send(subscribePacket(['nodes/bridge/0/relay/+/set'], 1))
  await node.next()
  const operator = await rawMqttTo(t, before.mqttPort)
  await signedIn(operator, { clientId: 'operator', clean: false })
  const payload = '{"state":true}'
  const send = (raw: RawMqtt, id: number) =>
    raw.send(publishPacket(`nodes/bridge/0/relay/r${id}/set`, { payload, qos: 1, id }))
  for (let id = 1; id <= relays; id++) send(operator, id)
  // The node obeys each, and says so.
  for (let count = 1; count <= relays; count++) {
    const { topic, id = 0 } = readPublish(await node.next(isPublish))
    const report = publishPacket(topic.replace(/\/set$/, ''), { payload, qos: 1, id: count })
    node.send(packet(0x40, number(id)), report)
    await node.next((answer) => answer.startsWith('40'))
  }
  t.equal(await hub.end('SIGTERM'), 0)
  await Promise.all([node.ended, operator.ended])

  const startedAtMs = performance.now()
  const after = await hub.start()
  const nodeAgain = await again(await rawMqttTo(t, after.mqttPort), 'node')
  const operatorAgain = await again(await rawMqttTo(t, after.mqttPort), 'operator')
  t.ok(performance.now() - startedAtMs < Math.max(backMs, 3 * before.startMs), 'in time')
  const isAcknowledged = (id: number) => operator.packets.includes(`4002000${id}`)
  const unsure = Array.from({ length: relays }, (_, at) => at + 1).filter(
    (id) => !isAcknowledged(id),
  )
  t.same(unsure, [], 'what was obeyed was acknowledged before the end')
  await settled(operatorAgain)
  await settled(nodeAgain)
  t.same(nodeAgain.packets.filter(isPublish), [])
})
