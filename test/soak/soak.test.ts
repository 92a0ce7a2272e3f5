import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { hubProcess } from '../hub-process.ts'
import { startChurn, startSteadyLoad } from './load.ts'
import { slopeOf } from './slope.ts'

/** `SOAK_MINUTES=1440 npm run test:soak` is a day. */
const minutes = Number(process.env['SOAK_MINUTES'] ?? 10)
const endMs = minutes * 60_000
/** Until then code is compiled, and every table has its size. */
const warmUpMs = endMs * 0.4
const sampleMs = Math.max(2000, endMs / 600)

/**
 * How much an hour may add. In minutes a heap moves by some MiB for reasons of its own, which looks like
 * much an hour; in an hour and longer it does not.
 */
const maxMiBPerHour = minutes < 60 ? 30 : 1

// For the file, which nobody else runs, and with it for its test.
t.setTimeout(endMs + 120_000)

/** Beside other work a hub is late at times; nothing is to be dropped for that here. */
const limits = { process: { lagMs: 60_000 }, sessions: { messages: 10_000 } }

t.test(`F32: after ${minutes} minutes under load no memory and no handle is missing`, async (t) => {
  t.setTimeout(endMs + 120_000)
  // Not in the test's own folder: this runs beside the other tests.
  const folder = mkdtempSync(join(tmpdir(), 'clown-hub-soak-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const hub = await hubProcess(t, { data: { folder }, limits })
  const steady = await startSteadyLoad(t, hub)
  const churn = startChurn(t, hub)
  const samples: { readonly hours: number; readonly mebibytes: number }[] = []
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
    const { residentBytes } = await hub.report()
    samples.push({ hours: livedMs() / 3_600_000, mebibytes: residentBytes / 1024 / 1024 })
  }
  await churn.stop()
  const { sent, received } = await steady.stop()
  const messagesPerSecond = sent / (livedMs() / 1000)
  const mibPerHour = slopeOf(samples.map(({ hours, mebibytes }) => [hours, mebibytes]))
  t.comment(
    `${sent} messages, ${Math.round(messagesPerSecond)}/s; ${churn.count()} clients came and went; ` +
      `${mibPerHour.toFixed(1)} MiB/h over ${samples.length} samples, ` +
      `from ${samples[0]?.mebibytes.toFixed(1)} to ${samples.at(-1)?.mebibytes.toFixed(1)} MiB`,
  )
  t.ok(messagesPerSecond > 200, 'the load was there')
  t.equal(received, sent, 'a healthy client saw every message')
  t.ok(churn.count() > minutes * 30, 'clients came and went')
  t.ok(mibPerHour < maxMiBPerHour, `memory grows by ${mibPerHour} MiB an hour`)
  t.ok(handles() <= warmHandles, `${handles()} handles, ${warmHandles} at most in the beginning`)
  t.match(await hub.counters(), { 'mqtt-messages-dropped': undefined })
})
