import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import {
  compileSooner,
  maxOpenFiles,
  openFiles,
  type ProcessMeters,
  watchProcess,
} from '../../src/core/process-watch.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { testFolder } from '../test-folder.ts'

const limits = { memory: { mib: 200 }, process: { lagMs: 50 } }
const mebibyte = 1024 * 1024

/** A watch over meters that the test sets; `look` waits until they were read once more. */
function watchedProcess(t: Test) {
  const counters = createCounters()
  const lines: Record<string, unknown>[] = []
  const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) })
  const state = { nowMs: 0, lagMs: 0, usedMiB: 10, garbageMiB: 0, collections: 0 }
  let looked = () => {}
  const meters: ProcessMeters = {
    lagMs: () => {
      // What follows from it is known once the look is over.
      setImmediate(() => looked())
      return state.lagMs
    },
    usedBytes: () => (state.usedMiB + state.garbageMiB) * mebibyte,
    collect: () => {
      state.garbageMiB = 0
      state.collections++
    },
    close: () => counters.count('meters-closed'),
  }
  const sampledLog = createSampledLog(log, counters, () => state.nowMs)
  const options = { limits, sampledLog, meters, intervalMs: 1, now: () => state.nowMs }
  const watch = watchProcess(options)
  t.teardown(watch.close)
  const look = async (next: Partial<typeof state>) => {
    Object.assign(state, next)
    await new Promise<void>((resolve) => {
      looked = resolve
    })
    t.equal(watch.isOutOfMemory(), state.usedMiB > limits.memory.mib)
    return [watch.isShortOfMemory(), watch.isOverloaded()]
  }
  // The watch itself keeps no process alive.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  return { ...watch, look, state, counters, lines }
}

t.test('memory has two marks: nobody new, then less work', async (t) => {
  const { look, lines } = watchedProcess(t)
  t.same(await look({ usedMiB: 150 }), [false, false])
  t.same(await look({ usedMiB: 151 }), [true, false])
  t.same(await look({ usedMiB: 201, nowMs: 5000 }), [true, true])
  t.same(await look({ usedMiB: 50 }), [false, false])
  t.match(lines, [
    { kind: 'overloaded', usedMiB: 201 },
    { kind: 'recovered', usedMiB: 50 },
  ])
})

t.test(
  'F51: garbage is no reason to refuse anybody, and is collected before it would be',
  async (t) => {
    const { look, state } = watchedProcess(t)
    t.same(await look({ usedMiB: 50, garbageMiB: 100 }), [false, false])
    t.equal(state.collections, 0)
    t.same(await look({ garbageMiB: 500 }), [false, false])
    t.equal(state.collections, 1)
    t.same(await look({ garbageMiB: 500 }), [false, false], 'what was found holds for a while')
    t.equal(state.collections, 1)
    t.same(await look({ nowMs: 1000 }), [false, false])
    t.equal(state.collections, 2)
  },
)

t.test('F51: memory that is short is looked at again, and seldom collected', async (t) => {
  const { look, state } = watchedProcess(t)
  t.same(await look({ usedMiB: 151 }), [true, false])
  t.same(await look({ garbageMiB: 100, nowMs: 4999 }), [true, false])
  t.equal(state.collections, 1)
  t.same(await look({ usedMiB: 140, nowMs: 5000 }), [false, false])
  t.equal(state.collections, 2)
})

t.test('F28: one stall is logged and costs nobody anything', async (t) => {
  const { look, lines } = watchedProcess(t)
  t.same(await look({ lagMs: 2000, nowMs: 2000 }), [false, false])
  t.same(await look({ lagMs: 0, nowMs: 2250 }), [false, false])
  t.match(lines[0], { kind: 'event-loop-lag', lagMs: 2000 })
})

t.test('a loop that stays late for two seconds is overloaded', async (t) => {
  const { look, counters } = watchedProcess(t)
  t.same(await look({ lagMs: 51, nowMs: 0 }), [false, false])
  t.same(await look({ lagMs: 51, nowMs: 1999 }), [false, false])
  t.same(await look({ lagMs: 51, nowMs: 2000 }), [false, true])
  t.same(await look({ lagMs: 50, nowMs: 2250 }), [false, false])
  t.same(await look({ lagMs: 51, nowMs: 9000 }), [false, false], 'it starts anew')
  t.match(counters.snapshot(), { overloaded: 1, recovered: 1 })
})

t.test('the process itself collects its garbage, and knows what is in buffers', async (t) => {
  const lines: Record<string, unknown>[] = []
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  const write = (line: string) => lines.push(JSON.parse(line))
  const kept = Buffer.alloc(64 * mebibyte, 1)
  const small = { memory: { mib: 1 }, process: { lagMs: 60_000 } }
  const sampledLog = createSampledLog(pino({}, { write }), createCounters())
  const watch = watchProcess({ limits: small, sampledLog, intervalMs: 1 })
  t.teardown(watch.close)
  while (lines.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.ok(Number(lines[0]?.['usedMiB']) >= kept.length / mebibyte)
})

t.test('the watch ends', async (t) => {
  const { close, counters } = watchedProcess(t)
  close()
  t.equal(counters.snapshot()['meters-closed'], 1)
})

t.test('the meters of the process itself see a stall', async (t) => {
  const counters = createCounters()
  const lines: Record<string, unknown>[] = []
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  await new Promise<void>((resolve) => {
    const write = (line: string) => {
      lines.push(JSON.parse(line))
      resolve()
    }
    const sampledLog = createSampledLog(pino({}, { write }), counters)
    const watch = watchProcess({ limits: { ...limits, memory: { mib: 9999 } }, sampledLog })
    t.teardown(watch.close)
    // The event loop has to run before it can be late.
    setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200), 50)
  })
  t.match(lines[0], { kind: 'event-loop-lag' })
  t.ok(Number(lines[0]?.['lagMs']) >= 100)
})

t.test('the limit on open files is the soft one of this process', async (t) => {
  const folder = testFolder(t, {
    limits:
      'Limit                     Soft Limit  Hard Limit  Units\nMax open files            64          4096        files\n',
    unlimited: 'Max open files            unlimited   unlimited   files\n',
  })
  t.equal(maxOpenFiles(join(folder, 'limits')), 64)
  t.equal(maxOpenFiles(join(folder, 'unlimited')), Number.POSITIVE_INFINITY)
  t.equal(maxOpenFiles(join(folder, 'absent')), Number.POSITIVE_INFINITY)
  t.ok(maxOpenFiles() > 0)
  t.ok(openFiles() > 0)
  t.equal(openFiles(join(folder, 'absent')), 0)
})

t.test(
  'F66: less is done for whom most was done lately, and for all when that does not help',
  async (t) => {
    const { look, note, sheds } = watchedProcess(t)
    const shed = () => ['heavy', 'light', 'nobody'].filter(sheds)
    note('heavy', 1000)
    note('light', 100)
    t.same(shed(), [], 'nothing while there is not too much')
    await look({ usedMiB: 201 })
    t.same(shed(), ['heavy'])
    await look({ nowMs: 10_001 })
    t.same(shed(), ['heavy', 'light', 'nobody'])
    await look({ usedMiB: 50, nowMs: 11_000 })
    while (sheds('heavy')) await look({})
    for (let looks = 0; looks < 60; looks++) await look({})
    note('light', 1)
    await look({ usedMiB: 201, nowMs: 20_000 })
    t.same(shed(), ['light'], 'what was long ago is forgotten')
  },
)

t.test('this version of Node.js knows the flag by which V8 compiles sooner', async (t) => {
  t.doesNotThrow(() => compileSooner('99.1'), 'and none is set in one that is not known')
  compileSooner()
  const program = `import { compileSooner } from './src/core/process-watch.ts'; compileSooner()`
  const args = ['--import=./test/loader/register.mjs', '--input-type=module', '--eval', program]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  t.same({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' })
})
