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
