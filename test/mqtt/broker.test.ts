import t from 'tap'
import { Payload } from '../../src/core/payload.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { followedDefects } from '../followed-defects.ts'
import { settled } from '../raw-mqtt.ts'
import { openedBroker } from './opened-broker.ts'
import { clientOf } from './wire-clients.ts'

t.test('somebody who cannot take a message is told of, and the others have it', async (t) => {
  const defects = followedDefects(t)
  const { bus } = await openedBroker(t, openMemoryStore())
  bus.subscribe('#', () => {
    throw new Error('a defect')
  })
  const heard: string[] = []
  bus.subscribe('#', ({ topic }) => heard.push(topic))
  bus.publish({ topic: 'a', payload: new Payload(Buffer.from('1')), qos: 0, retain: false })
  t.same(heard, ['a'])
  t.match(defects.items, [{ message: 'a defect' }])
})

t.test('a will that cannot be published is told of, and ends nothing', async (t) => {
  const enter = () => {
    throw new Error('a defect')
  }
  const defects = followedDefects(t)
  const broker = await openedBroker(t, openMemoryStore(), { enter })
  const raw = await clientOf(t, { mqttPort: broker.port }, { will: { topic: 'a' } })
  raw.stream.destroy()
  const other = await clientOf(t, { mqttPort: broker.port }, { clientId: 'other' })
  await settled(other)
  t.match(defects.items, [{ message: 'a defect' }])
})
