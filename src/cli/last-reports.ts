/** What a hub knows last of topics. */
import { isRecord, parseJson } from '../core/json.ts'
import { streamFromHub } from './ask-hub.ts'
import type { HubAddress } from './hub-address.ts'
import type { Terminal } from './terminal.ts'

export interface KnownValue {
  readonly topic: string
  readonly value: unknown
  /** There when the value is a text with bytes in it. */
  readonly encoding: string | undefined
  /** Undefined when nobody knows. */
  readonly ageMs: number | undefined
  readonly isStale: boolean
}

/** Behind the last values a hub says up to where all was told. */
const endTopic = 'clown.talk/-/position'

/**
 * The last value of each topic that one of `filters` matches and the user may read.
 *
 * @throws HubError as `streamFromHub`
 */
export async function lastReports(
  hub: HubAddress,
  filters: readonly string[],
  terminal: Pick<Terminal, 'stopped'>,
): Promise<readonly KnownValue[]> {
  // Without a filter a hub would tell all.
  if (filters.length === 0) return []
  const query = new URLSearchParams(filters.map((filter): [string, string] => ['filter', filter]))
  const stream = await streamFromHub(hub, { path: `/api/stream?${query}` }, terminal)
  const reports: KnownValue[] = []
  for await (const [topic, value, options] of linesIn(stream)) {
    if (topic === endTopic) return reports
    const { encoding, ageMs, stale } = isRecord(options) ? options : {}
    reports.push({
      ...{ topic: String(topic), value, isStale: stale === true },
      encoding: typeof encoding === 'string' ? encoding : undefined,
      ageMs: typeof ageMs === 'number' ? ageMs : undefined,
    })
  }
  return reports
}

/** The lines in Server-Sent Events (the HTML standard, 9.2.6). */
async function* linesIn(stream: AsyncIterable<Uint8Array>): AsyncIterable<readonly unknown[]> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = String(lines.pop())
    for (const text of lines) {
      const line = text.startsWith('data: ') ? parseJson(text.slice(6)) : undefined
      if (Array.isArray(line)) yield line
    }
  }
}
