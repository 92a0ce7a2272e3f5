import { monitorEventLoopDelay } from 'node:perf_hooks'

/**
 * Lets whoever started this process ask how it is: `memory` answers the bytes it needs when all garbage is
 * gone (with --expose-gc), `cpu` the microseconds of processor time it has used, `lag` the milliseconds that the event loop was blocked at most since the last
 * such question.
 */
export function answerQuestions(): void {
  const resolutionMs = 1
  const delays = monitorEventLoopDelay({ resolution: resolutionMs })
  process.on('message', (question) => {
    if (question === 'lag') {
      // Not before: to look a thousand times a second is work of its own.
      delays.enable()
      process.send?.({ lagMs: Math.max(0, delays.max / 1e6 - resolutionMs) })
      delays.reset()
      return
    }
    if (question === 'cpu') {
      const { user, system } = process.cpuUsage()
      process.send?.({ microseconds: user + system })
      return
    }
    for (let time = 0; time < 3; time++) globalThis.gc?.()
    process.send?.({ bytes: process.memoryUsage.rss() })
  })
}
