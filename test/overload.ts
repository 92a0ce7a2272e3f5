import type { Test } from 'tap'
import type { StartedHub } from './started-hub.ts'

const mebibyte = 1024 * 1024

const usedMiB = () => {
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / mebibyte
}

/** A budget of memory that takes newcomers in by now, with some room for them. */
export function budgetForNow(): { mib: number } {
  return { mib: Math.ceil((usedMiB() + 48) / 0.75) }
}

/** Uses more than three quarters of that budget, but not all of it. */
export function useMost({ mib }: { mib: number }, t: Test): void {
  fillTo(0.85 * mib, t)
}

/** Uses that budget up, and waits until `hub`, in this process, has seen it. */
export async function useUp({ mib }: { mib: number }, t: Test, hub: StartedHub): Promise<void> {
  fillTo(mib + 16, t)
  await hub.log.next(({ kind }) => kind === 'overloaded')
}

/** Keeps the memory of this process at `mib`, whatever others in it give back meanwhile; until teardown. */
function fillTo(mib: number, t: Test): void {
  const ballast: Buffer[] = []
  const fill = () => {
    const missingMiB = Math.ceil(mib - usedMiB())
    if (missingMiB > 0) ballast.push(Buffer.alloc(missingMiB * mebibyte, 1))
  }
  fill()
  const timer = setInterval(fill, 50)
  t.teardown(() => {
    clearInterval(timer)
    ballast.length = 0
  })
}

/** Makes `hub`, in this process, late all the time, and waits until it has seen it. */
export async function makeLate(t: Test, hub: StartedHub): Promise<void> {
  const waited = new Int32Array(new SharedArrayBuffer(4))
  const timer = setInterval(() => Atomics.wait(waited, 0, 0, 60), 80)
  t.teardown(() => clearInterval(timer))
  await hub.log.next(({ kind }) => kind === 'overloaded')
}
