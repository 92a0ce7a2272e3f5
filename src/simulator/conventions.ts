/** The conventions that a simulated node speaks, by the names that the hub's profiles have. */
import type { Convention } from './convention.ts'
import { simulatedClownModel } from './conventions/clown-model.ts'
import { simulatedEsphome } from './conventions/esphome.ts'
import { simulatedHardwario } from './conventions/hardwario.ts'
import { simulatedHomeAssistant } from './conventions/home-assistant.ts'
import { simulatedHomie } from './conventions/homie.ts'
import { simulatedRtl433 } from './conventions/rtl433.ts'
import { simulatedShelly } from './conventions/shelly.ts'
import { simulatedShellyGen1 } from './conventions/shelly-gen1.ts'
import { simulatedTasmota } from './conventions/tasmota.ts'
import { simulatedWled } from './conventions/wled.ts'
import { simulatedZigbee2mqtt } from './conventions/zigbee2mqtt.ts'

export const conventions = {
  'clown-model': simulatedClownModel,
  tasmota: simulatedTasmota,
  shelly: simulatedShelly,
  'shelly-gen1': simulatedShellyGen1,
  zigbee2mqtt: simulatedZigbee2mqtt,
  homie: simulatedHomie,
  wled: simulatedWled,
  esphome: simulatedEsphome,
  hardwario: simulatedHardwario,
  rtl_433: simulatedRtl433,
  'home-assistant': simulatedHomeAssistant,
} as const satisfies Record<string, Convention>

export type ConventionName = keyof typeof conventions

export function isConventionName(text: string): text is ConventionName {
  return Object.hasOwn(conventions, text)
}
