import t from 'tap'
import { hubProcess } from '../hub-process.ts'
import { rawFrame, rawWebSocketTo } from '../raw-websocket.ts'
import { startControl } from './control.ts'

const mebibyte = 1024 * 1024
const socketsAtOnce = 100
const rounds = 5

/** Each costs its sender 7 bytes, and a hub that keeps it a hundred or so. */
const first = rawFrame(0x01, 'a')
const thousand = Buffer.concat(Array.from({ length: 1000 }, () => rawFrame(0, 'a')))

t.test('CVE-2026-48779, GHSA-96hv-2xvq-fx4p, F22: endless fragments cost little', async (t) => {
  const hub = await hubProcess(t)
  const control = await startControl(t, hub)
  /** As many fragments as the hub takes, and no more than the bytes of a message allow. */
  const pour = async (path: string) => {
    const { socket, ended } = await rawWebSocketTo(t, hub, { path })
    const isGone = ended.then(() => true)
    socket.write(first)
    for (let count = 0; count < 60 && socket.writable; count++) {
      await Promise.race([new Promise((resolve) => socket.write(thousand, resolve)), isGone])
    }
    return socket
  }
  const pourAll = async () => {
    const paths = Array.from({ length: socketsAtOnce }, (_, at) => (at % 2 ? '/talk' : '/mqtt'))
    for (const socket of await Promise.all(paths.map(pour))) socket.destroy()
  }
  // Code that runs for the first time costs memory as well.
  await pourAll()
  const before = await hub.report()
  for (let round = 0; round < rounds; round++) await pourAll()
  const { peakBytes, counters } = await hub.report()
  const grownMiB = (peakBytes - before.residentBytes) / mebibyte
  t.ok(
    grownMiB < socketsAtOnce,
    `${grownMiB.toFixed(1)} MiB more for ${socketsAtOnce} sockets at once`,
  )
  t.equal(counters['websocket-too-many-fragments'], (rounds + 1) * socketsAtOnce)
  await control.stop()
})
