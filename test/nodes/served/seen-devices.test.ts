import t from 'tap'
import { createListeners } from '../../../src/core/callbacks.ts'
import { Payload } from '../../../src/core/payload.ts'
import type { DeviceLabel } from '../../../src/nodes/registry/device-labels.ts'
import type { KnownDevice, KnownNode } from '../../../src/nodes/registry/device-table.ts'
import { nodeName } from '../../../src/nodes/served/device-numbers.ts'
import {
  byNode,
  byPlace,
  openSeenDevices,
  whereOf,
} from '../../../src/nodes/served/seen-devices.ts'
import { deviceNamed } from '../../dialects/seen-device.ts'

const base = 'nodes/bridge/0'

function knownNode(): KnownNode {
  return {
    base,
    devices: new Map(),
    introduction: {},
    hasListed: false,
    online: true,
    isSilent: false,
    speaker: undefined,
    heard: undefined,
  }
}

function knownDevice(node: KnownNode, name: string): KnownDevice {
  const [kind = ''] = name.split('/')
  const device: KnownDevice = {
    topic: `${base}/${name}`,
    node,
    name,
    kind,
    owner: '',
    role: 'sensor',
    listed: undefined,
    hasObeyed: false,
    intervalsMs: [],
    reportIntervalMs: undefined,
    isForgotten: false,
    heard: undefined,
  }
  node.devices.set(name, device)
  return device
}

/** Devices whose numbers are in the store when `store` is called; `said` is what they reported last, by topic. */
async function opened(node: KnownNode, said: ReadonlyMap<string, unknown> = new Map()) {
  const heard = createListeners<[KnownDevice]>()
  const forgotten = createListeners<[KnownDevice]>()
  const online = createListeners<[KnownNode]>()
  const known = new Map([...node.devices.values()].map((device) => [device.topic, device]))
  const numbers = new Map([
    [nodeName(base), 1],
    ...[...known.keys()].map((topic, at) => [topic, at + 2] as const),
  ])
  const firsts = new Map<string, string>()
  const labels = new Map<string, DeviceLabel>()
  const labelled = createListeners<[string]>()
  const waiting: (() => void)[] = []
  let last = 100
  const seen = await openSeenDevices({
    registry: {
      nodes: new Map([[base, node]]),
      device: (topic) => known.get(topic),
      devicesBelow: () => [...known.values()],
      isOffline: () => false,
    },
    values: {
      of: (topic) => {
        const value = said.get(topic)
        const payload = Payload.ofJson(JSON.stringify(value) ?? 'null', value)
        return value === undefined ? undefined : { payload, heardMs: 0 }
      },
    },
    states: { isKnown: () => true, onChange: () => () => {} },
    labels: { of: (topic) => labels.get(topic) ?? {}, onChange: labelled.add },
    numbers: {
      of: (name) => numbers.get(name),
      firstNameOf: (name) => firsts.get(name) ?? name,
      swap: async (one, other) => {
        const both = [numbers.get(one), numbers.get(other)] as const
        if (both[0] === undefined || both[1] === undefined) return
        numbers.set(one, both[1]).set(other, both[0])
        firsts.set(one, other).set(other, one)
      },
      give: async (names) => {
        if (names.every((name) => numbers.has(name))) return
        await new Promise<void>((resolve) => waiting.push(resolve))
        for (const name of names) if (!numbers.has(name)) numbers.set(name, ++last)
      },
    },
    on: { heard: heard.add, forgotten: forgotten.add, online: online.add },
  })
  const below = seen.below(base)
  const events: string[] = []
  below.onEvent((event, device) => events.push(`${event} ${device.name}`))
  const store = async () => {
    for (const resolve of waiting.splice(0)) resolve()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const label = (topic: string, said: DeviceLabel) => {
    labels.set(topic, said)
    labelled.tell(topic)
  }
  return { seen, below, events, known, heard, forgotten, online, store, label }
}

t.test('what was known is there at once, and is no news', async (t) => {
  const node = knownNode()
  knownDevice(node, 'relay/a')
  const { below, events, seen } = await opened(node)
  t.match(below.all(), [{ number: 2, nodeNumber: 1, name: 'relay/a', online: true }])
  t.equal(below.get(2)?.topic, `${base}/relay/a`)
  t.equal(below.get(3), undefined)
  t.equal(seen.below('nodes/other').get(2), undefined)
  t.same(seen.below('nodes/other').all(), [])
  t.same(events, [])
  seen.close()
})

t.test('a device is told once it has its number, and once only', async (t) => {
  const node = knownNode()
  const { below, events, known, heard, store } = await opened(node)
  const device = knownDevice(node, 'relay/a')
  known.set(device.topic, device)
  heard.tell(device)
  heard.tell(device)
  t.same(below.all(), [], 'not before the store has it')
  await store()
  t.same(events, ['added relay/a'])
  heard.tell(device)
  t.same(events, ['added relay/a'], 'it was listed again')
  device.heard = { atMs: 5, nowMs: 5, isRestored: false }
  heard.tell(device)
  t.same(events, ['added relay/a', 'reported relay/a'])
  t.equal(below.all()[0]?.heardAtMs, 5)
})

t.test('what went before it had a number was never there', async (t) => {
  const node = knownNode()
  const { below, events, known, heard, forgotten, store } = await opened(node)
  const device = knownDevice(node, 'relay/a')
  known.set(device.topic, device)
  heard.tell(device)
  known.delete(device.topic)
  forgotten.tell(device)
  await store()
  t.same(events, [])
  t.same(below.all(), [])
})

t.test('a spare part is known as what it replaces, which is told as what it is now', async (t) => {
  const node = knownNode()
  knownDevice(node, 'relay/a')
  const spare = knownDevice(node, 'relay/b')
  const { below, events, seen, known } = await opened(node)
  await seen.replaced(`${base}/relay/a`, spare.topic)
  t.match(below.get(2), { topic: spare.topic, firstTopic: `${base}/relay/a` })
  t.match(below.get(3), { topic: `${base}/relay/a`, firstTopic: spare.topic })
  t.same(events, ['labelled relay/a', 'reported relay/a', 'labelled relay/b', 'reported relay/b'])
  known.delete(`${base}/relay/a`)
  await seen.replaced(`${base}/relay/a`, spare.topic)
  t.match(below.all(), [{ number: 3, topic: spare.topic }])
  const unwritten = knownDevice(node, 'relay/c')
  known.set(unwritten.topic, unwritten)
  await seen.replaced(unwritten.topic, spare.topic)
  t.same(below.all(), [{ ...below.get(3) }], 'of one that never had a number there is nothing')
})

t.test('what goes is told last, and what its node does, of each', async (t) => {
  const node = knownNode()
  const device = knownDevice(node, 'relay/a')
  knownDevice(node, 'relay/b')
  const { below, events, known, forgotten, online, seen } = await opened(node)
  online.tell(node)
  known.delete(device.topic)
  t.equal(below.all().length, 1)
  forgotten.tell(device)
  t.same(events, ['reachable relay/a', 'reachable relay/b', 'deleted relay/a'])
  t.equal(below.all().length, 1)
  const all: string[] = []
  const stop = seen.below('').onEvent((event) => all.push(event))
  stop()
  online.tell(node)
  t.same(all, [])
})

t.test(
  'what people call a device is told, and where it is once the room has its number',
  async (t) => {
    const node = knownNode()
    const { topic } = knownDevice(node, 'relay/a')
    knownDevice(node, 'relay/b')
    const { below, events, label, store } = await opened(node)
    label('nodes/none/0/relay/a', { title: 'Nobody' })
    label(topic, { title: 'Pump', room: 'Cellar' })
    t.match(below.get(2), { title: 'Pump' })
    t.notOk('room' in Object(below.get(2)))
    t.same(events, [])
    await store()
    t.same(events, ['labelled relay/a'])
    const room = { number: 101, name: 'Cellar' }
    t.match(below.get(2), { title: 'Pump', room })
    t.same(
      byPlace(below.all()).map(([device]) => whereOf(device)),
      [room, { number: 1, name: base }],
    )
  },
)

t.test('nodes are told apart by their numbers, and come as their first devices do', async (t) => {
  const other = deviceNamed(5, 'led/-', { nodeNumber: 4, base: 'nodes/bridge/1' })
  const nodes = byNode([deviceNamed(2, 'relay/a'), other, deviceNamed(3, 'relay/b')])
  t.same(
    nodes.map((node) => node.map(({ number }) => number)),
    [[2, 3], [5]],
  )
  t.same(byNode([]), [])
})

t.test('a device has what it has ever reported, as far as that can be kept', async (t) => {
  const node = knownNode()
  const { topic } = knownDevice(node, 'light/a')
  const said = new Map<string, unknown>()
  const { below } = await opened(node, said)
  const keys = () => [...(below.get(2)?.keys ?? [])]
  t.same(keys(), [])
  said.set(topic, { state: true, brightness: 50 })
  t.same(keys(), ['state', 'brightness'])
  said.set(topic, { state: false })
  t.same(keys(), ['state', 'brightness'])
  said.set(topic, 5)
  t.same(keys(), ['state', 'brightness'])
  said.set(topic, Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`key ${at}`, at])))
  t.equal(keys().length, 64)
})
