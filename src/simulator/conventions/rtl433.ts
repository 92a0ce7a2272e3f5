/**
 * rtl_433 with `-F mqtt`: what a receiver hears of transmitters, `rtl_433/<name>/devices/<model>/<id>/<field>`; nothing can be
 * told it. Facts: merbanan/rtl_433 (docs/OPERATION, output_mqtt.c).
 */
import { type Convention, kept, notUnderstood, type Utterance } from '../convention.ts'
import { meter, type NodePart, quantities } from '../parts.ts'

export const simulatedRtl433: Convention = {
  name: { usual: 'receiver', isOneLevel: true },
  canRefuse: false,
  // Each by its model and what tells it from others of that.
  parts: () => [
    meter('Acurite-Tower/A/11524', {
      temperature: quantities.outdoors,
      humidity: quantities.humidity,
    }),
  ],
  open: ({ name }) => {
    const base = `rtl_433/${name}`
    return {
      filters: [],
      will: kept(`${base}/availability`, 'offline'),
      greet: () => [kept(`${base}/availability`, 'online')],
      report: (part) => reportOf(base, part),
      lastingIdOf: (part) => part.name,
      hear: notUnderstood,
    }
  },
}

/** The names of fields, with their units. */
const fields: Readonly<Record<string, string>> = {
  temperature: 'temperature_C',
  pressure: 'pressure_hPa',
  illuminance: 'light_lux',
}

function reportOf(base: string, { name, values }: NodePart): Utterance[] {
  const all = { ...values, battery_ok: 1 }
  const says = Object.entries(all).map(([key, value]) => {
    return { topic: `${base}/devices/${name}/${fields[key] ?? key}`, payload: String(value) }
  })
  const [model, ...rest] = name.split('/')
  const event = { time: new Date().toISOString(), model, id: rest.at(-1), ...all }
  return [...says, { topic: `${base}/events`, payload: JSON.stringify(event) }]
}
