/** The other systems that the hub dials: to add a language, see `src/upstreams/upstream.ts`. */
import type { Logger } from 'pino'
import type { Bus } from './bus/bus.ts'
import type { Config } from './config.ts'
import { systemClock } from './core/clock.ts'
import { detached } from './core/guard.ts'
import { Payload } from './core/payload.ts'
import { deviceTopic, upstreamsPrefix } from './nodes/profiles/open-profile.ts'
import type { DeviceFacts, Profile, ProfileHub } from './nodes/profiles/profile.ts'
import { clownTalk } from './upstreams/clown-talk.ts'
import { deconzGateway } from './upstreams/deconz/deconz.ts'
import { jeedomBox } from './upstreams/jeedom/jeedom.ts'
import { netzerBoard } from './upstreams/netzer.ts'
import { tvheadendServer } from './upstreams/tvheadend.ts'
import {
  createUpstream,
  nobody,
  type UpstreamLanguage,
  type UpstreamSettings,
  type UpstreamStatus,
} from './upstreams/upstream.ts'

const languages: Readonly<Record<UpstreamStatus['dialect'], UpstreamLanguage>> = {
  'clown-talk': clownTalk,
  deconz: deconzGateway,
  netzer: netzerBoard,
  jeedom: jeedomBox,
  tvheadend: tvheadendServer,
}

export interface OpenUpstreams {
  /** What tells of their devices. */
  readonly profiles: readonly Profile[]
  statuses(): readonly UpstreamStatus[]
  /** Dials all of them, once their profiles are open; returns what ends that. */
  start(): () => void
}

interface UpstreamsParts {
  readonly log: Logger
  readonly bus: Pick<Bus, 'publish'>
}

/** How each is stands on `$SYS/hub/upstreams/<name>`, too. */
export function openUpstreams({ upstreams }: Config, { log, bus }: UpstreamsParts): OpenUpstreams {
  const all = Object.entries(upstreams).map(([name, settings]) => {
    const tell = () => {
      const { status } = upstream
      const payload = Payload.ofValue(status)
      bus.publish({ topic: `$SYS/hub/upstreams/${name}`, payload, qos: 0, retain: true })
    }
    const language = languages[settings.dialect]
    const about = { name, settings, language, log, clock: systemClock, changed: tell }
    const upstream = createUpstream(about)
    return upstream
  })
  return {
    profiles: all.map(({ profile }) => profile),
    statuses: () => all.map(({ status }) => status),
    start: () => {
      for (const upstream of all) upstream.start()
      return () => {
        for (const upstream of all) upstream.close()
      }
    },
  }
}

/** What came of dialling a system once. */
export interface DialResult {
  /** It is `connecting` still when nothing came in time. */
  readonly status: UpstreamStatus
  /** What it has told of until then, and where that would stand. */
  readonly devices: readonly DialledDevice[]
}

export interface DialledDevice {
  readonly topic: string
  readonly kind: DeviceFacts['kind']
  readonly name: string
  readonly online: boolean
}

export interface DialledOnce {
  readonly name: string
  readonly settings: UpstreamSettings
  readonly waitMs: number
  /** Resolves when nobody waits any more. */
  readonly stopped: Promise<void>
}

/** Some let in whoever comes, and send strangers away a moment later; and some devices tell of themselves only then. */
const settleMs = 1000

/** Dials a system for nobody, and once: says how that went, and commands nothing. */
export function dialOnce({ name, settings, waitMs, stopped }: DialledOnce): Promise<DialResult> {
  const onlooker = new Onlooker(name)
  const language = languages[settings.dialect]
  const log = { info: nobody, warn: nobody }
  return new Promise((resolve) => {
    const done = () => {
      stopWaiting()
      stopSettling()
      const { status } = upstream
      upstream.close()
      resolve({ status, devices: onlooker.seen })
    }
    const changed = () => {
      const { state } = upstream.status
      stopSettling()
      if (state === 'connected') stopSettling = systemClock.after(settleMs, done)
      else if (state !== 'connecting') done()
    }
    let stopSettling: () => void = nobody
    const stopWaiting = systemClock.after(waitMs, done)
    detached(stopped.then(done))
    const upstream = createUpstream({ name, settings, language, log, clock: systemClock, changed })
    upstream.profile.open(onlooker.hub)
    upstream.start()
  })
}

/** Keeps what it is told of devices, and does nothing else. */
class Onlooker {
  readonly #upstream: string
  readonly #facts = new Map<string, DeviceFacts>()
  readonly #online = new Map<string, boolean | null>()
  readonly hub: ProfileHub = {
    clock: systemClock,
    known: [],
    device: (id, facts) => this.#facts.set(id, facts),
    available: (id, isAvailable) => this.#online.set(id, isAvailable),
    forget: (id) => this.#facts.delete(id),
    ...{ listen: nobody, claim: nobody, release: nobody, report: nobody, refuse: nobody },
    ...{ accept: nobody, observe: nobody, send: nobody, leaveOut: nobody },
  }

  constructor(upstream: string) {
    this.#upstream = upstream
  }

  get seen(): DialledDevice[] {
    return [...this.#facts].map(([id, facts]) => {
      const { kind, name } = facts
      const topic = deviceTopic(upstreamsPrefix, this.#upstream, facts)
      return { topic, kind, name, online: this.#online.get(id) === true }
    })
  }
}
