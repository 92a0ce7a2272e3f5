import type { IncomingMessage } from 'node:http'

/** The body of a request; `too-big` past `maxBytes`, and `gone` when the client leaves before its end. */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Buffer | 'too-big' | 'gone'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= maxBytes) chunks.push(chunk)
      else resolve('too-big')
    })
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('close', () => resolve('gone'))
    // An error is always followed by close; why a client went away is of no use here.
    request.on('error', () => {})
  })
}

/** Whether a body tells beforehand that it is bigger than `maxBytes`. */
export function announcesMoreThan({ headers }: IncomingMessage, maxBytes: number): boolean {
  return announcedBytes(headers) > maxBytes
}

function announcedBytes(headers: IncomingMessage['headers']): number {
  // Node has refused what is no number.
  return Number(headers['content-length'] ?? 0)
}
