/** The conventions of hardware that the hub understands, one line each: to add one, see docs/architecture.md. */
import type { DeepReadonly } from './core/json.ts'
import type { Config } from './generated/config.ts'
import type { Profile } from './nodes/profiles/profile.ts'
import { esphome } from './profiles/esphome.ts'
import { hardwario } from './profiles/hardwario.ts'
import { homeAssistant, homeAssistantBeside } from './profiles/home-assistant/home-assistant.ts'
import { homie } from './profiles/homie.ts'
import { rtl433 } from './profiles/rtl433.ts'
import { shelly } from './profiles/shelly/shelly.ts'
import { shellyGen1 } from './profiles/shelly-gen1.ts'
import { tasmota } from './profiles/tasmota/tasmota.ts'
import { wled } from './profiles/wled.ts'
import { zigbee2mqtt } from './profiles/zigbee2mqtt/zigbee2mqtt.ts'

/** Those that the configuration does not turn off. */
export function hardwareProfiles({
  profiles,
  bus,
}: Pick<DeepReadonly<Config>, 'profiles' | 'bus'>): Profile[] {
  const all = [
    tasmota,
    shelly,
    shellyGen1,
    zigbee2mqtt,
    homie,
    wled,
    rtl433,
    esphome,
    hardwario,
    bus === undefined ? homeAssistant : homeAssistantBeside,
  ]
  const off: readonly string[] = profiles.off
  return all.filter(({ name }) => !off.includes(name))
}
