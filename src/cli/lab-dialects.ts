import type { ConfigInput } from '../config.ts'
import { HubError, quote } from '../core/errors.ts'
import type { DialectPlace } from '../hub-ports.ts'
import { isDialect, servedDialects } from '../served-dialects.ts'

/** One of `dialects` in the configuration. */
export type LabEntry = NonNullable<ConfigInput['dialects']>[number]

export interface LabHouse {
  /** Whose rights clients have that can give no password. */
  readonly user: string
  readonly base: string
}

/**
 * Entries for every language where its original listens, or for those that `text` names: `deconz=8088`, several
 * with commas between them, or `none`.
 *
 * @throws HubError `bad-command-line`
 */
export function labDialects(text: string | undefined, { user, base }: LabHouse): LabEntry[] {
  return placesIn(text).map(({ dialect, port }) => ({
    dialect,
    port,
    host: '127.0.0.1',
    base,
    // The founding documents' own examples stand on pages of anybody.
    guest: { user, addresses: ['127.0.0.0/8', '::1'], anyOrigin: true },
    // The original may run on this machine, too.
    optional: true,
    ...ownSettings[dialect],
  }))
}

/** What only some of them have. */
const ownSettings: Readonly<Partial<Record<LabEntry['dialect'], Partial<LabEntry>>>> = {
  // The key in the founding document's example: everybody knows it, as the password of the lab.
  jeedom: { jeedom: { guestKey: 'userApiKey' } },
}

type Place = Required<Pick<LabEntry, 'dialect'>> & { readonly port: number }

function placesIn(text: string | undefined): Place[] {
  if (text === 'none') return []
  if (text !== undefined) return text.split(',').map(placeIn)
  return Object.keys(servedDialects)
    .filter(isDialect)
    .map((dialect) => ({ dialect, port: servedDialects[dialect].labPort }))
}

function placeIn(item: string): Place {
  const [, dialect = '', port] = /^\s*([a-z]+)=(\d{1,5})\s*$/.exec(item) ?? []
  if (isDialect(dialect) && Number(port) <= 65_535) return { dialect, port: Number(port) }
  const known = Object.entries(servedDialects).map(([name, { labPort }]) => `${name}=${labPort}`)
  const expected = `expected --dialects to be none, or of ${known.join(',')}`
  throw new HubError('bad-command-line', `${expected}; got ${quote(item)}`)
}

/** One line on where each language is served, and why one is not. */
export function dialectsLine(places: readonly DialectPlace[]): string {
  const words = places.map(({ dialect, port }) => {
    const { title, labPort } = servedDialects[dialect]
    const away = `${title} not: its port ${labPort} is in use`
    return port === undefined ? away : `${title} ${port}`
  })
  return words.length === 0 ? 'none' : words.join(', ')
}
