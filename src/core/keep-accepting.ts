import type { Server } from 'node:net'
import type { SampledLog } from './sampled-log.ts'

export interface KeepAcceptingOptions {
  /** Where the server listens; the port it really has, not 0. */
  readonly host: string
  readonly port: number
  readonly sampledLog: SampledLog
  readonly firstPauseMs?: number
}

export interface Accepting {
  /** Stops listening, for good. */
  close(): void
}

const maxPauseMs = 5000

/**
 * Lets a listening `server` survive connections it cannot accept, mostly because this process or
 * this machine has no file descriptor left: it stops listening for a while, longer each time, while
 * its open connections live on.
 *
 * libuv keeps one descriptor in reserve to turn such connections away. When somebody else took that
 * one, it tries again without an end until the listener is closed; without a listener for `error`
 * the process ends.
 */
export function keepAccepting(
  server: Server,
  { host, port, sampledLog, firstPauseMs = 100 }: KeepAcceptingOptions,
): Accepting {
  let pauseMs = firstPauseMs
  let timer: NodeJS.Timeout | undefined
  server.on('error', (error) => {
    sampledLog.warn('accept-paused', { reason: error.message, pauseMs }, 'cannot accept: pausing')
    server.close()
    clearTimeout(timer)
    timer = setTimeout(() => server.listen({ host, port }), pauseMs)
    pauseMs = Math.min(pauseMs * 2, maxPauseMs)
  })
  server.on('connection', () => {
    pauseMs = firstPauseMs
  })
  return {
    close: () => {
      clearTimeout(timer)
      server.close()
    },
  }
}
