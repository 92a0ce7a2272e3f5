/** WLED: `<topic>/g` is its brightness, `<topic>/c` its colour, and it is told on the topic itself. Facts: wled/WLED (mqtt.cpp). */
import type { Ask, Outgoing, Profile, ProfileHub, Report } from '../nodes/profiles/profile.ts'

export const wled: Profile = {
  name: 'wled',
  open: (hub) => {
    const lights = new Set<string>()
    // Any topic can be given to a light; those below wled/ are found by themselves.
    const hear = (ending: string, read: (text: string) => Report | undefined) => {
      hub.claim('all', `wled/+/${ending}`, ({ topic, payload }) => {
        const light = topic.slice(0, -ending.length - 1)
        const report = read(payload.bytes.toString())
        if (report === undefined) return
        declare(hub, lights, light)
        hub.report(light, report)
      })
    }
    hear('g', brightnessIn)
    hear('c', colorIn)
    hub.claim('all', 'wled/+/status', ({ topic, payload }) => {
      const word = payload.bytes.toString()
      if (word !== 'online' && word !== 'offline') return
      const light = topic.slice(0, -'/status'.length)
      declare(hub, lights, light)
      hub.available(light, word === 'online')
    })
    for (const ending of ['v', 'col', 'api']) hub.claim('all', `wled/+/${ending}`, () => {})
    hub.claim('all', 'wled/+', ({ topic, payload, isPast }) => {
      const asked = askedIn(payload.bytes.toString())
      if (!isPast && asked !== undefined) hub.observe(topic, asked)
    })
  },
}

/** Of 255. */
const most = 255

function brightnessIn(text: string): Report | undefined {
  const value = numberIn(text)
  return value === undefined
    ? undefined
    : { state: value > 0, ...(value > 0 && { brightness: Math.round((value / most) * 100) }) }
}

function numberIn(text: string): number | undefined {
  return /^\d{1,3}$/.test(text) && Number(text) <= most ? Number(text) : undefined
}

/** `#RRGGBB`, or `#WWRRGGBB` with white before it. */
function colorIn(text: string): Report | undefined {
  return /^#(?:[0-9A-F]{2})?[0-9A-F]{6}$/i.test(text)
    ? { color: text.slice(-6).toUpperCase() }
    : undefined
}

function askedIn(text: string): Ask | undefined {
  const word = text.toUpperCase()
  if (word === 'ON' || word === 'OFF') return { state: word === 'ON' }
  return brightnessIn(text)
}

function declare(hub: ProfileHub, lights: Set<string>, light: string): void {
  if (lights.has(light)) return
  const node = light.slice('wled/'.length)
  hub.device(light, {
    ...{ node, kind: 'light', name: `WLED ${node}`, model: 'WLED' },
    askKeys: ['state', 'brightness', 'color'],
    ask: (asked) => outgoing(light, asked),
    // Its brightness has 255 steps.
    tolerance: { brightness: 1 },
  })
  lights.add(light)
}

function outgoing(light: string, asked: Ask): Outgoing[] {
  const { state, brightness, color } = asked
  const all: Outgoing[] = []
  if (typeof color === 'string') all.push({ topic: `${light}/col`, payload: `#${color}` })
  if (typeof brightness === 'number' && state !== false) {
    all.push({ topic: light, payload: String(Math.round((brightness / 100) * most)) })
  } else if (typeof state === 'boolean') all.push({ topic: light, payload: state ? 'ON' : 'OFF' })
  return all
}
