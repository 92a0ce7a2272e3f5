import { setImmediate as turnOver } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { checkConfig } from '../../src/config.ts'
import type { Qos } from '../../src/core/message.ts'
import { optionsOf } from '../../src/mqtt/read-packets.ts'
import { RetainedValues, retainedChange } from '../../src/mqtt/retained.ts'
import { SessionJournal } from '../../src/mqtt/session-journal.ts'
import { openJournal } from '../../src/store/journal.ts'
import {
  isPublish,
  rawMqttTo,
  settled,
  signedIn,
  subscribePacket,
  unsubscribePacket,
} from '../raw-mqtt.ts'
import { put, textsOf } from '../store/contract.ts'
import { lastingStore } from '../store/lasting-store.ts'
import { delivery, keptMessage } from './kept-message.ts'
import { Scenario, stateOf } from './kept-scenario.ts'
import { openedBroker } from './opened-broker.ts'

const client = fc.constantFrom('a', 'b/c')
const qos = fc.constantFrom<Qos>(0, 1, 2)
const filter = fc.constantFrom('#', 'x', '+', 'relay/set')
const steps = fc.oneof(
  fc.tuple(client, fc.boolean()).map(([who, isKept]) => ({
    name: `connect ${who}${isKept ? '' : ' clean'}`,
    run: (scenario: Scenario) => scenario.connect(who, isKept),
  })),
  client.map((who) => ({
    name: `disconnect ${who}`,
    run: (scenario: Scenario) => scenario.disconnect(who),
  })),
  fc.tuple(client, filter, qos).map(([who, what, granted]) => ({
    name: `subscribe ${who} to ${what} at ${granted}`,
    run: (scenario: Scenario) => scenario.subscribe(who, what, granted),
  })),
  fc.tuple(client, filter).map(([who, what]) => ({
    name: `unsubscribe ${who} from ${what}`,
    run: (scenario: Scenario) => scenario.unsubscribe(who, what),
  })),
  fc.tuple(fc.constantFrom('x', 'y'), qos, fc.boolean()).map(([topic, level, retain]) => ({
    name: `publish to ${topic} at ${level}${retain ? ', retained' : ''}`,
    run: (scenario: Scenario) => scenario.publish(topic, level, retain),
  })),
  qos.map((level) => ({
    name: `command at ${level}`,
    run: (scenario: Scenario) => scenario.publish('relay/set', level, false),
  })),
  fc.constant({ name: 'clear x', run: (scenario: Scenario) => scenario.clear('x') }),
  fc.constant({ name: 'crash', run: (scenario: Scenario) => scenario.crash() }),
)

t.test('whatever clients do and whenever the hub ends, the store has what it should', async (t) => {
  const sequence = fc.array(steps, { minLength: 8, maxLength: 25 })
  const property = fc.asyncProperty(sequence, async (all) => {
    const scenario = await Scenario.start(t)
    try {
      // From here on most steps mean something.
      await scenario.connect('a', true)
      await scenario.subscribe('a', '#', 2)
      await scenario.connect('b/c', true)
      for (const { run } of all) {
        await run(scenario)
        await scenario.check()
      }
    } catch (error) {
      throw new Error(all.map(({ name }) => name).join('; '), { cause: error })
    } finally {
      await scenario.end()
    }
  })
  await t.resolves(fc.assert(property, { numRuns: 40 }))
})

// --- limits ---

const { limits } = checkConfig({ users: { anonymous: { role: 'admin' } } })

t.test('past a limit that is lower now, what is kept is given up, and counted', async (t) => {
  const store = await lastingStore()
  const journal = openJournal(store)
  await store.write(['a', 'b', 'c'].map((topic) => retainedChange(keptMessage(1, { topic }))))
  for (const clientId of ['new', 'old']) {
    const session = new SessionJournal(journal, clientId)
    session.here(9 * 3600)
    session.subscribed({ filter: '#', ...optionsOf(1, undefined) }, true)
    for (let count = 1; count <= 5; count++) session.waits(delivery(count))
  }
  await journal.close()
  await store.write([put('session/old/client', String(Date.now() - 3 * 3_600_000))])
  const { counters } = await openedBroker(t, store, {
    retained: { ...limits.retained, topics: 2 },
    sessions: { ...limits.sessions, hours: 2, messages: 2 },
  })
  for (let turn = 0; turn < 8; turn++) await turnOver()
  const { 'retained-refused': refused, 'mqtt-sessions-ended': ended, ...others } = counters()
  t.same([refused, ended], [1, 1])
  t.equal(
    others['mqtt-messages-dropped'],
    2,
    'one of each session: two wait, and two count as under way',
  )
  const state = await stateOf(store)
  t.same(state.retained, ['a=1 at 1', 'b=1 at 1'])
  t.match(state.sessions, [{ client: 'new', waiting: ['2 at 1', '3 at 1', '4 at 1', '5 at 1'] }])
  t.equal(state.sessions.length, 1)
})

t.test('what waits for the disk before it may be sent comes when that is done', async (t) => {
  let full = Promise.resolve()
  const store = await lastingStore(undefined, () => full)
  const journal = openJournal(store)
  const session = new SessionJournal(journal, 'anonymous:kept')
  session.here(9 * 3600)
  const payload = Buffer.alloc(1000)
  for (let count = 1; count <= 100; count++) session.waits(delivery(count, { qos: 2, payload }))
  await journal.close()
  let release = () => {}
  full = new Promise((resolve) => {
    release = resolve
  })
  const { port } = await openedBroker(t, store)
  const raw = await signedIn(await rawMqttTo(t, port), { clientId: 'kept', clean: false })
  await settled(raw)
  t.notOk(raw.packets.some(isPublish))
  release()
  for (let count = 1; count <= 100; count++) await raw.next(isPublish)
})

t.test('subscriptions that come and go while the disk is full leave nothing behind', async (t) => {
  const written: number[] = []
  let release = () => {}
  const full = new Promise<void>((resolve) => {
    release = resolve
  })
  const store = await lastingStore(undefined, async (changes) => {
    written.push(changes.length)
    await full
  })
  const { port } = await openedBroker(t, store)
  const raw = await signedIn(await rawMqttTo(t, port), { clientId: 'kept', clean: false })
  raw.send(subscribePacket(['stays'], 1))
  await settled(raw)
  for (let count = 0; count < 20; count++) {
    raw.send(
      subscribePacket([`goes/${count}`], 1),
      subscribePacket([`goes/${count}`], 0),
      unsubscribePacket([`goes/${count}`, `was/never/there/${count}`]),
    )
  }
  raw.send(subscribePacket(['stays'], 0))
  await settled(raw)
  t.equal(written.length, 1)
  release()
  for (let count = 0; count < 22; count++) await raw.next((packet) => packet.startsWith('9'))
  t.ok(Math.max(...written) <= 2, `${written}`)
  t.match(await stateOf(store), { sessions: [{ filters: ['stays at 0'] }] })
})

t.test('what the hub tells of itself is not kept', async (t) => {
  const store = await lastingStore()
  const journal = openJournal(store)
  const retained = new RetainedValues(limits.retained, journal)
  const message = keptMessage(1, { topic: '$SYS/hub/x' })
  retained.store(message)
  retained.store(message)
  retained.forget(message.topic)
  await journal.close()
  t.same(await textsOf(store), [])
})
