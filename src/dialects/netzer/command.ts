import type { Codec } from '../served-dialect.ts'

/** What a client says: `uv0` reads, `uv0=1` writes. */
export interface NetzerCommand {
  /** A way down the tree of commands, one character an edge. */
  readonly path: string
  /** Only of a write. */
  readonly value?: string
}

/** The longest is `tuv0=3`; the values of originals are short, too. */
const mostCharacters = 128

export const commandCodec: Codec<NetzerCommand> = {
  decode: (frame) => {
    // Over TCP a line break ends a command, and some programs send it here, too.
    const text = frame.replace(/\r?\n$/, '')
    if (text.length > mostCharacters) return undefined
    const [, path, value] = /^([0-9a-z]+)(?:=([^\p{Cc}]*))?$/u.exec(text) ?? []
    if (path === undefined) return undefined
    return value === undefined ? { path } : { path, value }
  },
  encode: ({ path, value }) => (value === undefined ? path : `${path}=${value}`),
}
