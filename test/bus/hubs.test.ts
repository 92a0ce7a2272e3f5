import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import { checkConfig } from '../../src/config.ts'
import { createInbox } from '../inbox.ts'
import { requireProgram, startMosquitto } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { messageOn } from './contract.ts'
import { openedForeignBus } from './opened-foreign-bus.ts'

/** What others write below `hub/`, and read there. */
async function outsiderOn(t: Test, port: number) {
  const heard = createInbox<[topic: string, text: string]>()
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 })
  t.teardown(() => client.endAsync(true))
  client.on('message', (topic, payload) => heard.put([topic, String(payload)]))
  await client.subscribeAsync(['hub/#', 'n/#', 'devices/#'], { qos: 1 })
  const say = (topic: string, value: unknown, retain = false) =>
    client.publishAsync(topic, JSON.stringify(value), { qos: 1, retain })
  return { client, heard, say, on: (topic: string) => heard.next((each) => each[0] === topic) }
}

t.test('a hub that owns tells it, keeps what the next one needs, and is asked', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const { url, port } = await startMosquitto(t)
  const { say, on, client } = await outsiderOn(t, port)
  await say('hub/guard/n/relay/1', { lock: 'kept by the one before' }, true)
  // Of hub/ it hears all, though it was not told to.
  const { bus } = await openedForeignBus(t, { url, filters: ['n/#'], hubs: { name: 'b' } })
  const { hubs } = bus
  if (hubs === undefined) throw new Error('expected hubs')
  const kept = createInbox<unknown>()
  const asked = createInbox<unknown>()
  const owning = createInbox<boolean>()
  hubs.onKept((...each) => kept.put(each))
  hubs.onAsked(asked.put)
  hubs.onChange(owning.put)
  const { term } = JSON.parse((await on('hub/owner'))[1])
  if (!hubs.owns) await owning.next()
  t.match(hubs.state, { name: 'b', owner: 'b', since: new Date(term).toISOString() })
  hubs.keep('n/relay/0', { lock: 1 })
  hubs.keep('n/relay/1', undefined)
  bus.publish(messageOn('n/relay/0/set', 'on'))
  await hubs.kept()
  t.same(await on('hub/guard/n/relay/0'), ['hub/guard/n/relay/0', '{"lock":1}'])
  await on('n/relay/0/set')

  // What is not said as hubs say it is nobody's word.
  for (const topic of ['owner', 'owner/beat', 'owner/claim', 'answers/b', 'ask', 'state/x']) {
    await say(`hub/${topic}`, 'nonsense')
  }
  await say('hub/owner/beat', { name: 'z', term: 1e300, beat: 1 })
  await say('hub/owner/beat', { name: 'z', term })
  await say('hub/ask', { id: '1', from: 'a/b', question: {} })
  await say('hub/ask', { id: '2', from: 'a', term, beat: 1_000_000, question: { topic: 1 } })
  t.match(await asked.next(), { id: '2', from: 'a', isFresh: false })
  hubs.answer('a', { id: '2', answer: 'no' })
  t.same(await on('hub/answers/a'), ['hub/answers/a', '{"id":"2","answer":"no"}'])
  hubs.tell({ what: 'done' })
  t.same(await on('hub/told'), ['hub/told', '{"from":"b","told":{"what":"done"}}'])
  await client.publishAsync('hub/owner', '', { qos: 1, retain: true })
  for (;;) if ((await on('hub/owner'))[1].includes(`${term}`)) break
  await say('hub/state/a', { online: true })
  await on('hub/state/a')
  await say('hub/owner/beat', { name: 'a', term: term + 1, beat: 1 })
  t.equal(await owning.next((owns) => !owns), false)
  bus.recall('n/relay/0/set')
  t.match(
    bus.retainedOn('$SYS/hub/hubs')?.payload.value,
    hubs.state,
    'and who may read of it is told',
  )
  t.match(hubs.state, {
    owner: 'a',
    hubs: [
      { name: 'a', online: true, owner: true },
      { name: 'b', online: true, owner: false },
    ],
  })
})

t.test('a hub that does not own sends no command, and asks with the last beat', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const broker = await startMosquitto(t)
  const { url, port } = broker
  const { say, on, heard } = await outsiderOn(t, port)
  const term = Date.now()
  await say('hub/owner', { name: 'a', term }, true)
  const { bus, overheard } = await openedForeignBus(t, { url, hubs: { name: 'b', rank: 50 } })
  const { hubs } = bus
  if (hubs === undefined) throw new Error('expected hubs')
  t.throws(() => hubs.ask('1', {}, () => {}), { code: 'no-owner', message: /it is "a"$/ })
  const answers = createInbox<unknown>()
  const kept = createInbox<unknown>()
  const owners = createInbox<unknown>()
  hubs.onAnswer(answers.put)
  const toldBy = createInbox<unknown>()
  hubs.onTold(toldBy.put)
  hubs.onKept((...each) => kept.put(each))
  hubs.onOwner((owner) => owners.put(owner ?? 'nobody'))
  await say('hub/owner/beat', { name: 'a', term, beat: 7 })
  t.match(await owners.next(), { name: 'a', term })
  const lost = createInbox<unknown>()
  const ask = (id: string) => hubs.ask(id, { what: id }, (...how) => lost.put([id, ...how]))
  ask('1')
  const [, asked] = await on('hub/ask')
  t.same(JSON.parse(asked), { id: '1', from: 'b', term, beat: 7, question: { what: '1' } })
  await say('hub/answers/b', { id: '1', answer: { receipt: 'sent' } })
  t.same(await answers.next(), { id: '1', answer: { receipt: 'sent' } })
  ask('2')
  await say('hub/owner/beat', { name: 'a', term, beat: 9 })
  await say('hub/owner/beat', { name: 'a', term, beat: 10 })
  t.match(await lost.next(), ['2', 'not-taken', /within a second/], 'three beats are the proof')
  ask('3')
  await say('hub/owner', { name: 'a', term: term + 1 }, true)
  t.match(await lost.next(), ['3', 'not-taken'], 'and so is the word of the next owner')
  await say('hub/owner/beat', { name: 'a', term: term + 1, beat: 1 })
  await say('hub/guard/n/relay/0', { lock: 1 }, true)
  t.same(await kept.next(), ['n/relay/0', { lock: 1 }])

  hubs.tell({ what: 'mine' })
  t.same(await on('hub/told'), ['hub/told', '{"from":"b","told":{"what":"mine"}}'])
  await say('hub/told', 'nonsense')
  await say('hub/told', { from: 'a', told: { what: 'theirs' } })
  t.same(await toldBy.next(), { what: 'theirs' })

  const told = createInbox<unknown>()
  const receivers = { withinMs: 100, untaken: told.put, owes: () => {}, has: () => {} }
  bus.publish(messageOn('n/relay/0/set', 'on', { receivers }))
  t.match(await told.next(), { code: 'bus-away' })
  hubs.keep('n/relay/0', {})
  await hubs.kept()
  const here = createInbox<string>()
  bus.subscribe('#', ({ topic }) => here.put(topic))
  bus.subscribe('$SYS/hub/commands/#', ({ topic, payload }) =>
    here.put(`${topic} ${payload.bytes}`),
  )
  bus.publish(messageOn('devices/x/lamp', '1'))
  t.equal(await here.next(), 'devices/x/lamp')
  await say('hub/commands/n/relay/0', 'told by the owner', true)
  t.equal(await here.next(), '$SYS/hub/commands/n/relay/0 "told by the owner"')
  bus.publish(messageOn('$SYS/hub/nodes/n', 'mine'))
  bus.publish(messageOn('n/last', '1'))
  await on('n/last')
  const topics = heard.items.map(([topic]) => topic)
  for (const topic of ['n/relay/0/set', 'devices/x/lamp', 'hub/nodes/n']) {
    t.notOk(topics.includes(topic), topic)
  }
  t.same(overheard.items, [])
  await say('hub/owner/beat', { name: 'a', term: term + 1, beat: 2 })
  await on('hub/owner/beat')
  ask('4')
  await heard.next(([topic, text]) => topic === 'hub/ask' && text.includes('"id":"4"'))
  broker.signal('SIGSTOP')
  // What it had said before is read.
  await new Promise((resolve) => setTimeout(resolve, 100))
  ask('5')
  t.match(
    await lost.next(),
    ['5', 'not-taken', /nothing for/],
    'it has waited for a word of the broker',
  )
  t.match(await lost.next(), ['4', 'unknown', /away/], 'an answer may have been lost')
  broker.signal('SIGCONT')
})

t.test('a hub whose password file is gone cannot own, and says so', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const { url } = await startMosquitto(t, { users: { hub: 'secret' } })
  const passwordFile = join(await testFolder(t), 'password')
  await writeFile(passwordFile, 'secret', { mode: 0o600 })
  const settings = { url, user: 'hub', passwordFile, hubs: { name: 'b', rank: 3 } }
  const { bus } = await openedForeignBus(t, settings)
  await rm(passwordFile)
  await new Promise((resolve) => setTimeout(resolve, 400))
  t.equal(bus.hubs?.owns, false)
  t.match(bus.hubs?.state, { owner: null, since: null })
  t.match(bus.hubs?.refusal(), { code: 'no-owner', message: /none is$/ })
})

t.test('what cannot be of several hubs is refused', async (t) => {
  const url = 'mqtt://127.0.0.1'
  const hubs = { name: 'north' }
  const refused = [
    [{ hubs }, /url/],
    [{ url, hubs: {} }, /bus\.hubs to have "name"/],
    [{ url, hubs: { name: 'owner' } }, /bus\.hubs\.name/],
    [{ url, hubs, clientId: 'clown-hub-owner' }, /bus\.clientId to be another one than the owner/],
    [{ url, hubs, filters: ['hub/state/+', 'n/#'] }, /all below hub\/ beside bus\.hubs/],
  ] as const
  for (const [bus, message] of refused) {
    t.throws(() => checkConfig(Object({ bus })), { code: 'bad-config', message })
  }
  t.ok(checkConfig({ bus: { url, hubs, filters: ['hub/#', 'n/#'] } }))
})
