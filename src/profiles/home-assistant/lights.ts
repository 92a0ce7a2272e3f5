/** Lights, which are told and asked in three ways: by topics of their own, as JSON, or by templates. */
import { hexOf, rgbIn } from '../../core/colors.ts'
import { fieldOf, isRecord, parseJson } from '../../core/json.ts'
import type { Ask, Outgoing, Report, StateValue } from '../../nodes/profiles/profile.ts'
import { hexOfHue, hexOfXy, hueInRgb, xyOf } from './colors.ts'
import {
  confirmableBy,
  type EntityPart,
  openPart,
  rangesOf,
  readingsOf,
  switchPart,
  watchedOf,
} from './parts.ts'
import { type Entity, finiteIn, type SaidText, type Settings } from './settings.ts'

export function light(settings: Settings): Entity {
  const schema = settings.word('schema', 'basic')
  if (schema === 'json') return jsonLight(settings)
  return schema === 'template' ? templateLight(settings) : basicLight(settings)
}

const names = ['state', 'brightness', 'color-temp', 'color', 'effect'] as const

function isOffAsked({ state, brightness }: Ask): boolean {
  return state === false || (brightness === 0 && state !== true)
}

// --- numbers ---

function percentOf(value: unknown, most: number): number | undefined {
  const number = typeof value === 'string' ? finiteIn(value) : value
  if (typeof number !== 'number' || !(most > 0)) return undefined
  return Math.min(100, Math.max(0, Math.round((number / most) * 100)))
}

/** Mired, whatever the device tells. */
function miredOf(value: unknown, isKelvin: boolean): number | undefined {
  const number = typeof value === 'string' ? finiteIn(value) : value
  if (typeof number !== 'number' || number <= 0) return undefined
  return isKelvin ? Math.round(1e6 / number) : number
}

function miredFor(value: unknown, isKelvin: boolean): number {
  return isKelvin ? Math.round(1e6 / Number(value)) : Number(value)
}

/** What of colour temperature a light has, in mired: by kelvin the warmest is the least. */
function miredRange(settings: Settings): NonNullable<EntityPart['range']> {
  const [coldest, warmest] = [settings.number('max_kelvin'), settings.number('min_kelvin')]
  const min = coldest === undefined ? undefined : Math.floor(1e6 / coldest)
  const max = warmest === undefined ? undefined : Math.ceil(1e6 / warmest)
  return { min: settings.number('min_mireds') ?? min, max: settings.number('max_mireds') ?? max }
}

/** What a light that speaks JSON has: all of it, where it does not say its color modes. */
function namesBy(modes: readonly string[], settings: Settings): readonly string[] {
  const hasEffects = settings.isOn('effect') || settings.has('effect_list')
  const isThere: Readonly<Record<(typeof names)[number], boolean>> = {
    state: true,
    brightness: modes.some((mode) => mode !== 'onoff'),
    'color-temp': modes.includes('color_temp'),
    color: modes.some((mode) => withColor.has(mode)),
    effect: hasEffects,
  }
  return modes.length === 0 ? names : names.filter((name) => isThere[name])
}

function effectRange(settings: Settings): NonNullable<EntityPart['range']> {
  return { options: settings.options('effect_list') }
}

// --- JSON ---

/** Modes of color that have a brightness, and those that have a color. */
const withColor: ReadonlySet<string> = new Set(['hs', 'xy', 'rgb', 'rgbw', 'rgbww'])

function colorIn(color: unknown): string | undefined {
  const [r, g, b, h, s, x, y] = ['r', 'g', 'b', 'h', 's', 'x', 'y'].map((key) => {
    const value = fieldOf(color, key)
    return typeof value === 'number' ? value : undefined
  })
  if (r !== undefined && g !== undefined && b !== undefined) return hexOf([r, g, b])
  if (h !== undefined && s !== undefined) return hexOfHue(h, s)
  return x !== undefined && y !== undefined ? hexOfXy(x, y) : undefined
}

function jsonLight(settings: Settings): Entity {
  const topic = settings.commandedOn('command_topic')
  const stateTopic = settings.heardOn('state_topic')
  const scale = settings.number('brightness_scale') ?? 255
  const isKelvin = settings.isOn('color_temp_kelvin')
  const modes = settings.words('supported_color_modes')
  const [on, off] = [settings.word('payload_on', 'ON'), settings.word('payload_off', 'OFF')]
  const read = ({ text }: SaidText): Report | undefined => {
    const told = parseJson(text)
    if (!isRecord(told)) return undefined
    const state = stateIn(fieldOf(told, 'state'), on, off)
    const color = colorIn(fieldOf(told, 'color'))
    const mode = fieldOf(told, 'color_mode')
    const isColored = typeof mode !== 'string' || withColor.has(mode)
    return present({
      state,
      brightness: percentOf(fieldOf(told, 'brightness'), scale),
      'color-temp': miredOf(fieldOf(told, 'color_temp'), isKelvin),
      color: isColored ? color : undefined,
      effect: textIn(fieldOf(told, 'effect')),
    })
  }
  const write = (asked: Ask): Record<string, unknown> => {
    if (isOffAsked(asked)) return { state: off }
    const { brightness, 'color-temp': mired, color, effect } = asked
    return {
      state: on,
      ...(typeof brightness === 'number' && { brightness: Math.round((brightness * scale) / 100) }),
      ...(mired !== undefined && { color_temp: miredFor(mired, isKelvin) }),
      ...(color !== undefined && { color: colorFor(rgbIn(color), modes) }),
      ...(effect !== undefined && { effect }),
    }
  }
  return {
    kind: 'light',
    readings: stateTopic === undefined ? [] : [{ topic: stateTopic, hear: read }],
    tolerance: toleranceOf(scale),
    isConfirmable: (asked) =>
      ![undefined, topic].includes(stateTopic) &&
      !settings.isOn('optimistic') &&
      isToldAsAsked(asked, modes),
    ...(topic !== undefined && {
      watched: [{ topic, hear: read }],
      askKeys: namesBy(modes, settings),
      ranges: { 'color-temp': miredRange(settings), effect: effectRange(settings) },
      ask: (asked: Ask) => [{ topic, payload: JSON.stringify(write(asked)), qos: settings.qos }],
    }),
  }
}

/** A color that is told in other coordinates than it was asked in comes back as another one. */
function isToldAsAsked({ color }: Ask, modes: readonly string[]): boolean {
  return color === undefined || modes.some((mode) => mode.startsWith('rgb'))
}

function toleranceOf(scale: number): Readonly<Record<string, number>> {
  return { brightness: Math.max(1, 50 / scale), 'color-temp': 5 }
}

function stateIn(value: unknown, on: string, off: string): StateValue | undefined {
  if (value === on || value === true) return true
  if (value === off || value === false) return false
  return value === null ? null : undefined
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Of the modes that a light has, the first that says a color. */
function colorFor(
  rgb: readonly [number, number, number],
  modes: readonly string[],
): Readonly<Record<string, number>> {
  const mode = modes.find((each) => withColor.has(each)) ?? 'rgb'
  if (mode === 'hs') {
    const [h, s] = hueInRgb(rgb)
    return { h, s }
  }
  if (mode === 'xy') {
    const [x, y] = xyOf(rgb)
    return { x, y }
  }
  const [r, g, b] = rgb
  return { r, g, b }
}

/** A report of what was told; undefined when that is nothing. */
function present(values: Readonly<Record<string, StateValue | undefined>>): Report | undefined {
  const entries = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

// --- by topics of their own ---

/** A part of a light that has topics and templates of its own. */
function part(
  name: EntityPart['name'],
  prefix: string,
  how: Pick<EntityPart, 'read' | 'write' | 'range'>,
): EntityPart {
  return {
    name,
    stateTopic: `${prefix}_state_topic`,
    stateTemplates: [`${prefix}_value_template`],
    commandTopic: `${prefix}_command_topic`,
    commandTemplate: `${prefix}_command_template`,
    ...how,
  }
}

function numbersIn(text: string): number[] {
  return text.split(',').map(Number)
}

function colorParts(): readonly EntityPart[] {
  const rgb = part('color', 'rgb', {
    read: (text) => hexOf(numbersIn(text)),
    write: (value) => rgbIn(value).join(','),
  })
  const hs = part('color', 'hs', {
    read: (text) => {
      const [hue = Number.NaN, saturation = Number.NaN] = numbersIn(text)
      return hexOfHue(hue, saturation)
    },
    write: (value) => hueInRgb(rgbIn(value)).join(','),
  })
  const xy = part('color', 'xy', {
    read: (text) => {
      const [x = Number.NaN, y = Number.NaN] = numbersIn(text)
      return hexOfXy(x, y)
    },
    write: (value) => xyOf(rgbIn(value)).join(','),
  })
  const named = (value: unknown) => {
    const [red, green, blue] = rgbIn(value)
    return { red, green, blue }
  }
  // Its white is another light, which a colour turns off.
  const withWhite = (prefix: string, whites: readonly number[]) =>
    part('color', prefix, {
      read: (text) => hexOf(numbersIn(text).slice(0, 3)),
      write: (value) => [...rgbIn(value), ...whites].join(','),
    })
  return [
    ...[{ ...rgb, variables: named }, hs, xy],
    ...[withWhite('rgbw', [0]), withWhite('rgbww', [0, 0])],
  ]
}

function basicLight(settings: Settings): Entity {
  const scale = settings.number('brightness_scale') ?? 255
  const isKelvin = settings.isOn('color_temp_kelvin')
  const state = switchPart(settings)
  const brightness = part('brightness', 'brightness', {
    read: (text) => percentOf(text, scale),
    write: (value) => Math.round((Number(value) * scale) / 100),
  })
  const others = [
    part('color-temp', 'color_temp', {
      read: (text) => miredOf(text, isKelvin),
      write: (value) => miredFor(value, isKelvin),
      range: miredRange(settings),
    }),
    part('effect', 'effect', { read: textIn, write: String, range: effectRange(settings) }),
    ...colorParts().filter(({ commandTopic, stateTopic }) => {
      return settings.has(commandTopic) || settings.has(stateTopic)
    }),
  ]
  const parts = [state, brightness, ...others]
  const open = parts.map((each) => openPart(settings, each))
  const known = open.filter(({ ask }) => ask !== undefined).map(({ part: { name } }) => name)
  return {
    kind: 'light',
    readings: readingsOf(settings, parts),
    watched: parts.flatMap((each) => watchedOf(settings, each)),
    isConfirmable: confirmableBy(settings, open),
    tolerance: toleranceOf(scale),
    ...(known.length > 0 && {
      askKeys: [...new Set(known)],
      ranges: rangesOf(parts),
      ask: (asked: Ask) =>
        inOrder(settings, asked, (name, value) =>
          open.find(({ part: { name: own }, ask }) => own === name && ask)?.ask?.(value),
        ),
    }),
  }
}

/** What a light is sent to be as asked: `on_command_type` says when it is turned on. */
function inOrder(
  settings: Settings,
  asked: Ask,
  send: (name: string, value: unknown) => Outgoing | undefined,
): Outgoing[] {
  const sent = (all: readonly (Outgoing | undefined)[]) => all.filter((each) => each !== undefined)
  if (isOffAsked(asked)) return sent([send('state', false) ?? send('brightness', 0)])
  const type = settings.word('on_command_type', 'last')
  const { state: _, ...style } = asked
  const styles = Object.entries(style).map(([name, value]) => send(name, value))
  const byBrightness = type === 'brightness' ? send('brightness', 100) : undefined
  if (byBrightness !== undefined) {
    return sent(Object.hasOwn(asked, 'brightness') ? styles : [...styles, byBrightness])
  }
  const on = send('state', true)
  return sent(type === 'first' ? [on, ...styles] : [...styles, on])
}

// --- by templates ---

function templateLight(settings: Settings): Entity {
  const topic = settings.commandedOn('command_topic')
  const stateTopic = settings.heardOn('state_topic')
  const isKelvin = settings.isOn('color_temp_kelvin')
  const template = (key: string) => (settings.has(key) ? settings.rendered(key) : () => undefined)
  const [state, brightness, mired, effect] = [
    template('state_template'),
    template('brightness_template'),
    template('color_temp_template'),
    template('effect_template'),
  ]
  const colors = ['red_template', 'green_template', 'blue_template'].map(template)
  const [turnOn, turnOff] = [
    settings.command('command_on_template'),
    settings.command('command_off_template'),
  ]
  const told = [
    'state',
    ...(settings.has('brightness_template') ? ['brightness'] : []),
    ...(settings.has('color_temp_template') ? ['color-temp'] : []),
    ...(settings.has('red_template') ? ['color'] : []),
    ...(settings.has('effect_template') ? ['effect'] : []),
  ]
  const read = (said: SaidText): Report | undefined =>
    present({
      state: stateIn(state(said), 'on', 'off'),
      brightness: percentOf(brightness(said), 255),
      'color-temp': miredOf(mired(said), isKelvin),
      color: hexOf(colors.map((each) => finiteIn(each(said) ?? '') ?? Number.NaN)),
      effect: textIn(effect(said)),
    })
  const variablesFor = ({
    brightness: percent,
    'color-temp': asked,
    color,
    effect: named,
  }: Ask) => {
    const [red, green, blue] = color === undefined ? [] : rgbIn(color)
    return {
      ...(percent !== undefined && { brightness: Math.round(Number(percent) * 2.55) }),
      ...(asked !== undefined && { color_temp: miredFor(asked, isKelvin) }),
      ...(color !== undefined && { red, green, blue }),
      ...(named !== undefined && { effect: named }),
    }
  }
  return {
    kind: 'light',
    readings: stateTopic === undefined ? [] : [{ topic: stateTopic, hear: read }],
    tolerance: toleranceOf(255),
    isConfirmable: (asked) =>
      ![undefined, topic].includes(stateTopic) &&
      settings.has('state_template') &&
      !settings.isOn('optimistic') &&
      Object.keys(asked).every((name) => told.includes(name)),
    ...(topic !== undefined && {
      watched: [{ topic, hear: () => undefined }],
      askKeys: names,
      ranges: { 'color-temp': miredRange(settings), effect: effectRange(settings) },
      ask: (asked: Ask) => {
        const isOff = isOffAsked(asked)
        const payload = isOff
          ? turnOff({ state: 'off' })
          : turnOn({ state: 'on', ...variablesFor(asked) })
        return [{ topic, payload, qos: settings.qos }]
      },
    }),
  }
}
