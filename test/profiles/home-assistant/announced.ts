import { homeAssistant } from '../../../src/profiles/home-assistant/home-assistant.ts'
import { playTo } from '../play.ts'

/** A played profile, to which one entity has been announced; `of` is what devices say first. */
export function announced(component: string, config: Readonly<Record<string, unknown>>) {
  const playing = playTo(homeAssistant)
  const announce = (settings: Readonly<Record<string, unknown>>) => {
    playing.hear(`homeassistant/${component}/n/o/config`, JSON.stringify(settings), true)
  }
  announce({ unique_id: 'id', ...config })
  return {
    ...playing,
    announce,
    /** The only device, as conversations have it. */
    get device() {
      const [device, another] = playing.shown()
      if (device === undefined || another !== undefined) throw new Error('expected one device')
      return device
    },
    get facts() {
      const facts = playing.devices.get('id')?.facts
      if (facts === undefined) throw new Error('expected a device')
      return facts
    },
    /** What is published, as `topic payload`. */
    sent: (asked: unknown) =>
      playing.ask('id', asked).map(({ topic, payload }) => `${topic} ${payload}`),
    get reasons() {
      return playing.told.flatMap((each) => (each.what === 'left-out' ? [each.reason] : []))
    },
    get observed() {
      return playing.told.flatMap((each) => (each.what === 'observed' ? [each.asked] : []))
    },
  }
}
