/** The contract of a simulated convention: the hub's own profile understands it, and it has every fault. */
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { Profile } from '../../src/nodes/profiles/profile.ts'
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
import { identityOf } from '../../src/simulator/convention.ts'
import { type ConventionName, conventions } from '../../src/simulator/conventions.ts'
import {
  blind,
  counter,
  detector,
  heating,
  lamp,
  led,
  meter,
  type NodePart,
  quantities,
  relay,
  ventilator,
} from '../../src/simulator/parts.ts'
import type { NodeFaults } from '../../src/simulator/simulated-node.ts'
import { anyText } from '../any-text.ts'
import { playTo } from '../profiles/play.ts'
import { openNode } from './opened-node.ts'

/** Who reads each, and what it can have. */
const readers: Readonly<
  Partial<Record<ConventionName, { readonly profile: Profile; parts(): NodePart[] }>>
> = {
  tasmota: {
    profile: tasmota,
    parts: () => [
      relay('Plug', 60),
      lamp('Lamp', ['brightness', 'mired', 'color']),
      blind('Blind'),
      air(),
    ],
  },
  shelly: {
    profile: shelly,
    parts: () => [
      ...[relay('Plug', 60), relay('Pump'), lamp('Lamp', ['brightness']), blind('Blind')],
      ...[air(), detector('Door', 'contact')],
    ],
  },
  'shelly-gen1': {
    profile: shellyGen1,
    parts: () => [
      ...[relay('Plug', 60), relay('Pump'), lamp('Lamp', ['brightness', 'mired']), blind('Blind')],
      ...[lamp('Dimmer', ['brightness']), air(), detector('Door', 'contact')],
    ],
  },
  zigbee2mqtt: { profile: zigbee2mqtt, parts: everything },
  homie: { profile: homie, parts: everything },
  wled: { profile: wled, parts: () => [lamp('Strip', ['brightness', 'color'])] },
  esphome: {
    profile: esphome,
    parts: () => [
      ...[
        relay('Plug'),
        ventilator('Hood'),
        lamp('Lamp', ['brightness', 'color']),
        blind('Blind'),
        air(),
      ],
      ...[lamp('Spot', ['brightness']), lamp('Bulb', []), detector('Door', 'contact')],
    ],
  },
  hardwario: { profile: hardwario, parts: () => [relay('-'), led('-'), air('0:0'), counter('-')] },
  rtl_433: { profile: rtl433, parts: () => [air('Acurite-Tower/A/11524')] },
  'home-assistant': { profile: homeAssistant, parts: () => [...everything(), ventilator('Hood')] },
}

function air(name = 'Air'): NodePart {
  const { temperature, humidity, battery, co2, illuminance, pressure, voltage } = quantities
  return meter(name, { temperature, humidity, battery, co2, illuminance, pressure, voltage })
}

function everything(): NodePart[] {
  return [
    ...[relay('Plug', 60), relay('Pump'), lamp('Lamp', ['brightness', 'mired', 'color'])],
    ...[lamp('Spot', ['brightness']), lamp('Bulb', []), blind('Blind'), heating('Stove'), air()],
    ...[detector('Hall', 'motion'), detector('Door', 'contact')],
  ]
}

/** Which asks of each kind of device can be confirmed; those of Tasmota's colour cannot. */
const asks: Readonly<Record<string, readonly object[]>> = {
  relay: [{ state: true }, { state: false }],
  led: [{ state: 'on' }, { state: 'off' }],
  light: [
    { state: true },
    { brightness: 30 },
    { 'color-temp': 250 },
    { color: 'FF0000' },
    { state: false },
  ],
  cover: [{ state: 'open' }, { position: 0 }, { state: 'open' }, { state: 'close' }],
  fan: [{ state: true }, { state: false }],
  climate: [{ mode: 'off' }, { mode: 'heat' }, { setpoint: 25 }],
  number: [{ value: 30 }],
}

interface Opened {
  readonly convention: ConventionName
  readonly profile: Profile
  readonly parts?: readonly NodePart[]
  readonly base?: string
}

/** A node and the hub's profile, which tell each other all that they say. */
function open({ convention, profile, parts, base }: Opened, faults: NodeFaults = {}) {
  const around = { convention, faults, ...(parts && { parts }), ...(base && { base }) }
  const node = openNode(around)
  const played = playTo(profile)
  let heard = 0
  /** Passes on what was said since; whether that was anything. */
  const exchange = () => {
    const said = node.published.splice(0)
    for (const { topic, payload, retain } of said) played.hear(topic, payload.bytes, retain)
    const sent = played.told
      .slice(heard)
      .flatMap((each) => (each.what === 'sent' ? [each.outgoing] : []))
    heard = played.told.length
    for (const { topic, payload } of sent) node.say(topic, payload.toString())
    return said.length + sent.length > 0
  }
  const settle = () => {
    while (exchange()) {}
  }
  node.node.announce()
  settle()
  return {
    ...node,
    played,
    settle,
    devicesOf: (...kinds: string[]) => {
      return [...played.devices.values()].filter(({ facts }) => kinds.includes(facts.kind))
    },
    /** Lets the time come for all that is put off, in order. */
    wait: () => {
      for (let round = 0; round < 20; round++) {
        for (const { intervalMs, tick } of [...node.alarms]) if (intervalMs < 10_000) tick()
        settle()
      }
    },
    /** Sends what the profile makes of `asked`, and answers where what is told of it begins. */
    ask: (id: string, asked: object) => {
      const from = played.told.length
      for (const { topic, payload } of played.ask(id, asked)) node.say(topic, payload)
      settle()
      return from
    },
  }
}

type Opening = ReturnType<typeof open>

/** Every relay and light, with its two states. */
const switches = ['relay', 'led', 'light']

const all = Object.keys(conventions)
  .filter((name): name is ConventionName => Object.hasOwn(conventions, name))
  .flatMap((convention) => {
    const reader = readers[convention]
    return reader === undefined ? [] : [{ convention, ...reader }]
  })

for (const { convention, profile, parts } of all) {
  const test = (
    title: string,
    run: (t: Test, opened: (faults?: NodeFaults) => Opening) => void,
  ) => {
    t.test(`${convention}: ${title}`, async (t) => {
      run(t, (faults = {}) => open({ convention, profile, parts: parts() }, faults))
    })
  }
  const asked = ({ facts }: { readonly facts: { readonly kind: string } }) => {
    return facts.kind === 'led' ? { state: 'on' } : { state: true }
  }

  test('what is told is done and confirmed', (t, opened) => {
    const { played, devicesOf, ask, wait } = opened()
    t.not(played.devices.size, 0)
    const tried = devicesOf(...Object.keys(asks))
    for (const { id, facts, values } of tried) {
      for (const each of asks[facts.kind] ?? []) {
        const has = Object.keys(each).every(
          (key) => key in values || key.replace('-', '_') in values,
        )
        // What Homie calls a number may have another range.
        if (!has || id.endsWith('/mired') || facts.isConfirmable?.({ ...each }) === false) continue
        const from = ask(id, each)
        wait()
        t.ok(played.isConfirmed(id, each, from), `${id} ${JSON.stringify(each)}`)
      }
    }
    if (convention !== 'rtl_433') t.not(tried.length, 0)
  })

  test('what it measures is told in its units', (t, opened) => {
    const readings = opened()
      .played.shown()
      .flatMap((each) => Object.entries(each.readings))
    const isTold = (name: string, reading: unknown[]) => {
      t.ok(
        readings.some(([key, value]) => key === name && `${value}` === `${reading}`),
        name,
      )
    }
    if (!['wled', 'esphome'].includes(convention)) isTold('temperature', [21, '°C'])
    const measuresPower = !['wled', 'hardwario', 'rtl_433', 'esphome', 'tasmota'].includes(
      convention,
    )
    if (measuresPower) isTold('power', [0, 'W'])
  })

  test('it is known by what stays with it wherever it is put', (t, opened) => {
    for (const base of [conventions[convention].name.usual, 'kitchen']) {
      const own = parts()
      const { lastingIdOf } = conventions[convention].open(identityOf(base), own)
      const { played } =
        base === 'kitchen' ? open({ convention, profile, parts: own, base }) : opened()
      const nodes = [...played.devices.values()].map(({ facts }) => facts.node)
      // A strip that is called otherwise than by itself is not found.
      if (convention === 'wled' && base === 'kitchen') continue
      t.same([...new Set(nodes)].sort(), [...new Set(own.map(lastingIdOf))].sort())
    }
  })

  test('what it has in the shop is understood, too', (t) => {
    const { played } = open({ convention, profile })
    t.not(played.shown().length, 0)
    t.ok(
      played
        .shown()
        .every(({ readings, state }) => state !== null || Object.keys(readings).length > 0),
    )
  })

  test('a deaf one does nothing, and what it measures it tells', (t, opened) => {
    const { played, devicesOf, ask, alarms, settle } = opened({ isDeaf: true })
    for (const device of devicesOf(...switches)) {
      const from = ask(device.id, asked(device))
      t.notOk(played.told.slice(from).some(({ what }) => what === 'reported'))
    }
    for (const { tick } of alarms) tick()
    const from = played.told.length
    settle()
    t.equal(played.told.length > from, alarms.size > 0)
  })

  test('a lying one tells something else', (t, opened) => {
    const { played, devicesOf, ask } = opened({ isLying: true })
    for (const device of devicesOf(...switches)) {
      const from = ask(device.id, asked(device))
      const told = played.told.slice(from)
      t.ok(
        told.some(
          (each) => each.what === 'reported' && each.id === device.id && each.from === 'device',
        ),
      )
      t.notOk(played.isConfirmed(device.id, asked(device), from))
    }
  })

  test('one that flaps, says everything twice and is late and slow does it in the end', (t, opened) => {
    const faults = { isFlapping: true, isTwice: true, lateMs: 700, slowMs: 300 }
    const { played, devicesOf, ask, wait } = opened(faults)
    for (const device of devicesOf(...switches)) {
      const from = ask(device.id, asked(device))
      t.notOk(played.isConfirmed(device.id, asked(device), from), 'not at once')
      wait()
      t.ok(played.isConfirmed(device.id, asked(device), from))
    }
  })

  test('one that refuses says so where there is a word for it', (t, opened) => {
    const { played, devicesOf, ask, dropped } = opened({ isRefusing: true })
    const tried = devicesOf(...switches)
    for (const device of tried) {
      const from = ask(device.id, asked(device))
      t.equal(played.isRefused(device.id, from), conventions[convention].canRefuse)
      t.notOk(played.isConfirmed(device.id, asked(device), from))
    }
    t.equal(dropped.length, tried.length)
  })

  test('a frozen one says nothing any more', (t, opened) => {
    const { node, alarms, settle, played, devicesOf, ask } = opened({ frozenAfterMs: 500 })
    for (const { intervalMs, tick } of [...alarms]) if (intervalMs === 500) tick()
    t.equal(alarms.size, 0)
    settle()
    const from = played.told.length
    for (const device of devicesOf(...switches)) ask(device.id, asked(device))
    node.announce()
    settle()
    t.equal(played.told.length, from)
  })

  test('it is away when its will says so', (t, opened) => {
    const { played } = opened()
    const { mac, name } = { mac: '02AABBCCDDEE', name: conventions[convention].name.usual }
    const { will } = conventions[convention].open({ name, mac }, parts())
    if (will === undefined) return
    played.hear(will.topic, will.payload, true)
    t.ok(played.shown().every(({ available }) => available === false))
  })

  test('no bytes on any topic make it throw', (t, opened) => {
    const { node, say, published } = opened()
    node.announce()
    const known = published.splice(0).map(({ topic }) => topic)
    const filters = conventions[convention].open(
      { name: 'n', mac: '02AABBCCDDEE' },
      parts(),
    ).filters
    const topic = fc.oneof(
      fc.constantFrom('', 'x', ...known, ...known.map((each) => `${each}/set`), ...filters),
      anyText(),
    )
    const text = fc.oneof(
      fc.constantFrom(
        '',
        'ON',
        'TOGGLE',
        'null',
        '[]',
        '{"state":{}}',
        '{"method":"Switch.Set","params":7}',
      ),
      fc.json(),
      anyText(),
    )
    fc.assert(
      fc.property(topic, text, (topic, text) => say(topic, text)),
      { numRuns: 300 },
    )
    t.ok(published.every(({ topic }) => topic !== ''))
  })
}
