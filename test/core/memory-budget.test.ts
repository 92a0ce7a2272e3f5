import t from 'tap'
import { checkConfig } from '../../src/config.ts'
import { withinBudget } from '../../src/core/memory-budget.ts'

const mebibyte = 1024 * 1024
const { limits } = checkConfig({ limits: { memory: { mib: 1_048_576 } } })
const withMib = (mib: number) => ({ ...limits, memory: { ...limits.memory, mib } })

t.test('the budget is a quarter of the machine, and at least 512 MiB', async (t) => {
  const mibOf = (machineMiB: number) => withinBudget(withMib(0), machineMiB * mebibyte).memory.mib
  t.same([512, 2048, 4096, 65_536].map(mibOf), [512, 512, 1024, 16_384])
  t.ok(checkConfig({}).limits.memory.mib >= 512, 'of this machine')
  t.equal(checkConfig({ limits: { memory: { mib: 100 } } }).limits.memory.mib, 100)
})

t.test('retained values have at most a half of it, and all else an eighth', async (t) => {
  const { retained, sessions, memory } = withinBudget(withMib(16))
  t.equal(retained.totalBytes, 8 * mebibyte)
  t.equal(sessions.totalBytes, 2 * mebibyte)
  t.equal(memory.inboundMiB, 2)
  t.equal(memory.outboundMiB, 2)
  const roomy = withinBudget(limits)
  t.equal(roomy.retained.totalBytes, limits.retained.totalBytes)
  t.equal(roomy.sessions.totalBytes, limits.sessions.totalBytes)
})

t.test('what waits for a client has room for two of the largest messages', async (t) => {
  const { websocket, sessions } = checkConfig({
    limits: {
      mqtt: { publishBytes: 5_000_000 },
      websocket: { messageBytes: 3000, outboundBytes: 7000 },
      sessions: { bytes: 1 },
    },
  }).limits
  t.equal(sessions.bytes, 10_000_000)
  t.equal(websocket.outboundBytes, 7000)
})
