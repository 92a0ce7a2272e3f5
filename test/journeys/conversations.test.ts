import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { type DeviceKind, inTermsOf, lastingPart } from '../../src/nodes/profiles/kinds.ts'
import type { Profile, Report } from '../../src/nodes/profiles/profile.ts'
import { esphome } from '../../src/profiles/esphome.ts'
import { hardwario } from '../../src/profiles/hardwario.ts'
import { homeAssistant } from '../../src/profiles/home-assistant/home-assistant.ts'
import { homie } from '../../src/profiles/homie.ts'
import { rtl433 } from '../../src/profiles/rtl433.ts'
import { shelly } from '../../src/profiles/shelly/shelly.ts'
import { shellyGen1 } from '../../src/profiles/shelly-gen1.ts'
import { tasmota } from '../../src/profiles/tasmota/tasmota.ts'
import { wled } from '../../src/profiles/wled.ts'
import { zigbee2mqtt } from '../../src/profiles/zigbee2mqtt/zigbee2mqtt.ts'
import { type Conversation, conversationsOf } from '../profiles/contract.ts'
import { playTo } from '../profiles/play.ts'
import { mqttTo, startedHub } from '../started-hub.ts'

/** Each convention, and the file of its conversations. */
const conventions: readonly (readonly [file: string, profile: Profile])[] = [
  ['hardwario', hardwario],
  ['tasmota', tasmota],
  ['shelly-gen2', shelly],
  ['shelly-gen1', shellyGen1],
  ['zigbee2mqtt', zigbee2mqtt],
  ['homie', homie],
  ['wled', wled],
  ['rtl_433', rtl433],
  ['esphome', esphome],
  ['home-assistant', homeAssistant],
  ['omg-theengs', homeAssistant],
  ['zwave-js-ui', homeAssistant],
]

/** Where each device of a conversation stands in the end, and what it says there. */
function toldBy(profile: Profile, { messages }: Conversation) {
  const playing = playTo(profile)
  for (const { topic, payload, retain } of messages) playing.hear(topic, payload, retain)
  const topics = new Map([...playing.devices].map(([id, { topic }]) => [id, topic]))
  const values = new Map(
    [...playing.devices.values()]
      .filter((device) => Object.keys(device.values).length > 0)
      .map(({ topic, facts, values }) => [
        topic,
        inTermsOf(facts.kind, lastingPart(facts.kind, values)),
      ]),
  )
  return { topics, values }
}

/** Says all of a conversation to a hub, and asks of its devices what is asked in it. */
async function hold(t: Test, profile: Profile, conversation: Conversation): Promise<void> {
  const { topics, values } = toldBy(profile, conversation)
  const hub = await startedHub(t)
  const { messages, commands = [] } = conversation
  const sent = commands.flatMap(({ sends }) => sends.map(({ topic }) => topic))
  const filter = ['devices/#', '$SYS/hub/commands/#', ...new Set(sent)]
  const watcher = await mqttTo(t, hub, { filter })
  const { client } = await mqttTo(t, hub)
  const ask = async ({ device, ask, sends }: (typeof commands)[number]) => {
    await client.publishAsync(`${topics.get(device)}/set`, JSON.stringify(ask), { qos: 1 })
    for (const { topic, payload } of sends) {
      const isIt = (said: Buffer) => isDeepStrictEqual(parsed(String(said)), parsed(payload))
      // A device that comes is asked what it is, on the same topic.
      await watcher.messages.next((each) => each.topic === topic && isIt(each.payload))
      t.pass(`${device} is asked`)
    }
  }
  const ends = async (device: string, receipt: string) => {
    const topic = `$SYS/hub/commands/${topics.get(device)}`
    const text = `"receipt":"${receipt}"`
    await watcher.messages.next((each) => each.topic === topic && `${each.payload}`.includes(text))
    t.pass(`${device} ${receipt}`)
  }
  for (const [at, { topic, payload, retain }] of messages.entries()) {
    const asked = commands.filter(({ before }) => before === at)
    for (const each of asked) await ask(each)
    // What the hub has said itself is not said again.
    if (asked.length === 0) await client.publishAsync(topic, payload, { qos: 1, retain })
    for (const { device } of commands.filter((each) => each.confirmedBy === at)) {
      await ends(device, 'confirmed')
    }
    for (const { device } of commands.filter((each) => each.deniedBy === at)) {
      await ends(device, 'refused')
    }
  }
  for (const [topic, value] of values) {
    const text = () => watcher.messages.items.findLast((each) => each.topic === topic)?.payload
    // What happened is told once, beside what holds.
    while (
      !isDeepStrictEqual(lastingPart(kindOf(topic), parsed(String(text())) as Report), value)
    ) {
      await watcher.messages.next()
    }
    t.pass(`${topic} ${JSON.stringify(value)}`)
  }
}

/** `devices/<profile>/<node>/<kind>/<part>` */
function kindOf(topic: string): DeviceKind {
  return topic.split('/').at(-2) as DeviceKind
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

for (const [file, profile] of conventions) {
  for (const conversation of conversationsOf(file)) {
    t.test(`${profile.name}: ${conversation.about}`, async (t) => hold(t, profile, conversation))
  }
}
