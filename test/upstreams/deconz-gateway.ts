import type { Test } from 'tap'
import { type FarSide, startedFarSide } from './far-side.ts'

export const mac = '00:0d:6f:00:10:65:8a:6e'

/** A gateway as its documentation has it, of which every kind of thing is a part. */
export const house = () => ({
  config: {},
  lights: {
    1: light('1', 'Configuration tool', {}),
    2: light('2', 'Extended color light', {
      ...{ on: true, bri: 127, ct: 370, xy: [0.7, 0.3], effect: 'none', reachable: true },
    }),
    3: light('3', 'Smart plug', { on: false, reachable: false }),
    4: light('4', 'Window covering device', { open: true, lift: 30, tilt: 10 }),
    5: light('5', 'Fan', { on: true, speed: 3 }),
    6: light('6', 'Door Lock', { on: true }),
    7: { ...light('7', 'On/Off light', { on: null }), manufacturername: 'Clown.Hub upstreams' },
    8: 'rubbish',
    9: light('9', 'Door Lock', {}),
  },
  groups: {
    1: { name: 'Attic', state: { any_on: false }, action: { bri: 254 }, scenes: [] },
    2: { name: 'Hall', state: {}, scenes: [{ id: '4', name: 'Dusk' }, { id: '5' }] },
  },
  sensors: {
    1: sensor('01-0402', 'ZHATemperature', { temperature: 2150 }, { battery: 93, reachable: true }),
    2: sensor('01-1000', 'ZHASwitch', { buttonevent: 1002, lastupdated: 'a' }),
    3: sensor('01-0201', 'ZHAThermostat', { temperature: 1900, on: true }, heating),
    4: sensor('01-0406', 'ZHAPresence', { presence: true, dark: null }),
    5: sensor('01-0101', 'ZHADoorLock', { lockstate: 'not fully locked' }),
    6: { type: 'CLIPGenericFlag', name: 'Flag', state: { flag: true } },
    7: { type: 'Daylight', name: 'Sun', uniqueid: 'sun', state: { daylight: false } },
    8: sensor('01-0702', 'ZHAConsumption', { consumption: 1234, power: 10, current: 50 }),
    9: sensor('01-0400', 'ZHALightLevel', { lightlevel: 20_001 }),
    10: sensor('02-0500', 'ZHAOpenClose', { open: null, lowbattery: true }),
    11: sensor('03-0101', 'ZHADoorLock', {}),
  },
})

const heating = { heatsetpoint: 2100, mode: 'heat' }

export function light(end: string, type: string, state: object) {
  return { type, name: type, uniqueid: `${mac}-0${end}`, state, modelid: 'M', swversion: '1.2' }
}

function sensor(end: string, type: string, ...[state, config = {}]: object[]) {
  return { type, name: type, uniqueid: `${mac}-${end}`, state, config, manufacturername: 'N' }
}

interface Gateway extends FarSide {
  /** What it is put, and answers. */
  readonly puts: [url: string, body: unknown][]
  answers: [status: number, body: unknown][]
  all: unknown
  config: unknown
  event(event: object): void
}

export async function startedGateway(t: Test): Promise<Gateway> {
  const puts: Gateway['puts'] = []
  const far = await startedFarSide(t, {
    requested: async (request, response) => {
      const chunks = await request.toArray()
      const { url = '', method } = request
      const isPut = method === 'PUT'
      if (isPut) puts.push([url, JSON.parse(Buffer.concat(chunks).toString())])
      const read = url.endsWith('/config') ? gateway.config : gateway.all
      const [status, body] = (isPut ? gateway.answers.shift() : undefined) ?? [200, read]
      if (status === 0) return
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
    },
  })
  const gateway: Gateway = {
    ...far,
    ...{ puts, answers: [], all: house(), config: { websocketport: far.port } },
    event: (event) => far.sockets.at(-1)?.send(JSON.stringify({ t: 'event', ...event })),
  }
  return gateway
}
