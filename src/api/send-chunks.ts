import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { systemCodeOf } from '../core/errors.ts'

export interface Chunks {
  readonly type: string
  readonly chunks: AsyncIterable<string>
  /** What comes after them. */
  readonly rest?: Readable
}

/** Sends pieces of text as fast as the client takes them; one that goes away ends it. */
export async function sendChunks(
  response: ServerResponse,
  { type, chunks, rest }: Chunks,
): Promise<void> {
  response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' })
  // The first piece may be long in coming.
  response.flushHeaders()
  try {
    await pipeline(Readable.from(chunks), response, { end: rest === undefined })
    if (rest !== undefined) await pipeline(rest, response)
  } catch (error) {
    if (systemCodeOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  }
}
