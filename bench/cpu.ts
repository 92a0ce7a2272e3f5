import { readdirSync, readFileSync } from 'node:fs'

/**
 * Microseconds of processor time a process has used: that of each of its threads, which /proc tells in
 * nanoseconds, and that of the whole in ticks of 10 ms.
 */
export function cpuMicroseconds(pid: number): number {
  const threads = `/proc/${pid}/task`
  const nanoseconds = readdirSync(threads).map((thread) => {
    const [used] = readFileSync(`${threads}/${thread}/schedstat`, 'utf8').split(' ')
    return Number(used)
  })
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1000
}
