import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { createOfflineDetection } from '../../../src/nodes/registry/offline-detection.ts'
import { changingPresence, openedNodes, stillClocks } from './opened-nodes.ts'

type Opened = Awaited<ReturnType<typeof openedNodes>>

/** Reports of a device, the last one now. */
function report({ say, clock }: Opened, topic: string, { times = 4, everyMs = 0 } = {}): void {
  for (let done = 0; done < times; done++) {
    if (done > 0) clock.advance(everyMs)
    say(topic, done)
  }
}

/** Waits until `online` of a node is told to be so. */
function toldOnline({ told }: Opened, base: string, online: boolean | null) {
  return told.next((item) => {
    const { value } = item
    const isNode = typeof value === 'object' && value !== null && 'online' in value
    return item.base === base && isNode && value.online === online
  })
}

t.test('a node that signs in is there as long as it is signed in, whatever is said', async (t) => {
  const presence = changingPresence({ n: false })
  const nodes = await openedNodes(t, { presence })
  const { registry, say, clock } = nodes
  t.ok(registry.isOffline('n'))
  say('n/thermometer/0', 1)
  t.ok(registry.isOffline('n'), 'somebody else may have said that')
  presence.set('n', true)
  await toldOnline(nodes, 'n', true)
  t.notOk(registry.isOffline('n'))
  report(nodes, 'n/thermometer/0', { everyMs: 1000 })
  clock.advance(1_000_000)
  for (let look = 0; look < 4; look++) await turn()
  t.equal(registry.nodes.get('n')?.online, true)
  presence.set('n', false)
  await toldOnline(nodes, 'n', false)
  t.ok(registry.isOffline('n'))
})

t.test('without its user a node is judged by its reports', async (t) => {
  const presence = changingPresence({ n: false, m: false })
  const nodes = await openedNodes(t, { presence })
  nodes.say('n/thermometer/0', 1)
  presence.set('n', undefined)
  await toldOnline(nodes, 'n', true)
  presence.set('unknown', undefined)
  t.notOk(nodes.registry.isOffline('unknown'))
})

t.test('a node that reports by the clock is offline after three report intervals', async (t) => {
  const nodes = await openedNodes(t)
  const { registry, clock } = nodes
  report(nodes, 'n/thermometer/0', { everyMs: 10_000 })
  await toldOnline(nodes, 'n', true)
  clock.advance(30_000)
  t.notOk(registry.isAnyNewlyOffline())
  clock.advance(1)
  t.ok(registry.isAnyNewlyOffline())
  await toldOnline(nodes, 'n', false)
  t.ok(registry.isOffline('n'))
  nodes.say('n/relay/0', 1)
  t.notOk(registry.isOffline('n'), 'anything that it says brings it back')
})

t.test(
  'F24: the time of day may jump by a day, and a node is neither lost nor found by that',
  async (t) => {
    const nodes = await openedNodes(t)
    const { registry, clock } = nodes
    report(nodes, 'n/thermometer/0', { everyMs: 10_000 })
    await toldOnline(nodes, 'n', true)
    clock.setWall(clock.wallMs() + 86_400_000)
    clock.advance(30_000)
    t.notOk(registry.isAnyNewlyOffline())
    clock.setWall(clock.wallMs() - 2 * 86_400_000)
    clock.advance(1)
    t.ok(registry.isAnyNewlyOffline())
  },
)

t.test('three seconds of silence are not long, however fast a sensor is', async (t) => {
  const nodes = await openedNodes(t)
  report(nodes, 'n/thermometer/0', { everyMs: 100 })
  nodes.clock.advance(3000)
  t.notOk(nodes.registry.isAnyNewlyOffline())
  nodes.clock.advance(1)
  t.ok(nodes.registry.isAnyNewlyOffline())
})

t.test('the fastest sensor counts that was not stale when its node spoke last', async (t) => {
  const nodes = await openedNodes(t)
  const { registry, clock, say } = nodes
  report(nodes, 'n/slow/0', { everyMs: 60_000 })
  report(nodes, 'n/slower/0', { everyMs: 120_000 })
  report(nodes, 'n/fast/0', { everyMs: 2000 })
  say('n/slow/0', 1)
  clock.advance(6001)
  t.ok(registry.isAnyNewlyOffline())
  clock.advance(60_000)
  say('n/slow/0', 1)
  clock.advance(50_000)
  t.notOk(registry.isAnyNewlyOffline(), 'the fast one is broken')
})

t.test(
  'a node without a report interval is unknown after five minutes, and never offline',
  async (t) => {
    const nodes = await openedNodes(t)
    const { registry, clock } = nodes
    nodes.say('n/relay/0', 1)
    clock.advance(300_000)
    t.notOk(registry.isAnyNewlyOffline())
    clock.advance(1)
    await toldOnline(nodes, 'n', null)
    t.notOk(registry.isOffline('n'))
    clock.advance(10_000_000)
    t.notOk(registry.isAnyNewlyOffline())
  },
)

t.test('answers to requests show that a node is there', async (t) => {
  const nodes = await openedNodes(t)
  report(nodes, 'n/thermometer/0', { everyMs: 1000 })
  nodes.clock.advance(3001)
  nodes.say('n/thermometer/0/config/ok', {})
  nodes.say('m/thermometer/0/config/ok', {})
  t.notOk(nodes.registry.isAnyNewlyOffline())
  t.notOk(nodes.registry.nodes.has('m'), 'but make none known')
})

/** A watch over one node that is silent while the test says so. */
function watched() {
  const clock = stillClocks()
  const settled: number[] = []
  let isSilent = true
  const watch = createOfflineDetection({
    clock,
    everyMs: 1000,
    isAnyNewlyOffline: () => isSilent,
    settle: () => settled.push(clock.nowMs()),
  })
  const look = (afterMs: number) => {
    clock.advance(afterMs)
    watch.look()
    return turn()
  }
  const speak = () => {
    isSilent = false
  }
  return { ...watch, look, settled, speak }
}

t.test('silence is judged once the sockets were read', async (t) => {
  const { look, settled, speak } = watched()
  const looked = look(1000)
  t.same(settled, [], 'not yet')
  await looked
  t.equal(settled.length, 1)
  speak()
  await look(1000)
  t.equal(settled.length, 1)
})

t.test('a look that comes late decides nothing: we were busy, and did not listen', async (t) => {
  const { look, settled } = watched()
  await look(60_000)
  t.same(settled, [])
  await look(1500)
  t.equal(settled.length, 1)
})

t.test('once closed nothing is judged', async (t) => {
  const { look, close, settled } = watched()
  const looked = look(1000)
  close()
  await looked
  t.same(settled, [])
})
