import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { atLength } from '../full-length.ts'
import { hubProcess } from '../hub-process.ts'
import { startChurn, startSteadyLoad } from './load.ts'
import { slopeOf } from './slope.ts'

/** `SOAK_MINUTES=1440 npm run test:soak` is a day. */
const minutes = Number(process.env['SOAK_MINUTES'] ?? atLength(10, 1))
const endMs = minutes * 60_000
/** Until then code is compiled, and every table has its size. */
const warmUpMs = endMs * 0.4
const sampleMs = Math.max(2000, endMs / 600)

/**
 * How much an hour may add to what objects and buffers hold. In minutes this moves by a few MiB for reasons of
 * its own, however few minutes, which looks like much an hour; in an hour and longer it does not.
 */
const maxUsedMiBPerHour = minutes < 60 ? 300 / minutes : 1
/** And to what is resident. In minutes this says more of the runtime and its other work than of the hub. */
const maxResidentMiBPerHour = minutes < 60 ? 2400 / minutes : 4

type Sample = readonly [hours: number, mebibytes: number]

const bytesPerMiB = 1024 * 1024

// For the file, which nobody else runs, and with it for its test.
t.setTimeout(endMs + 120_000)

/** Beside other work a hub is late at times; nothing is to be dropped for that here. Points fill their room soon. */
const limits = {
  process: { lagMs: 60_000 },
  sessions: { messages: 10_000 },
  history: { openMiB: 1 },
}

t.test(`F32: after ${minutes} minutes under load no memory and no handle is missing`, async (t) => {
  t.setTimeout(endMs + 120_000)
  // Not in the test's own folder: this runs beside the other tests.
  const folder = mkdtempSync(join(tmpdir(), 'clown-hub-soak-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const hub = await hubProcess(t, { data: { folder }, limits })
  const steady = await startSteadyLoad(t, hub)
  const churn = startChurn(t, hub)
  const used: Sample[] = []
  const resident: Sample[] = []
  const handles = () => readdirSync(`/proc/${hub.processId}/fd`).length
  const startedAtMs = performance.now()
  const livedMs = () => performance.now() - startedAtMs
  let warmHandles = 0
  while (livedMs() < endMs) {
    await pause(sampleMs)
    if (livedMs() < warmUpMs) {
      warmHandles = Math.max(warmHandles, handles())
      continue
    }
    const { usedBytes, residentBytes } = await hub.report()
    const hours = livedMs() / 3_600_000
    used.push([hours, usedBytes / bytesPerMiB])
    resident.push([hours, residentBytes / bytesPerMiB])
  }
  await churn.stop()
  const { count, sent, received } = await steady.stop()
  const messagesPerSecond = count / (livedMs() / 1000)
  t.comment(
    `${count} messages, ${Math.round(messagesPerSecond)}/s, of QoS 0 ` +
      `${received.unacknowledged} of ${sent.unacknowledged} came; ` +
      `${churn.count()} clients came and went; ${used.length} samples; ` +
      `used ${courseOf(used)}; resident ${courseOf(resident)}`,
  )
  t.ok(messagesPerSecond > 200, 'the load was there')
  t.equal(received.acknowledged, sent.acknowledged, 'a client has every message of QoS 1 and 2')
  t.ok(churn.count() > minutes * 30, 'clients came and went')
  t.ok(slopeOf(used) < maxUsedMiBPerHour, 'what is used does not grow')
  t.ok(slopeOf(resident) < maxResidentMiBPerHour, 'what is resident does not grow')
  t.ok(handles() <= warmHandles, `${handles()} handles, ${warmHandles} at most in the beginning`)
})

function courseOf(samples: readonly Sample[]): string {
  const [first, last] = [samples[0], samples.at(-1)]
  return `${first?.[1].toFixed(1)} to ${last?.[1].toFixed(1)} MiB, ${slopeOf(samples).toFixed(1)} MiB/h`
}
