import { isRecord } from '../../core/json.ts'
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

/** What a Netzer says: values by their paths, such as `uv0`. Values are strings, also those that are numbers. */
export type NetzerValues = ReadonlyMap<string, string>

/** A tree of JSON: `{"u":{"v":{"0":"1"}}}`. */
export const replyCodec: Codec<NetzerValues> = {
  decode: (frame) => {
    const values = new Map<string, string>()
    try {
      const tree: unknown = JSON.parse(frame)
      return isRecord(tree) && collect(tree, '', values) ? values : undefined
    } catch {
      return undefined
    }
  },
  encode: (values) => JSON.stringify(treeOf(values)),
}

/** As deep as the tree of commands goes, and more. */
const mostEdges = 32

/** Adds what is below `path`; false when it is no tree of strings with one character an edge. */
function collect(
  tree: Readonly<Record<string, unknown>>,
  path: string,
  values: Map<string, string>,
): boolean {
  return Object.entries(tree).every(([edge, below]) => {
    if (!/^[0-9a-z]$/.test(edge) || path.length >= mostEdges) return false
    if (isRecord(below)) return Object.keys(below).length > 0 && collect(below, path + edge, values)
    values.set(path + edge, String(below))
    return typeof below === 'string'
  })
}

type Tree = Map<string, Tree | string>

function treeOf(values: NetzerValues): unknown {
  const root: Tree = new Map()
  for (const [path, value] of values) plant(root, path, value)
  return plain(root)
}

function plant(tree: Tree, path: string, value: string): void {
  const [edge = '', ...rest] = path
  if (rest.length === 0) {
    tree.set(edge, value)
    return
  }
  const known = tree.get(edge)
  const below: Tree = known instanceof Map ? known : new Map()
  tree.set(edge, below)
  plant(below, rest.join(''), value)
}

function plain(tree: Tree | string): unknown {
  if (typeof tree === 'string') return tree
  return Object.fromEntries([...tree].map(([edge, below]) => [edge, plain(below)]))
}
