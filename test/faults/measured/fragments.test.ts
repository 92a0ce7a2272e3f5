import t from 'tap'
import { atLength } from '../../full-length.ts'
import { hubProcess } from '../../hub-process.ts'
import { connectPacket, hex } from '../../raw-mqtt.ts'
import { rawFrame, rawWebSocketTo } from '../../raw-websocket.ts'
import { startControl } from '../control.ts'

const mebibyte = 1024 * 1024
const socketsAtOnce = 100
const rounds = atLength(5, 2)

/** A message without an end; by MQTT a packet that is read past, of as many bytes as there can be. */
const firsts: Record<string, Buffer> = {
  '/talk': rawFrame(0x01, 'a'),
  '/mqtt': rawFrame(0x02, Buffer.concat([connectPacket(), hex('30 ffffff7f 0001 61')])),
}

/** Each costs its sender 7 bytes, and a hub that keeps it a hundred or so. */
const thousand = Buffer.concat(Array.from({ length: 1000 }, () => rawFrame(0, 'a')))

t.test('CVE-2026-48779, GHSA-96hv-2xvq-fx4p, F22: endless fragments cost little', async (t) => {
  const hub = await hubProcess(t)
  const control = await startControl(t, hub)
  /** As many fragments as the hub and the kernel take at once. */
  const pour = async (path: string) => {
    const { socket, ended } = await rawWebSocketTo(t, hub, { path })
    const isGone = ended.then(() => true)
    socket.write(firsts[path] ?? '')
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
  t.ok(counters['websocket-held-back'], 'they are read no faster than messages')
  t.notOk(counters['websocket-message-too-big'])
  await control.stop()
})
