import t from 'tap'
import type { Present } from '../../../src/access/signed-in.ts'
import {
  connectionEntry,
  createMeter,
  inputEntry,
  subscriptionEntry,
} from '../../../src/dialects/tvheadend/status.ts'
import { byNode } from '../../../src/nodes/served/seen-devices.ts'
import { deviceNamed } from '../seen-device.ts'

function presentOn(connection: object): Present {
  const came = { transport: 'mqtt', title: 'node-1', address: '192.0.2.7', connection }
  return { id: 7, user: 'clown', sinceMs: 5999, end: () => {}, ...came }
}

t.test('a connection tells its bytes, and how many there were in the last second', async (t) => {
  const socket = { bytesRead: 100, bytesWritten: 10 }
  const present = presentOn(socket)
  const meter = createMeter()
  t.match(subscriptionEntry(present, meter), { in: 0, out: 0, total_in: 100, total_out: 10 })
  meter.look([present])
  socket.bytesRead = 150
  socket.bytesWritten = 11
  meter.look([present])
  t.same(subscriptionEntry(present, meter), {
    id: 7,
    start: 5,
    errors: 0,
    state: 'Running',
    hostname: '192.0.2.7',
    username: 'clown',
    client: 'mqtt',
    title: 'node-1',
    in: 50,
    out: 1,
    total_in: 150,
    total_out: 11,
  })
})

t.test('a connection that tells nothing of itself is still there', async (t) => {
  t.match(subscriptionEntry(presentOn({}), createMeter()), { total_in: 0, total_out: 0 })
  t.match(connectionEntry(presentOn({})), {
    server: '',
    server_port: 0,
    peer_port: 0,
    streaming: 1,
  })
})

t.test(
  'the signal of a node fades for five minutes, and a node that is gone has none',
  async (t) => {
    const heardAt = (heardAtMs: number | undefined, online: boolean | null = true) =>
      deviceNamed(2, 'relay/a', { heardAtMs, online })
    const signal = (...devices: ReturnType<typeof heardAt>[]) =>
      byNode(devices).map((node) => inputEntry(node, 300_000)['signal'])
    t.same(signal(heardAt(300_000)), [65_535])
    t.same(signal(heardAt(150_000, null)), [32_768])
    t.same(signal(heardAt(0)), [0])
    t.same(signal(heardAt(undefined)), [0])
    t.same(signal(heardAt(undefined), heardAt(300_000)), [65_535])
    t.same(signal(heardAt(300_000, false)), [0])
    t.same(signal(heardAt(400_000)), [65_535], 'a clock was set back')
  },
)

t.test('each node is an input of its own', async (t) => {
  const other = deviceNamed(5, 'led/-', { nodeNumber: 4, base: 'nodes/bridge/1' })
  const nodes = byNode([deviceNamed(2, 'relay/a'), other])
  const [uuid, otherUuid] = nodes.map((node) => inputEntry(node, 0)['uuid'])
  t.not(uuid, otherUuid)
})
