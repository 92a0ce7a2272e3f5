import t, { type Test } from 'tap'
import {
  type SimulatedNodeOptions,
  startSimulatedNode,
} from '../../src/simulator/start-simulated-node.ts'
import { ranLine } from '../cli/run-line.ts'
import { createInbox } from '../inbox.ts'
import { type MqttMessage, mqttTo, startedHub } from '../started-hub.ts'

const base = 'nodes/bridge/0'
const relay = `${base}/relay/i2c0-3b`
const bridge = { password: 'three', role: 'node', base } as const
const clown = { password: 'bigclown', role: 'admin' } as const

/** Commands follow each other faster than a relay may be switched. */
const unguarded = { rules: [{ minIntervalMilliseconds: 0, perSecond: 0 }] }

/** A hub, a node with faults, and all that becomes of commands to its relay. */
async function startWith(t: Test, options: Pick<SimulatedNodeOptions, 'faults' | 'absence'>) {
  const hub = await startedHub(t, { users: { clown, bridge }, commands: unguarded })
  const filter = [`$SYS/hub/commands/${relay}`, `$SYS/hub/nodes/${base}`, `${relay}/#`]
  const { messages } = await mqttTo(t, hub, { filter })
  const lines = createInbox<string>()
  const url = `mqtt://bridge:three@127.0.0.1:${hub.mqttPort}`
  const node = await startSimulatedNode({ url, name: base, log: lines.put, ...options })
  t.teardown(() => node.close())
  const valuesOn = (topic: string) =>
    messages.items
      .filter((one) => one.topic === topic)
      .map(({ payload }) => JSON.parse(`${payload}`))
  const environment = { CLOWN_HUB_URL: `http://clown:bigclown@127.0.0.1:${hub.httpPort}` }
  return {
    /** Runs clown-hub set and answers its exit code and its line. */
    set: async (words: string) => {
      const { code, output } = await ranLine(`set relay/i2c0-3b ${words}`, { environment })
      return { code, line: output.join('\n') }
    },
    /** Waits for the next message on `topic` that has all of `part` in it. */
    next: (topic: string, part: string) =>
      messages.next((one) => one.topic === topic && String(one.payload).includes(part)),
    /** The same, of those that came after `earlier`. */
    later: (topic: string, part: string, earlier: MqttMessage) =>
      messages.next((one) => {
        const isLater = messages.items.indexOf(one) > messages.items.indexOf(earlier)
        return isLater && one.topic === topic && String(one.payload).includes(part)
      }),
    mqttPort: hub.mqttPort,
    receipts: () => valuesOn(filter[0] ?? '').map(({ receipt }) => receipt),
    valuesOn,
  }
}

const life = `$SYS/hub/commands/${relay}`
const confirmed = ['sent', 'confirmed']

t.test('F25: a late confirmation is told as one, once, however often it comes', async (t) => {
  const faults = { lateMs: 600, isTwice: true }
  const { set, next, receipts } = await startWith(t, { faults })
  const { code, line } = await set('on --timeout 300ms')
  t.equal(code, 3)
  t.match(line, /: not confirmed in time; it may have been obeyed, or not, after \d+ ms$/)
  await next(life, '"confirmed-late"')
  t.equal((await set('off --timeout 10s')).code, 0)
  await next(life, '"confirmed"')
  t.same(receipts(), ['sent', 'timed-out', 'confirmed-late', ...confirmed])
})

t.test('F25: a node that says everything twice has confirmed once', async (t) => {
  const { set, next, receipts } = await startWith(t, { faults: { isTwice: true } })
  for (const value of ['on', 'off']) {
    t.equal((await set(value)).code, 0)
    await next(life, '"confirmed"')
  }
  t.same(receipts(), [...confirmed, ...confirmed])
})

t.test('F25: what a lying node tells is a mismatch', async (t) => {
  const { set, next, receipts } = await startWith(t, { faults: { isLying: true } })
  const { code, line } = await set('on --timeout 300ms')
  t.equal(code, 3)
  t.match(line, /: its node reports another state than was asked for, after \d+ ms$/)
  await next(life, '"final":true')
  t.same(receipts(), ['sent', 'mismatch', 'mismatch'])
})

t.test('F25: a flapping relay is confirmed once, and each of its states is told', async (t) => {
  const { set, next, valuesOn, receipts } = await startWith(t, { faults: { isFlapping: true } })
  await next(relay, 'false')
  t.equal((await set('on')).code, 0)
  const states = [true, false, true, false, true].map((state) => ({ state }))
  for (const { state } of states) await next(relay, `${state}`)
  t.same(valuesOn(relay).slice(1), states)
  await next(life, '"by-itself"')
  t.same(receipts().slice(0, 2), confirmed)
  t.same([...new Set(receipts().slice(2))], ['by-itself'])
})

t.test('F25: nobody confirms a command in place of a deaf node', async (t) => {
  const { set, next, receipts, mqttPort } = await startWith(t, { faults: { isDeaf: true } })
  const asked = set('on --timeout 500ms')
  await next(life, '"sent"')
  const other = await mqttTo(t, { mqttPort, httpPort: 0 })
  await other.client.publishAsync(relay, '{"state":true}', { qos: 1 })
  t.equal((await asked).code, 3)
  await next(life, '"timed-out"')
  t.same(receipts(), ['sent', 'timed-out'])
})

t.test('F25: a deaf node confirms nothing, and the later command takes over', async (t) => {
  const { set, next, receipts } = await startWith(t, { faults: { isDeaf: true } })
  const first = set('on --timeout 60s')
  await next(life, '"sent"')
  t.equal((await set('off --timeout 300ms')).code, 6, 'it was off before, and says nothing')
  const { code, line } = await first
  t.equal(code, 4)
  t.match(line, /: a later command took its place, after \d+ ms$/)
  t.notOk(receipts().includes('confirmed'))
})

t.test('nothing is sent to a node that is gone, until it is back', async (t) => {
  const absence = { offlineAfterMs: 300, backAfterMs: 1500 }
  const { set, next, later, valuesOn } = await startWith(t, { absence })
  const node = `$SYS/hub/nodes/${base}`
  await next(node, '"online":false')
  await next(node, '"online":true')
  const isBack = later(node, '"online":true', await next(node, '"online":false'))
  const { code, line } = await set('on')
  t.equal(code, 5)
  t.match(line, /: its node is offline; nothing was sent, after 0 ms/)
  await isBack
  t.equal((await set('off')).code, 0)
  t.same(valuesOn(`${relay}/set`), [{ state: false }])
})
