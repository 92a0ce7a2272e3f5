import { checkFilter } from '../core/topic.ts'
import type { Terminal } from './command.ts'
import type { HubAddress } from './hub-address.ts'
import { streamFromHub } from './hub-client.ts'

/** What is asked of a hub's history, as its parameters are called; what is undefined is left out. */
export interface HistoryWanted {
  readonly topic: string
  readonly quantity?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly format: 'csv' | 'ndjson'
  readonly bom?: 'true' | undefined
  readonly resolution?: string | undefined
  readonly follow?: 'true'
}

/**
 * Hands the text that a hub sends to `take`, as it comes, until that answers false; answers whether it
 * came to its end, and nobody stopped it.
 *
 * @throws HubError `bad-topic`, `bad-command-line`, `cannot-connect`
 */
export async function streamHistory(
  hub: HubAddress,
  { wanted, stopped }: { readonly wanted: HistoryWanted } & Pick<Terminal, 'stopped'>,
  take: (text: string) => Promise<boolean>,
): Promise<boolean> {
  checkFilter(wanted.topic)
  const giveUp = new AbortController()
  void stopped.then(() => giveUp.abort())
  const asked = Object.entries(wanted).filter(([, value]) => value !== undefined)
  const path = `/api/history?${new URLSearchParams(asked)}`
  const request = { path, signal: giveUp.signal }
  // What is printed has the mark that a spreadsheet is to find.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  try {
    for await (const bytes of await streamFromHub(hub, request)) {
      if (!(await take(decoder.decode(bytes, { stream: true })))) return false
    }
    return true
  } catch (error) {
    if (giveUp.signal.aborted) return false
    throw error
  }
}
