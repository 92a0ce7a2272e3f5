/** What the lab has beside its own node: a device of each convention, or a house of five rooms. */
import { identityOf } from './convention.ts'
import { type ConventionName, conventions, isConventionName } from './conventions.ts'
import {
  blind,
  counter,
  detector,
  heating,
  lamp,
  meter,
  type NodePart,
  quantities,
  relay,
  ventilator,
} from './parts.ts'

/** A device, or a gateway with devices. */
interface HouseNode {
  readonly convention: ConventionName
  readonly name: string
  /** Of each part the room; none of what stands outdoors. */
  readonly parts: ReadonlyMap<NodePart, string | undefined>
}

/** One of each convention but the hub's own, which nobody has put anywhere. */
export function oneOfEach(): HouseNode[] {
  return Object.keys(conventions)
    .filter(isConventionName)
    .filter((convention) => convention !== 'clown-model')
    .map((convention) => {
      const { name, parts } = conventions[convention]
      return { convention, name: name.usual, parts: inRoom(undefined, ...parts()) }
    })
}

function inRoom(
  room: string | undefined,
  ...parts: readonly NodePart[]
): ReadonlyMap<NodePart, string | undefined> {
  return new Map(parts.map((part) => [part, room]))
}

const { temperature, humidity, outdoors, co2, illuminance, battery } = quantities

/** A house in which somebody lives. */
export function fiveRooms(): HouseNode[] {
  const [living, kitchen, bedroom, bathroom, hall] = rooms
  return [
    {
      convention: 'zigbee2mqtt',
      name: 'zigbee2mqtt',
      parts: new Map([
        ...inRoom(
          living,
          lamp('Floor lamp', ['brightness', 'mired', 'color']),
          heating('Radiator'),
        ),
        ...inRoom(
          bedroom,
          lamp('Bedside lamp', ['brightness', 'mired']),
          heating('Bedroom radiator'),
        ),
        ...inRoom(bathroom, meter('Bathroom climate', { temperature, humidity, battery })),
        ...inRoom(hall, detector('Hall motion', 'motion'), detector('Front door', 'contact')),
      ]),
    },
    { convention: 'tasmota', name: 'tasmota_tv', parts: inRoom(living, relay('Television', 90)) },
    {
      convention: 'shelly',
      name: 'shellyplus2pm-living',
      parts: inRoom(living, blind('Blind', 100)),
    },
    {
      convention: 'tasmota',
      name: 'tasmota_kettle',
      parts: inRoom(kitchen, relay('Kettle', 2000)),
    },
    {
      convention: 'wled',
      name: 'wled/kitchen',
      parts: inRoom(kitchen, lamp('Worktop', ['brightness', 'color'])),
    },
    {
      convention: 'esphome',
      name: 'esp-kitchen',
      parts: inRoom(kitchen, ventilator('Hood'), meter('Air', { temperature, humidity, co2 })),
    },
    {
      convention: 'shelly',
      name: 'shellyplus2pm-bedroom',
      parts: inRoom(bedroom, blind('Bedroom blind', 100)),
    },
    {
      convention: 'hardwario',
      name: 'bedroom:0',
      parts: inRoom(
        bedroom,
        meter('0:0', { temperature, humidity, co2, illuminance }),
        counter('-'),
      ),
    },
    {
      convention: 'home-assistant',
      name: 'bathroom-mirror',
      parts: inRoom(bathroom, lamp('Mirror light', ['brightness'])),
    },
    { convention: 'homie', name: 'towel-rail', parts: inRoom(bathroom, relay('Towel rail', 300)) },
    {
      convention: 'shelly-gen1',
      name: 'shellydimmer2-0A1B2C',
      parts: inRoom(hall, lamp('Hall light', ['brightness'])),
    },
    {
      convention: 'rtl_433',
      name: 'receiver',
      parts: inRoom(undefined, meter('Acurite-Tower/A/11524', { temperature: outdoors, humidity })),
    },
  ]
}

const rooms = ['Living room', 'Kitchen', 'Bedroom', 'Bathroom', 'Hall'] as const

/** The room of each thing by what it is known by, such as its address: what people call a device they tell the hub. */
export function roomsOf(nodes: readonly HouseNode[]): ReadonlyMap<string, string> {
  return new Map(
    nodes.flatMap(({ convention, name, parts }) => {
      const { lastingIdOf } = conventions[convention].open(identityOf(name), [...parts.keys()])
      return [...parts].flatMap(([part, room]): [string, string][] => {
        return room === undefined ? [] : [[`${convention} ${lastingIdOf(part)}`, room]]
      })
    }),
  )
}
