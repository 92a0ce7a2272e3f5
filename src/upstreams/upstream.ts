/**
 * Another system that the hub dials: what its language has to do, and what the hub does for it. One connection, dialled
 * again until the hub ends; nothing is kept for the next one. To write a language, read this file and `clown-talk.ts`.
 */
import type { Logger } from 'pino'
import { type AlarmClock, isoTime } from '../core/clock.ts'
import { reasonOf } from '../core/errors.ts'
import { readSecretFile, valueIn } from '../core/files.ts'
import type { DeepReadonly } from '../core/json.ts'
import type { Config } from '../generated/config.ts'
import { canBeAsked } from '../nodes/profiles/kinds.ts'
import type {
  DeviceFacts,
  DevicePlace,
  Profile,
  ProfileHub,
  Report,
  ReportSource,
} from '../nodes/profiles/profile.ts'

export type UpstreamSettings = DeepReadonly<Config['upstreams'][string]>

/** The language of a system, of which the hub is a client. */
export interface UpstreamLanguage {
  /** Begins. What is kept from one connection to the next lives in this call. */
  open(far: FarSystem): Dialling
}

/** What a language knows of the system, and whom it tells of it. */
export interface FarSystem {
  readonly name: string
  readonly settings: UpstreamSettings
  readonly devices: FarDevices
  readonly clock: AlarmClock
}

/**
 * Begins one connection; what it throws ends it. What it returns gives it up: nothing is told then, and what was not
 * sent yet is never sent.
 */
export type Dialling = (link: LinkEvents) => () => void

export interface LinkEvents {
  /** The first picture is there. */
  connected(): void
  /** It has ended, once. */
  gone(ending: LinkEnding): void
}

export interface LinkEnding {
  /** Why, in a sentence. */
  readonly reason: string
  /** Whether the system does not want us, and another try right away would not help. */
  readonly isRefused?: boolean
}

/** How an upstream is, for whoever asks. */
export interface UpstreamStatus {
  readonly name: string
  readonly dialect: UpstreamSettings['dialect']
  readonly url: string
  readonly state: 'connecting' | 'connected' | 'refused' | 'away'
  /** Since when it is so, as ISO 8601 in UTC. */
  readonly since: string
  /** Why it is not there. */
  readonly reason?: string
  /** When it is tried again. */
  readonly nextTry?: string
  /** How many devices it has told of. */
  readonly devices: number
}

export interface Upstream {
  readonly profile: Profile
  readonly status: UpstreamStatus
  /** Dials, and dials again. */
  start(): void
  close(): void
}

export interface UpstreamParts {
  readonly name: string
  readonly settings: UpstreamSettings
  readonly language: UpstreamLanguage
  readonly clock: AlarmClock
  readonly log: Pick<Logger, 'info' | 'warn'>
  /** Another status holds now. */
  changed(): void
}

/** Between two tries, at least and at most. Some systems shut out who comes six times in five minutes with a wrong key. */
const pauseMs = { first: 1000, longest: 60_000 }

/** A connection that lasted so long was a good one. */
const lastingMs = 10_000

export function createUpstream(parts: UpstreamParts): Upstream {
  const { name, settings, language, clock, log } = parts
  const { dialect, url } = settings
  let devices: FarDevices | undefined
  let dial: Dialling = () => () => {}
  let failures = 0
  let isClosed = false
  let giveUp: () => void = () => {}
  let stopWaiting: () => void = () => {}
  type Told = Omit<UpstreamStatus, 'name' | 'dialect' | 'url' | 'devices' | 'since'>
  let told: Told & { readonly since: string } = { state: 'connecting', since: now(clock) }
  const become = (next: Told) => {
    told = { ...next, since: now(clock) }
    parts.changed()
  }
  const again = ({ reason, isRefused = false }: LinkEnding) => {
    devices?.cut()
    const delayMs = isRefused ? pauseMs.longest : pauseAfter(failures++)
    const nextTry = isoTime(clock.wallMs() + delayMs)
    become({ state: isRefused ? 'refused' : 'away', reason, nextTry })
    log.warn(
      { event: 'upstream-away', upstream: name, url, reason, delayMs },
      'an upstream is away',
    )
    stopWaiting = clock.after(delayMs, connect)
  }
  const connect = () => {
    let isOver = false
    let connectedMs: number | undefined
    const gone = (ending: LinkEnding) => {
      if (isOver || isClosed) return
      isOver = true
      const lastedMs = connectedMs === undefined ? 0 : clock.nowMs() - connectedMs
      if (lastedMs >= lastingMs) failures = 0
      again(ending)
    }
    const connected = () => {
      connectedMs = clock.nowMs()
      become({ state: 'connected' })
      log.info({ event: 'upstream-there', upstream: name, url }, 'an upstream is there')
    }
    try {
      giveUp = dial({ gone, connected })
    } catch (error) {
      gone({ reason: reasonOf(error) })
    }
  }
  return {
    profile: {
      name,
      isUpstream: true,
      open: (hub) => {
        devices = new FarDevices(hub)
        dial = language.open({ name, settings, devices, clock })
      },
    },
    get status() {
      return { name, dialect, url, ...told, devices: devices?.size ?? 0 }
    },
    start: () => {
      parts.changed()
      connect()
    },
    close: () => {
      isClosed = true
      stopWaiting()
      giveUp()
    },
  }
}

function now(clock: AlarmClock): string {
  return isoTime(clock.wallMs())
}

/** Twice as long each time, and never at the same time as others who lost the same system. */
function pauseAfter(failures: number): number {
  const mostMs = Math.min(pauseMs.first * 2 ** (failures + 1), pauseMs.longest)
  return Math.round(mostMs * (0.5 + Math.random() / 2))
}

/** The devices of another system, as its language tells of them. */
export class FarDevices {
  readonly #hub: ProfileHub
  readonly #ids = new Set<string>()
  /** What each has said last. */
  readonly #told = new Map<string, string>()
  /** Who has said something since all were asked for; undefined while nobody has asked. */
  #newer: Set<string> | undefined

  constructor(hub: ProfileHub) {
    this.#hub = hub
  }

  get size(): number {
    return this.#ids.size
  }

  /** What was there before the hub was started is away, until the system tells of it. */
  remember(idOf: (place: DevicePlace) => string, declare = this.#declareAway): void {
    for (const place of this.#hub.known) {
      const id = idOf(place)
      declare(id, place)
      this.available(id, false)
    }
  }

  readonly #declareAway = (id: string, place: DevicePlace) => {
    // Whoever is away is not asked.
    const asking = canBeAsked(place.kind) ? { ask: () => nobody } : {}
    this.declare(id, { ...place, name: '', ...asking })
  }

  /** All are asked for: what devices say from now on is newer than the answer, until `keepOnly`. */
  asked(): void {
    this.#newer = new Set()
  }

  /** There are no other devices than these. */
  keepOnly(ids: ReadonlySet<string>): void {
    this.#newer = undefined
    for (const id of this.#ids) if (!ids.has(id)) this.forget(id)
  }

  /** A device is no more. */
  forget(id: string): void {
    this.#ids.delete(id)
    this.#told.delete(id)
    this.#hub.forget(id)
  }

  get ids(): Iterable<string> {
    return this.#ids
  }

  has(id: string): boolean {
    return this.#ids.has(id)
  }

  /** There is a device, or it is not as it was; one for which there is no room is left out. */
  declare(id: string, facts: DeviceFacts): void {
    try {
      this.#hub.device(id, facts)
      this.#ids.add(id)
    } catch (error) {
      this.#hub.leaveOut(id, reasonOf(error))
    }
  }

  /** See `ProfileHub.report`. What is only repeated is not told again while the link lasts. */
  report(id: string, values: Report, from: ReportSource = 'device'): void {
    const text = JSON.stringify(values)
    if (from === 'device') this.#newer?.add(id)
    else if (this.#newer?.has(id) || this.#told.get(id) === text) return
    this.#told.set(id, text)
    this.#hub.report(id, values, from)
  }

  available(id: string, isAvailable: boolean): void {
    this.#hub.available(id, isAvailable)
  }

  /** The system has refused the last command to a device. */
  refuse(id: string, reason: string): void {
    this.#hub.refuse(id, reason)
  }

  /** The link is lost: nobody knows of any device any more. */
  cut(): void {
    this.#told.clear()
    for (const id of this.#ids) this.#hub.available(id, false)
  }
}

/** Who is asked while nobody is there. */
export function nobody(): void {}

/** A secret of an upstream, as its file has it now; empty where no file was given. */
export function secretOf(far: FarSystem, file: 'passwordFile' | 'keyFile'): string {
  const path = far.settings[file]
  if (path === undefined) return ''
  return valueIn(readSecretFile(`upstreams.${far.name}.${file}`, path))
}
