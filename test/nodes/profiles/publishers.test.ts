import { pino } from 'pino'
import t from 'tap'
import { createCounters, createSampledLog } from '../../../src/core/sampled-log.ts'
import { openPublishers } from '../../../src/nodes/profiles/publishers.ts'
import { openMemoryStore } from '../../../src/store/memory-store.ts'
import { clown } from '../../senders.ts'

const lamp = 'devices/tasmota/aabbcc/relay/1'
const config = 'tasmota/discovery/aabbcc/config'

function openedOn(store = openMemoryStore()) {
  const sampledLog = createSampledLog(pino({ level: 'silent' }), createCounters())
  return openPublishers({ store, sampledLog, devices: 100 })
}

t.test('whoever has said what a device is counts once, and still after a restart', async (t) => {
  const store = openMemoryStore()
  const { said, of } = await openedOn(store)
  const plug = { ...clown, user: 'ann', clientId: 'plug' }
  for (const sender of [clown, plug, clown, plug]) said(lamp, config, sender)
  said(lamp, config, { ...plug, clientId: 'other' })
  said(lamp, undefined, { ...clown, user: 'nobody' })
  const expected = {
    by: [{ user: 'clown' }, { user: 'ann', clientId: 'plug' }, { user: 'ann', clientId: 'other' }],
    topics: [],
  }
  t.same(of(lamp), expected)
  await store.write([])
  const again = await openedOn(store)
  again.said(lamp, config, undefined)
  t.same(again.of(lamp), expected, 'what is retained was said by those')
})

t.test('what was said by nobody knows whom is remembered by its topics, once each', async (t) => {
  const { said, of, forget } = await openedOn()
  for (const topic of [config, 'tasmota/discovery/aabbcc/sensors', config]) {
    said(lamp, topic, undefined)
  }
  t.same(of(lamp), { by: [], topics: [config, 'tasmota/discovery/aabbcc/sensors'] })
  forget(lamp)
  t.same(of(lamp), { by: [], topics: [] })
})

t.test('where too many say what a device is, whoever may say so counts', async (t) => {
  const { said, of } = await openedOn()
  const names = Array.from({ length: 9 }, (_, at) => `user${at}`)
  for (const user of names) said(lamp, config, { ...clown, user })
  t.same(of(lamp), { by: names.slice(0, 8).map((user) => ({ user })), topics: [config] })
})
