import type { Test } from 'tap'
import type { Bus } from '../../src/bus/bus.ts'
import { steadyMs } from '../../src/core/clock.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import { createInbox } from '../inbox.ts'

export function messageOn(topic: string, text: string, more: Partial<Message> = {}): Message {
  return { topic, payload: new Payload(Buffer.from(text)), qos: 0, retain: false, ...more }
}

/** What comes to who subscribes to `filter`. */
export function hearing(t: Test, bus: Pick<Bus, 'subscribe'>, filter: string) {
  const inbox = createInbox<Message>()
  t.teardown(bus.subscribe(filter, inbox.put))
  return {
    ...inbox,
    /** The text of the next message. */
    text: async () => String((await inbox.next()).payload.bytes),
  }
}

async function retainedTexts(bus: Bus, filter: string): Promise<string[]> {
  const found: string[] = []
  for await (const { topic, retain, payload } of bus.retained(filter)) {
    found.push(`${topic} ${retain} ${payload.bytes}`)
  }
  return found.sort()
}

/** What every bus does, whatever broker carries it. */
export async function busContract(t: Test, open: (t: Test) => Promise<Bus>): Promise<void> {
  await t.test('everybody whose filter matches is told, once and in order', async (t) => {
    const bus = await open(t)
    const all = hearing(t, bus, '#')
    const some = hearing(t, bus, 'contract/+/a')
    const other = hearing(t, bus, 'contract/other')
    const own = hearing(t, bus, '$SYS/hub/contract')
    const published = [0, 1, 2, 3].map((at) =>
      messageOn(at === 1 ? 'contract/b' : 'contract/b/a', `${at}`, { qos: 1 }),
    )
    bus.publish(messageOn('$SYS/hub/contract', 'mine'))
    for (const message of published) bus.publish(message)
    for (const message of published) {
      t.equal(await all.next(), message, 'the very message, so that it is decoded once')
    }
    for (const text of ['0', '2', '3']) t.equal(await some.text(), text)
    t.equal(await own.text(), 'mine')
    t.equal(all.items.length, 4, 'without what begins with $')
    t.equal(other.items.length, 0)
  })

  await t.test('each of its members can be handed on by itself', async (t) => {
    const { publish, refusalOf, subscribe, retained, retainedOn } = await open(t)
    const all = hearing(t, { subscribe }, 'contract/#')
    t.equal(refusalOf('contract/alone'), undefined)
    publish(messageOn('contract/alone', 'x', { retain: true }))
    t.equal(await all.text(), 'x')
    t.equal(String(retainedOn('contract/alone')?.payload.bytes), 'x')
    const topics = []
    for await (const { topic } of retained('contract/alone')) topics.push(topic)
    t.same(topics, ['contract/alone'])
    publish(messageOn('contract/alone', '', { retain: true }))
    t.equal(await all.text(), '')
  })

  await t.test('two that say the same are two', async (t) => {
    const bus = await open(t)
    const all = hearing(t, bus, 'contract/#')
    for (const text of ['same', 'same', '', 'end']) bus.publish(messageOn('contract/twice', text))
    for (const text of ['same', 'same', '', 'end']) t.equal(await all.text(), text)
  })

  await t.test('what a hearer publishes comes behind what it hears, for everybody', async (t) => {
    const bus = await open(t)
    t.teardown(bus.subscribe('contract/ask', () => bus.publish(messageOn('contract/answer', '2'))))
    const all = hearing(t, bus, 'contract/#')
    bus.publish(messageOn('contract/ask', '1'))
    t.equal(await all.text(), '1')
    t.equal(await all.text(), '2')
  })

  await t.test('who stops is told of nothing more', async (t) => {
    const bus = await open(t)
    const heard: string[] = []
    const stop = bus.subscribe('contract/#', ({ payload }) => heard.push(String(payload.bytes)))
    t.teardown(bus.subscribe('contract/first', () => stop()))
    const all = hearing(t, bus, 'contract/#')
    bus.publish(messageOn('contract/first', '1'))
    bus.publish(messageOn('contract/second', '2'))
    await all.next()
    await all.next()
    t.notOk(heard.includes('2'))
  })

  await t.test(
    'the last retained message of a topic is there, until it is taken away',
    async (t) => {
      const bus = await open(t)
      const all = hearing(t, bus, '#')
      const keep = { retain: true, qos: 1 } as const
      bus.publish(messageOn('kept/a', '1', keep))
      bus.publish(messageOn('kept/a', '[2]', keep))
      bus.publish(messageOn('kept/a', '3'))
      bus.publish(messageOn('kept/b/c', '4', keep))
      bus.publish(messageOn('$SYS/hub/kept', '5', keep))
      for (let at = 0; at < 4; at++) await all.next()
      t.same(await retainedTexts(bus, 'kept/#'), ['kept/a true [2]', 'kept/b/c true 4'])
      t.same(await retainedTexts(bus, '$SYS/hub/kept'), ['$SYS/hub/kept true 5'])
      const kept = bus.retainedOn('kept/a')
      t.same(kept?.payload.value, [2])
      t.not(bus.retainedOn('kept/a')?.payload, kept?.payload, 'read anew')
      t.equal(bus.retainedOn('kept/none'), undefined)
      bus.publish(messageOn('kept/a', '', keep))
      bus.publish(messageOn('kept/b/c', '', keep))
      await all.next()
      await all.next()
      t.same(await retainedTexts(bus, 'kept/#'), [])
    },
  )

  await t.test('what MQTT 5 says of a message goes with it, and is kept with it', async (t) => {
    const bus = await open(t)
    const all = hearing(t, bus, 'contract/#')
    const bytes = Buffer.from('03000474657874', 'hex')
    const properties = { bytes, expiresAtMs: steadyMs() + 60_000 }
    bus.publish(messageOn('contract/said', '1', { qos: 1, retain: true, properties }))
    t.equal((await all.next()).properties, properties)
    t.match(bus.retainedOn('contract/said')?.properties, properties)
    bus.publish(messageOn('contract/said', '', { qos: 1, retain: true }))
    await all.next()
  })

  await t.test('many retained values are found with turns for others between', async (t) => {
    const bus = await open(t)
    const keep = { retain: true } as const
    for (let at = 0; at < 600; at++) bus.publish(messageOn(`$SYS/hub/many/${at}`, '1', keep))
    let turns = 0
    const turn = setInterval(() => turns++, 0)
    const found = await retainedTexts(bus, '$SYS/hub/many/+')
    clearInterval(turn)
    t.equal(found.length, 600)
  })
}
