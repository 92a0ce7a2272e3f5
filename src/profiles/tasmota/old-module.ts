/**
 * A module that is older than Tasmota's own discovery (9.2), or has it turned off: known by its LWT alone, it is asked what it is by
 * `STATUS 0`, which every version answers. Only the usual topics are found: `%prefix%/%topic%/`, and the two turned round.
 */
import { isRecord } from '../../core/json.ts'
import type { HeardMessage, ProfileHub } from '../../nodes/profiles/profile.ts'
import { type Module, moduleOf, outputs } from './module.ts'

type Said = Readonly<Record<string, unknown>>

/** What becomes of modules that are found so. */
interface Finder {
  /** Whether it is known already whose topic this is. */
  isKnown(telemetry: string): boolean
  found(module: Module): void
}

/** What announces a module comes within this. */
const waitsMs = 1000

/** Its answers come within this, or never. */
const answersWithinMs = 10_000

const usualTopics = ['%prefix%/%topic%/', '%topic%/%prefix%/']

/** Listens for modules that say no more than that they are there. */
export function findOldModules(hub: ProfileHub, finder: Finder): void {
  for (const fullTopic of usualTopics) {
    const pattern = `${filled(fullTopic, 'tele', '+')}LWT`
    hub.listen(pattern, ({ topic, payload }) => {
      const telemetry = topic.slice(0, -'LWT'.length)
      if (payload.bytes.toString() !== 'Online' || finder.isKnown(telemetry)) return
      const [first = '', second = ''] = topic.split('/')
      const name = fullTopic.startsWith('%prefix%') ? second : first
      // A config of its own may be on its way.
      hub.clock.after(waitsMs, () => {
        if (!finder.isKnown(telemetry)) ask(hub, finder, { name, fullTopic, telemetry })
      })
    })
  }
}

function filled(fullTopic: string, prefix: string, name: string): string {
  return fullTopic.replace('%prefix%', prefix).replace('%topic%', () => name)
}

interface Stranger {
  readonly name: string
  readonly fullTopic: string
  readonly telemetry: string
}

/**
 * Asks it what it is, and tells of it when it has answered; never by a timer alone: whoever says what a device is is known by what
 * they say.
 */
function ask(hub: ProfileHub, finder: Finder, { name, fullTopic, telemetry }: Stranger): void {
  const { clock } = hub
  const askedAtMs = clock.nowMs()
  let said: Said = {}
  const hear = ({ payload: { value } }: HeardMessage) => {
    if (!isRecord(value)) return
    said = { ...said, ...value, ...partsIn(value) }
    // Its state is the last of its answers. One that answers nothing is known by what it tells later.
    const hasAnswered = said['Mac'] !== undefined && said['StatusSTS'] !== undefined
    if (!hasAnswered && clock.nowMs() - askedAtMs < answersWithinMs) return
    const config = configIn(said, { name, fullTopic })
    const module = config && moduleOf(String(config['mac']), config)
    if (module === undefined) return
    hub.release(telemetry)
    if (!finder.isKnown(telemetry)) finder.found(module)
  }
  hub.claim(telemetry, `${telemetry}+`, hear)
  hub.claim(telemetry, `${filled(fullTopic, 'stat', name)}+`, hear)
  hub.send({ topic: `${filled(fullTopic, 'cmnd', name)}STATUS`, payload: '0', qos: 0 })
}

/** What stands one level deeper in the answers to `STATUS 0`. */
function partsIn(value: Said): Said {
  const { Status, StatusFWR, StatusNET, StatusSTS, StatusSNS } = value
  const parts = [Status, StatusFWR, StatusNET, StatusSTS, StatusSNS].filter(isRecord)
  // The number of `Status` counts all relays in its bits.
  const { Power: _bits, ...all }: Record<string, unknown> = Object.assign({}, ...parts)
  return all
}

/** What its config would say; undefined of what has told nothing that it has. */
function configIn(said: Said, { name, fullTopic }: Omit<Stranger, 'telemetry'>): Said | undefined {
  const powers = Object.keys(said).filter((key) => /^POWER\d*$/.test(key))
  const shutters = Object.keys(said).filter((key) => /^Shutter\d+$/.test(key))
  // Whoever tells a state or what it measures tells the time of it.
  const isTold = said['Time'] !== undefined || said['StatusSTS'] !== undefined
  if (powers.length === 0 && !isTold) return undefined
  const light = lightIn(said)
  const { Mac: address, FriendlyName: names, DeviceName: own, Version: version } = said
  const rl = powers.map((_power, at) => {
    if (at < shutters.length * 2) return outputs.shutter
    return light > 0 && at === powers.length - 1 ? outputs.light : outputs.relay
  })
  return {
    // Its address where it tells it: then a new name makes no new device of it.
    mac: typeof address === 'string' ? address.replaceAll(':', '').toUpperCase() : name,
    ...{ ft: fullTopic, t: name, tp: ['cmnd', 'stat', 'tele'], dn: own ?? name, fn: names },
    ...{ sw: version, rl, lt_st: light, ver: 1 },
  }
}

/** As `lt_st` of a config says it. */
function lightIn({ Dimmer: dimmer, CT: white, Color: color }: Said): number {
  const channels = typeof color === 'string' ? color.length / 2 : 0
  if (channels >= 3) return channels
  if (white !== undefined) return 2
  return dimmer === undefined ? 0 : 1
}
