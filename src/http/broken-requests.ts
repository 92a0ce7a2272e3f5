import type { Server } from 'node:http'
import { systemCodeOf } from '../core/errors.ts'
import { type Refusal, refuseUpgrade } from '../core/refusal.ts'
import type { SampledLog } from '../core/sampled-log.ts'

/** Answers what Node could not read as a request, or gave up waiting for. */
export function refuseBrokenRequests(server: Server, sampledLog: SampledLog): void {
  server.on('clientError', (error, socket) => {
    // Answered already, and cut soon: what else it sends is of no interest.
    if (socket.writableEnded) return
    const refusal = refusalOf(String(systemCodeOf(error)))
    if (refusal === undefined) {
      socket.destroy()
      return
    }
    sampledLog.warn('http-refused', { status: refusal.status }, refusal.reason)
    refuseUpgrade(socket, refusal)
  })
}

/** Undefined when the connection itself broke: nobody is there to be answered. */
function refusalOf(code: string): Refusal | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return { status: 431, reason: 'expected shorter headers' }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { status: 408, reason: 'expected a complete request sooner' }
  // The other errors of Node's parser begin with the same letters.
  return code.startsWith('HPE_') ? { status: 400, reason: 'expected an HTTP request' } : undefined
}
