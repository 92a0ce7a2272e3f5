import { readFileSync } from 'node:fs'
import t from 'tap'
import { connectPacket, field, packet, rawMqttTo } from '../raw-mqtt.ts'
import { mqttTo, startedHub } from '../started-hub.ts'
import { connected } from './connected.ts'

/** What the source of a node names, in either language. */
function namesIn(file: string) {
  const source = readFileSync(new URL(`../../examples/${file}`, import.meta.url), 'utf8')
  const find = (pattern: RegExp) => {
    const found = pattern.exec(source)?.[1]
    if (found === undefined) throw new Error(`expected ${pattern} in ${file}`)
    return found.replaceAll('\\"', '"')
  }
  return {
    relay: find(/relay *= *b?"(.+)"/i),
    command: find(/command *= *b?"(.+)"/i),
    status: find(/status *= *b?"(.+)"/i),
    will: find(/["'](\{[^}]*online[^}]*false\})["']/),
    online: find(/["'](\{[^}]*online[^}]*true\})["']/),
    keepAliveSeconds: Number(find(/keep_?alive(?:\(|=)(\d+)/i)),
  }
}

/** PubSubClient 2.8 and umqtt.simple write these packets alike: MQTT 3.1.1, a clean session, QoS 0 for what they publish. */
for (const file of ['relay-node.ino', 'relay_node.py']) {
  t.test(`${file}: the relay is switched and confirmed, and missed when it is gone`, async (t) => {
    const { relay, command, status, will, online, keepAliveSeconds } = namesIn(file)
    const users = {
      clown: { password: 'bigclown', role: 'admin' },
      shed: { password: 'its password', role: 'node', base: 'nodes/shed/0' },
    } as const
    const hub = await startedHub(t, { users })
    const watcher = await mqttTo(t, hub, { filter: status })
    const node = await rawMqttTo(t, hub.mqttPort)
    node.send(
      connectPacket({
        ...{ clientId: 'shed', user: 'shed', password: 'its password', keepAliveSeconds },
        will: { topic: status, payload: will, qos: 1, retain: true },
      }),
    )
    t.equal(await node.next(), '20020000', 'CONNACK')
    node.send(packet(0x82, Buffer.from([0, 2]), field(command), Buffer.from([1])))
    t.equal(await node.next(), '9003000201', 'SUBACK')
    const report = (state: boolean) =>
      node.send(packet(0x30, field(relay), Buffer.from(JSON.stringify({ state }))))
    node.send(packet(0x31, field(status), Buffer.from(online)))
    report(false)
    t.equal(String((await watcher.on(status)).payload), online)

    const { client, is } = connected(t, hub, {
      path: '/talk/nodes/shed/0',
      user: 'clown',
      password: 'bigclown',
    })
    await is('open')
    const confirmed = client.command('relay/lamp', { state: true })
    // A command comes at QoS 1, and is acknowledged behind the callback, which reports.
    const asked = Buffer.from(await node.next((hex) => hex.startsWith('32')), 'hex')
    const topicBytes = asked.readUInt16BE(2)
    t.equal(asked.toString('utf8', 4, 4 + topicBytes), command)
    t.match(asked.toString('utf8', 6 + topicBytes), 'true')
    report(true)
    node.send(packet(0x40, asked.subarray(4 + topicBytes, 6 + topicBytes)))
    t.match(await confirmed, { receipt: 'confirmed' })

    node.stream.destroy()
    t.equal(String((await watcher.on(status)).payload), will)
    await t.rejects(client.command('relay/lamp', { state: false }), { name: 'NodeOfflineError' })
  })
}
