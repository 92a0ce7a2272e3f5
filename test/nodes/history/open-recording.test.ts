// What is recorded is there after a restart, and what is not wanted is not recorded.
import t, { type Test } from 'tap'
import { type ConfigInput, checkConfig } from '../../../src/config.ts'
import { createClosers } from '../../../src/core/callbacks.ts'
import { Payload } from '../../../src/core/payload.ts'
import type { HistoryAnswer } from '../../../src/nodes/history/history-answer.ts'
import { openRecording } from '../../../src/nodes/history/open-recording.ts'
import { openJournal } from '../../../src/store/journal.ts'
import { steppedClock } from '../../clock.ts'
import { toldProblems } from '../../history/told-problems.ts'
import { type HubPorts, mqttTo, startedHub, talkTo } from '../../started-hub.ts'
import { textsOf } from '../../store/contract.ts'
import { lastingStore } from '../../store/lasting-store.ts'
import { testFolder } from '../../test-folder.ts'

async function publish(t: Test, hub: HubPorts, values: Readonly<Record<string, string>>) {
  const { client } = await mqttTo(t, hub)
  for (const [topic, value] of Object.entries(values)) {
    await client.publishAsync(topic, value, { qos: 1 })
  }
  await client.endAsync()
}

/** The count and the last value of each quantity of all devices, by its topic. */
async function told(hub: HubPorts): Promise<Record<string, unknown>> {
  const Authorization = `Basic ${Buffer.from('clown:bigclown').toString('base64')}`
  const url = `http://127.0.0.1:${hub.httpPort}/api/history?topic=%23&points=1`
  const answer: HistoryAnswer = JSON.parse(
    await (await fetch(url, { headers: { Authorization } })).text(),
  )
  return Object.fromEntries(
    answer.series.map(({ topic, points }) => [topic, [points[0]?.[1], points[0]?.[6]]]),
  )
}

/** Starts a hub with one data folder, in place of the one before. */
function restarter(t: Test, config: Partial<ConfigInput> = {}) {
  const data = { folder: testFolder(t) }
  let close = async () => {}
  return async () => {
    await close()
    const hub = await startedHub(t, { data, ...config })
    close = hub.close
    return hub
  }
}

t.test('a bucket goes on where it was when the hub was started anew', async (t) => {
  const restart = restarter(t)
  const before = await restart()
  await publish(t, before, { 'n/a': '1', 'n/b': 'true' })
  await publish(t, before, { 'n/a': '2' })
  const after = await restart()
  t.same(await told(after), { 'n/a': [2, 2], 'n/b': [1, 1] })
  await publish(t, after, { 'n/a': '3', 'n/c': '4' })
  t.same(await told(await restart()), { 'n/a': [3, 3], 'n/b': [1, 1], 'n/c': [1, 4] })
})

t.test('what was at QoS 0 is there after an orderly end', async (t) => {
  const restart = restarter(t)
  const before = await restart()
  const { send, settle } = await talkTo(t, before, '/talk/n')
  send('a', 5)
  await settle()
  t.same(await told(await restart()), { 'n/a': [1, 5] })
})

t.test('only what the configuration names is recorded, without what it ignores', async (t) => {
  const hub = await startedHub(t, { history: { record: ['n/#', 'm/a'], ignore: ['n/+/private'] } })
  await publish(t, hub, { 'n/a': '1', 'n/a/private': '2', 'm/a': '3', 'm/b': '4', o: '5' })
  t.same(await told(hub), { 'm/a': [1, 3], 'n/a': [1, 1] })
  await t.rejects(startedHub(t, { history: { record: ['n/#/a'] } }), {
    code: 'bad-config',
    message: /expected history\.record\.0 to be a filter/,
  })
})

t.test('once a second, what came is noted, until the hub ends', async (t) => {
  const store = await lastingStore()
  const clock = steppedClock()
  const closers = createClosers()
  const { sampledLog } = toldProblems()
  const journal = openJournal(store)
  const load = { note: () => {}, sheds: () => false }
  const parts = { store, journal, load, sampledLog, clock, onClose: closers.add }
  const config = checkConfig({ users: { anonymous: { role: 'admin' } } })
  const { recorder } = await openRecording(config, parts)
  const records = async () => (await textsOf(store, 'history/log/')).length
  /** Nobody is promised it: it goes with what is noted next. */
  const written = () => {
    journal.note('nothing', undefined)
    return new Promise<void>((resolve) => journal.settled(resolve))
  }
  const report = (topic: string) => {
    const payload = Payload.ofJson('1', 1)
    recorder.record({ topic, payload, qos: 0, retain: false }, { isRecorded: true }, clock.wallMs())
  }
  for (const count of [1, 2]) {
    report('n/a')
    t.equal(await records(), count - 1)
    clock.step(1000)
    await written()
    t.equal(await records(), count)
    await new Promise(setImmediate)
  }
  await closers.closeAll()
  clock.step(5000)
  await written()
  t.equal(await records(), 2)
})
