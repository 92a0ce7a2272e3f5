import t from 'tap'
import { Payload } from '../../../src/core/payload.ts'
import { openMemoryStore } from '../../../src/store/memory-store.ts'
import { changingPresence, openedNodes, smallBus, stillClocks } from './opened-nodes.ts'

/** What a hub that starts on `store` knows of its devices. */
async function after(
  t: Parameters<typeof openedNodes>[0],
  around: Parameters<typeof openedNodes>[1],
) {
  const nodes = await openedNodes(t, around)
  const { registry, values } = nodes
  const devices = registry.devicesBelow('').map(({ topic, role, reportIntervalMs, heard }) => ({
    topic,
    role,
    reportIntervalMs,
    at: heard && new Date(heard.atMs).toISOString(),
    value: values.of(topic)?.payload.bytes.toString(),
  }))
  return { ...nodes, devices }
}

t.test('devices, their values and report intervals survive a restart', async (t) => {
  const [store, clock] = [openMemoryStore(), stillClocks()]
  const before = await openedNodes(t, { store, clock })
  for (let report = 0; report < 4; report++) {
    before.say('n/thermometer/0', { temperature: [report, '℃'] })
    clock.advance(1000)
  }
  before.say('n/heater/0', 'a\nb')
  before.registry.obeyed('n/heater/0')
  before.say('n/-/-/config/ok', { sensors: ['pir/-'], actuators: [], notifications: [] })
  clock.advance(1)
  before.say('n/boot', { 'firmware-release': '1.0', capabilities: 1 })
  await before.close()

  clock.advance(60_000)
  const { devices, registry, told, say, bus } = await after(t, { store, clock })
  t.same(devices, [
    {
      topic: 'n/pir/-',
      role: 'sensor',
      reportIntervalMs: undefined,
      at: undefined,
      value: undefined,
    },
    {
      topic: 'n/thermometer/0',
      role: 'sensor',
      reportIntervalMs: 1000,
      at: '2026-11-21T12:00:03.000Z',
      value: '{"temperature":[3,"℃"]}',
    },
    {
      topic: 'n/heater/0',
      role: 'actuator',
      reportIntervalMs: undefined,
      at: '2026-11-21T12:00:04.000Z',
      value: '"a\\nb"',
    },
    {
      topic: 'n/boot',
      role: 'notification',
      reportIntervalMs: undefined,
      at: '2026-11-21T12:00:04.001Z',
      value: undefined,
    },
  ])
  t.notOk(registry.isAnyNewlyOffline(), 'nobody can tell yet')
  t.match(registry.nodes.get('n'), {
    online: null,
    introduction: { firmware: '1.0', capabilities: 1 },
  })
  t.match(bus.kept.get('$SYS/hub/nodes/n')?.payload.value, {
    online: null,
    lastSeen: '2026-11-21T12:00:04.001Z',
  })
  say('n/thermometer/0', 1)
  t.match(await told.next(), { base: 'n', value: { online: true } })
  t.equal(registry.device('n/thermometer/0')?.intervalsMs.length, 3, 'the pause is no interval')
})

t.test('after a restart a node that signs in is what its connection says', async (t) => {
  const store = openMemoryStore()
  const before = await openedNodes(t, { store })
  before.say('n/relay/0', 1)
  before.say('m/relay/0', 1)
  await before.close()
  const presence = changingPresence({ n: false })
  const { registry } = await openedNodes(t, { store, presence })
  t.equal(registry.nodes.get('n')?.online, false)
  t.equal(registry.nodes.get('m')?.online, null)
})

t.test('what was forgotten is not known after a restart', async (t) => {
  const store = openMemoryStore()
  const before = await openedNodes(t, { store })
  before.say('n/a/0', 1)
  before.say('m/a/0', 1)
  await before.close()
  const between = await openedNodes(t, { store })
  between.clear('n/a/0')
  await between.close()
  const { devices } = await after(t, { store })
  t.same(
    devices.map(({ topic }) => topic),
    ['m/a/0'],
  )
  for await (const [key] of store.entries('node/')) t.match(key, /m/)
})

t.test('with a lower limit the longest silent are forgotten', async (t) => {
  const [store, clock] = [openMemoryStore(), stillClocks()]
  const before = await openedNodes(t, { store, clock })
  for (const topic of ['c/x/0', 'a/x/0', 'b/x/0']) {
    clock.advance(1000)
    before.say(topic, 1)
  }
  await before.close()
  const { devices, close } = await after(t, { store, clock, devices: 2 })
  t.same(
    devices.map(({ topic }) => topic),
    ['a/x/0', 'b/x/0'],
  )
  await close()
  const keys: string[] = []
  for await (const [key] of store.entries('node/')) keys.push(key)
  t.equal(keys.length, 4)
})

t.test('a retained value is newer than what was written of it', async (t) => {
  const [store, bus] = [openMemoryStore(), smallBus()]
  const before = await openedNodes(t, { store })
  before.say('n/relay/0', 1)
  await before.close()
  const payload = new Payload(Buffer.from('2'))
  bus.publish({ topic: 'n/relay/0', payload, qos: 0, retain: true })
  const { devices } = await after(t, { store, bus })
  t.match(devices, [{ topic: 'n/relay/0', value: '2' }])
})

t.test('a clock that was set back makes nothing come from the future', async (t) => {
  const [store, clock] = [openMemoryStore(), stillClocks()]
  const before = await openedNodes(t, { store, clock })
  before.say('n/relay/0', 1)
  await before.close()
  clock.setWall(0)
  const { registry, values } = await openedNodes(t, { store, clock })
  t.equal(registry.device('n/relay/0')?.heard?.nowMs, clock.nowMs())
  t.equal(values.of('n/relay/0')?.heardMs, clock.nowMs())
})

t.test('what cannot be read is left out, and counted', async (t) => {
  const store = openMemoryStore()
  await store.write([
    { key: 'node/device/n/a/0', value: Buffer.from('{') },
    { key: 'node/device/n/b/0', value: Buffer.from('{"hasObeyed":1,"intervalsMs":[]}') },
    { key: 'node/device/n/c/0', value: Buffer.from('{"hasObeyed":true,"intervalsMs":[]}') },
    // As 0.1 wrote it of a device that somebody had commanded.
    { key: 'node/device/n/d/0', value: Buffer.from('{"isCommanded":true,"intervalsMs":[]}') },
    { key: 'node/base/n', value: Buffer.from('[]') },
    { key: 'node/base/m', value: Buffer.from('{}') },
  ])
  const { devices, counters, registry } = await after(t, { store })
  t.match(devices, [
    { topic: 'n/c/0', role: 'actuator' },
    { topic: 'n/d/0', role: 'sensor' },
  ])
  t.same([...registry.nodes.keys()], ['n'])
  t.equal(counters.snapshot()['nodes-unreadable'], 3)
})
