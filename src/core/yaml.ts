import { type Document, LineCounter, parseDocument } from 'yaml'
import { HubError } from './errors.ts'

export interface Yaml {
  readonly value: unknown
  /** The same with its comments, to be changed and written again. */
  readonly document: Document
}

/**
 * Reads YAML, of which JSON is a part; `source` is what an error calls it. No text of a value
 * becomes part of an error, since it may be a password.
 *
 * @throws HubError `bad-config` with the line.
 */
export function parseYaml(text: string, source: string): Yaml {
  const lineCounter = new LineCounter()
  const options = { lineCounter, prettyErrors: false, stringKeys: true, resolveKnownTags: false }
  const document = parseDocument(text, { ...options, logLevel: 'error' })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem !== undefined) {
    const { line } = lineCounter.linePos(problem.pos[0])
    const sentence = withoutQuotations(problem.message)
    throw new HubError('bad-config', `${source} line ${line}: ${sentence}`)
  }
  try {
    return { value: document.toJS({ maxAliasCount: 0 }), document }
  } catch (cause) {
    const sentence = 'expected no aliases: put a text that starts with * in quotes'
    throw new HubError('bad-config', `${source}: ${sentence}`, { cause })
  }
}

// The parser quotes what it stumbled over, and an unquoted password is a likely stumbling block.
function withoutQuotations(message: string): string {
  return message.replace(/(?<! ): .*/s, '').replace(/[!\\]\S+/g, '…')
}
