/** The other systems that the hub dials: to add a language, see `src/upstreams/upstream.ts`. */
import type { Logger } from 'pino'
import type { Bus } from './bus/bus.ts'
import type { Config } from './config.ts'
import { systemClock } from './core/clock.ts'
import { Payload } from './core/payload.ts'
import type { Profile } from './nodes/profiles/profile.ts'
import { clownTalk } from './upstreams/clown-talk.ts'
import { deconzGateway } from './upstreams/deconz/deconz.ts'
import { jeedomBox } from './upstreams/jeedom/jeedom.ts'
import { netzerBoard } from './upstreams/netzer.ts'
import { tvheadendServer } from './upstreams/tvheadend.ts'
import { createUpstream, type UpstreamLanguage, type UpstreamStatus } from './upstreams/upstream.ts'

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
      const payload = Payload.ofJson(JSON.stringify(status), status)
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
