import { readFileSync } from 'node:fs'

/** Which release of the hub this is, as package.json says. */
export interface Release {
  readonly version: string
  /** When it was released, RFC 3339. */
  readonly releaseDate: string
}

/** Reads package.json, which stands two folders above this file in `src/` and in `dist/` alike. */
export function readRelease(): Release {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { version, releaseDate } = JSON.parse(text) as Release
  return { version, releaseDate }
}
