/** Where a hub is to be reached, as an embedding program is told. */
import type { Config } from './config.ts'

/** The ports that are listened on, also where the config said 0. */
export interface Ports {
  readonly httpPort: number
  /** 0 beside a broker that somebody else runs: there is none. */
  readonly mqttPort: number
  /** The same with TLS; undefined without the part `tls` of the config. */
  readonly httpsPort: number | undefined
  readonly mqttsPort: number | undefined
}

/** Where a language is served, or why it is not. */
export interface DialectPlace {
  readonly dialect: Config['dialects'][number]['dialect']
  /** The port that was opened, also where the config said 0. */
  readonly port?: number
  readonly path?: string
  /** Only of an optional one. */
  readonly error?: string
}
