import fc from 'fast-check'
import t from 'tap'
import { switchesActuator } from '../../src/core/switching.ts'

t.test('what switches an actuator is known by its topic, and an unknown set counts', async (t) => {
  for (const topic of [
    'nodes/bridge/0/relay/0/set',
    'zigbee2mqtt/lamp/set',
    'zigbee2mqtt/lamp/set/state',
    'zigbee2mqtt/plug/set/state_left',
    'some/thing/nobody/knows/set',
    'cmnd/tasmota/POWER',
    'cmnd/tasmota/Power2',
    'kitchen/cmnd/POWER1',
    'shellies/shelly1-01/relay/0/command',
    'shellies/shelly25-01/roller/0/command',
    'shellyplus1-01/command/switch:0',
  ]) {
    t.ok(switchesActuator(topic), topic)
  }
})

t.test('settings and questions do not', async (t) => {
  for (const topic of [
    'cmnd/tasmota/DeepSleepTime',
    'cmnd/tasmota/TelePeriod',
    'cmnd/tasmota/PowerOnState',
    'cmnd/tasmota/PowerDelta1',
    'nodes/meter/7/thermometer/0/config/set',
    'config/set',
    'nodes/meter/7/thermometer/0/get',
    'esphome/garden/ota_mode',
    'homeassistant/switch/plug/config',
    'stat/tasmota/POWER',
    'zigbee2mqtt/lamp/set/transition',
    'bedset',
  ]) {
    t.notOk(switchesActuator(topic), topic)
  }
})

/** The same, told by what programs write in their manuals. */
const manuals: readonly RegExp[] = [
  /^(?!(.*\/)?config\/set$).*\/set$/s,
  /^(.*\/)?cmnd\/(.*\/)?power[0-9]*$/is,
  /^.*\/(relay|roller)\/[0-9]+\/command$/s,
  /^.*\/command\/(switch|cover|light):[0-9]+$/s,
  /^.*\/set\/state(_[^/]+)?$/s,
]

t.test('what its last levels say is what the manuals say', async (t) => {
  const names = 'set config state state_left state_ cmnd CMND power POWER1 Power power1x'
  const more = 'command relay roller 0 12 1x switch:0 cover:12 light: light:1 xset a \u2028'
  const level = fc.constantFrom('', ...`${names} ${more}`.split(' '))
  const topics = fc.array(level, { minLength: 1, maxLength: 6 }).map((levels) => levels.join('/'))
  const isSame = (topic: string) =>
    switchesActuator(topic) === manuals.some((pattern) => pattern.test(topic))
  t.doesNotThrow(() => fc.assert(fc.property(topics, isSame), { numRuns: 20_000 }))
})
