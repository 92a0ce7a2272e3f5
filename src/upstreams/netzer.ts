/**
 * A Netzer of MoBaCon, a board of 13 pins: its command interface by websocket, for which it has one place only, or by its
 * TCP command server. Facts: the vendor's wiki, as docs/netzer.md has them.
 */
import { connect } from 'node:net'
import { HubError, quote } from '../core/errors.ts'
import { commandCodec, type NetzerValues, replyCodec } from '../dialects/netzer/frames.ts'
import { pinIndexes } from '../dialects/netzer/pins.ts'
import type { DeviceKind } from '../nodes/profiles/kinds.ts'
import type { Ask, Report } from '../nodes/profiles/profile.ts'
import { FarStream } from './far-stream.ts'
import { FarWebSocket, type SocketEnding } from './far-websocket.ts'
import {
  type FarSystem,
  type LinkEvents,
  nobody,
  type UpstreamLanguage,
  type UpstreamSettings,
} from './upstream.ts'

export const netzerBoard: UpstreamLanguage = {
  open: (far) => {
    const board = new Board(far)
    return (link) => {
      const conversation = new Conversation(far, { link, board })
      return () => conversation.end()
    }
  },
}

/** So often all pins are read: a trigger may be missed, and what is measured has no edges. */
const pollMs = { measuring: 1000, plain: 10_000 }

/** So long may an answer to that take. */
const answerMs = 5000

const pinPath = 'uv'

/** Both edges of a pin are told. */
const bothEdges = '3'

/** One connection. */
class Conversation {
  readonly #far: FarSystem
  readonly #link: LinkEvents
  readonly #board: Board
  readonly #wire: Wire
  #isOpen = false
  #isConnected = false
  /** Pins that tell by themselves. */
  readonly #watched = new Set<string>()
  #stopWaiting: () => void = nobody

  constructor(
    far: FarSystem,
    { link, board }: { readonly link: LinkEvents; readonly board: Board },
  ) {
    this.#far = far
    this.#link = link
    this.#board = board
    this.#wire = wireTo(far, {
      opened: () => {
        this.#isOpen = true
        this.#poll()
      },
      said: (text) => this.#said(text),
      gone: (ending) => this.#gone(ending),
    })
    board.isAsked = false
    board.write = (path, value) => this.#wire.command(commandCodec.encode({ path, value }))
  }

  end(): void {
    this.#stopWaiting()
    this.#wire.end()
  }

  #gone(ending: SocketEnding): void {
    this.#stopWaiting()
    this.#link.gone(this.#isOpen && ending.code !== tryLater ? ending : placeTaken(ending))
  }

  #poll(): void {
    this.#board.isAsked = true
    this.#wire.send(commandCodec.encode({ path: pinPath }))
    this.#stopWaiting()
    this.#stopWaiting = this.#far.clock.after(answerMs, () => {
      this.#wire.end('expected the values of the pins, nothing came')
    })
  }

  #said(text: string): void {
    const values = replyCodec.decode(text)
    if (values === undefined) {
      this.#wire.end(`expected a tree of values, got ${quote(text)}`)
      return
    }
    const pins = pinsIn(values)
    // One that has nothing to tell of answers an empty tree.
    const isAnswer = this.#board.isAsked && (pins.size > 0 || values.size === 0)
    if (isAnswer && !this.#isConnected) this.#first(pins)
    else this.#board.told(pins)
    this.#watch(pins)
    if (isAnswer) this.#pollLater()
  }

  #first(pins: NetzerValues): void {
    this.#isConnected = true
    this.#board.picture(pins)
    this.#link.connected()
  }

  /** A pin may be there later than others. */
  #watch(pins: NetzerValues): void {
    for (const index of pins.keys()) {
      if (this.#watched.has(index)) continue
      this.#watched.add(index)
      const trigger = { path: `t${pinPath}${index}`, value: bothEdges }
      this.#wire.send(commandCodec.encode(trigger))
    }
  }

  #pollLater(): void {
    this.#board.isAsked = false
    this.#stopWaiting()
    const delayMs = this.#board.measures ? pollMs.measuring : pollMs.plain
    this.#stopWaiting = this.#far.clock.after(delayMs, () => this.#poll())
  }
}

type Wire = Pick<FarWebSocket, 'send' | 'command' | 'end'>

interface WireEvents {
  opened(): void
  said(text: string): void
  gone(ending: SocketEnding): void
}

function wireTo(far: FarSystem, events: WireEvents): Wire {
  const { clock, settings } = far
  const url = new URL(settings.url)
  if (url.protocol !== 'tcp:') return new FarWebSocket({ far, url }, events)
  if (url.port === '') throw new HubError('bad-config', 'expected a port in url: tcp://host:port')
  const stream = connect(Number(url.port), url.hostname.replace(/^\[|\]$/g, ''))
  return lineWise(new FarStream({ clock, url, stream, openEvent: 'connect', cut: trees }, events))
}

/** By TCP a command ends with a line. */
function lineWise(stream: FarStream): Wire {
  return {
    send: (text) => stream.send(`${text}\r\n`),
    command: (text) => stream.command(`${text}\r\n`),
    end: (reason) => stream.end(reason),
  }
}

/** RFC 6455 in the registry of IANA: 1013, try again later. */
const tryLater = 1013

/** It has room for one connection: whoever is second is refused, or not answered, which may be for another reason. */
function placeTaken(ending: SocketEnding): SocketEnding {
  const { reason, status, code } = ending
  const isRefused = status === 503 || code === tryLater
  if (!isRefused && !/timed out|cut the/.test(reason)) return ending
  const hint = 'it has room for one connection, which another program may have'
  return { reason: `${reason}; ${hint}`, isRefused }
}

/** The values of pins, by their indexes. */
function pinsIn(values: NetzerValues): NetzerValues {
  const pins = [...values].flatMap(([path, value]): [string, string][] => {
    const index = path.slice(pinPath.length)
    return path.startsWith(pinPath) && pinIndexes.includes(index) ? [[index, value]] : []
  })
  return new Map(pins)
}

/** Trees of JSON that follow each other, with or without anything between them. */
function trees(text: string): { readonly messages: readonly string[]; readonly rest: string } {
  const messages: string[] = []
  let [depth, from] = [0, 0]
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '{') depth++
    else if (text[at] === '}') depth--
    if (text[at] !== '}' || depth > 0) continue
    messages.push(text.slice(from, at + 1).trim())
    ;[depth, from] = [0, at + 1]
  }
  return { messages, rest: text.slice(from).trimStart() }
}

type PinUse = NonNullable<UpstreamSettings['pins']>[string]

/** What a pin is here. */
interface Use {
  readonly kind: DeviceKind
  read(value: string): Report
  /** What is written for what is asked. */
  write?(asked: Ask): string
  /** Whether it is more than on and off. */
  readonly isMeasured?: true
}

const isSet = (value: string): Report => ({ state: value !== '0' })

/** The converter and the pulses have ten bits. */
const fullScale = 1023

/** A counter that has come so far has come further. */
const countsTo = 32_767

const uses: Readonly<Record<PinUse, Use>> = {
  input: { kind: 'binary-sensor', read: isSet },
  output: {
    kind: 'relay',
    read: isSet,
    write: ({ state }) => (state === true ? '1' : '0'),
  },
  analog: {
    kind: 'sensor',
    read: (value) => ({ value: [Number(value), null] }),
    isMeasured: true,
  },
  pwm: {
    kind: 'number',
    read: (value) => ({ value: Number(value) }),
    isMeasured: true,
    write: ({ value }) => {
      return String(Math.min(fullScale, Math.max(0, Math.round(Number(value)))))
    },
  },
  counter: {
    kind: 'sensor',
    read: (value) => ({ count: [Number(value) > countsTo ? null : Number(value), null] }),
    isMeasured: true,
  },
}

/** What a pin was asked to be. */
interface Written {
  readonly value: string
  /** The board had been asked for all pins before, and answers that first: what the pin was then is no answer. */
  readonly isBehindAnswer: boolean
}

/** The board, for as long as the hub runs. */
class Board {
  readonly #far: FarSystem
  readonly #pins = new Map<string, { readonly use: Use; value: string }>()
  /** Pins that were written, and have not said since what they are. */
  readonly #written = new Map<string, Written>()
  /** Whether it has been asked for all pins, and its answer is under way. */
  isAsked = false
  write: (path: string, value: string) => void = nobody

  constructor(far: FarSystem) {
    this.#far = far
    far.devices.remember(({ part = '-' }) => part)
  }

  get measures(): boolean {
    return [...this.#pins.values()].some(({ use }) => use.isMeasured)
  }

  /** All pins that tell of themselves now. */
  picture(values: NetzerValues): void {
    this.#pins.clear()
    this.#written.clear()
    for (const [index, value] of values) this.#declare(index, value)
  }

  /** What is not said to be an output is never written to: it may be anything. */
  #declare(index: string, value: string): void {
    const { devices, settings } = this.#far
    const isDigital = value === '0' || value === '1'
    const use = uses[settings.pins?.[index] ?? (isDigital ? 'input' : 'analog')]
    const { kind, write } = use
    const place = { node: 'board', kind, part: index, name: `Pin ${index}` }
    this.#pins.set(index, { use, value })
    devices.declare(
      index,
      write === undefined ? place : { ...place, ask: this.#asking(index, write) },
    )
    devices.available(index, true)
    devices.report(index, use.read(value), 'memory')
  }

  #asking(index: string, write: (asked: Ask) => string) {
    return (asked: Ask) => () => {
      const value = write(asked)
      this.#written.set(index, { value, isBehindAnswer: this.isAsked })
      this.write(pinPath + index, value)
    }
  }

  told(values: NetzerValues): void {
    for (const [index, value] of values) {
      const pin = this.#pins.get(index)
      const written = this.#written.get(index)
      if (written?.isBehindAnswer && value !== written.value) {
        this.#written.set(index, { value: written.value, isBehindAnswer: false })
        continue
      }
      const isAnswer = this.#written.delete(index)
      if (pin === undefined) this.#declare(index, value)
      else if (pin.value !== value || isAnswer) {
        pin.value = value
        this.#far.devices.report(index, pin.use.read(value))
      }
    }
  }
}
