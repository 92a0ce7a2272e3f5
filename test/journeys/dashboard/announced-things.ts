import type { Test } from 'tap'
import { type HubPorts, mqttTo } from '../../started-hub.ts'

const unit = 'unit_of_measurement'

/** What each says of itself to Home Assistant, and what it reports at first. */
const things: Readonly<Record<string, { config: object; states: Record<string, string> }>> = {
  light: {
    config: {
      schema: 'json',
      state_topic: 'it/light',
      command_topic: 'it/light/set',
      brightness: true,
      supported_color_modes: ['rgb', 'color_temp'],
    },
    states: {
      'it/light':
        '{"state":"ON","brightness":128,"color_mode":"rgb","color":{"r":255,"g":0,"b":0},"color_temp":300}',
    },
  },
  cover: {
    config: {
      state_topic: 'it/cover',
      command_topic: 'it/cover/set',
      position_topic: 'it/cover/position',
      set_position_topic: 'it/cover/position/set',
    },
    states: { 'it/cover': 'open', 'it/cover/position': '70' },
  },
  climate: {
    config: {
      temperature_state_topic: 'it/climate/target',
      temperature_command_topic: 'it/climate/target/set',
      current_temperature_topic: 'it/climate/current',
      mode_state_topic: 'it/climate/mode',
      mode_command_topic: 'it/climate/mode/set',
      modes: ['off', 'heat', 'auto'],
      temp_step: 0.5,
    },
    states: { 'it/climate/target': '21', 'it/climate/current': '19.5', 'it/climate/mode': 'heat' },
  },
  lock: {
    config: { state_topic: 'it/lock', command_topic: 'it/lock/set' },
    states: { 'it/lock': 'LOCKED' },
  },
  fan: {
    config: {
      state_topic: 'it/fan',
      command_topic: 'it/fan/set',
      percentage_state_topic: 'it/fan/speed',
      percentage_command_topic: 'it/fan/speed/set',
    },
    states: { 'it/fan': 'ON', 'it/fan/speed': '40' },
  },
  number: {
    config: { state_topic: 'it/number', command_topic: 'it/number/set', [unit]: 's' },
    states: { 'it/number': '5' },
  },
  select: {
    config: {
      state_topic: 'it/select',
      command_topic: 'it/select/set',
      options: ['eco', 'comfort'],
    },
    states: { 'it/select': 'eco' },
  },
  text: {
    config: { state_topic: 'it/text', command_topic: 'it/text/set' },
    states: { 'it/text': 'hello' },
  },
  button: { config: { command_topic: 'it/button/set' }, states: {} },
}

/** The topic of the device that the hub makes of each. */
export function topicOf(kind: string): string {
  return `devices/home-assistant/it/${kind}/${kind}`
}

/**
 * One device of each kind that can be commanded, which does what it is told. Returns what they were told, a topic and a
 * payload in one line each.
 */
export async function announceThings(t: Test, hub: HubPorts): Promise<readonly string[]> {
  const told: string[] = []
  const { client } = await mqttTo(t, hub, { filter: 'it/#', clientId: 'it' })
  client.on('message', (topic, payload) => {
    if (!topic.endsWith('/set')) return
    told.push(`${topic} ${payload}`)
    answer(topic.slice(0, -'/set'.length), String(payload))
  })
  let light = JSON.parse(things['light']?.states['it/light'] ?? '{}')
  const answer = (topic: string, payload: string) => {
    if (topic === 'it/light') {
      light = { ...light, ...JSON.parse(payload) }
      client.publish(topic, JSON.stringify(light))
    } else client.publish(topic, answers[payload] ?? payload)
  }
  for (const [kind, { config, states }] of Object.entries(things)) {
    const said = { ...config, unique_id: kind, name: kind, device: { identifiers: ['it'] } }
    const topic = `homeassistant/${kind}/it/${kind}/config`
    await client.publishAsync(topic, JSON.stringify(said), { qos: 1, retain: true })
    for (const [place, state] of Object.entries(states)) {
      await client.publishAsync(place, state, { qos: 1, retain: true })
    }
  }
  return told
}

/** What a device reports when it has done what it was told in a word. */
const answers: Readonly<Record<string, string>> = {
  OPEN: 'open',
  CLOSE: 'closed',
  STOP: 'stopped',
  LOCK: 'LOCKED',
  UNLOCK: 'UNLOCKED',
}
