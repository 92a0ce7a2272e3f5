import { setImmediate as turnOver } from 'node:timers/promises'
import t from 'tap'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { steppedClock } from '../clock.ts'
import { atLength } from '../full-length.ts'
import { rawMqttTo, settled, signedIn } from '../raw-mqtt.ts'
import { openedBroker } from './opened-broker.ts'

const dayMs = 86_400_000

t.test('who only pings lives for days, though it neither subscribes nor publishes', async (t) => {
  const clock = steppedClock()
  const { port, counters } = await openedBroker(t, openMemoryStore(), { clock })
  const raw = await signedIn(await rawMqttTo(t, port), { keepAliveSeconds: 3600 })
  for (let hour = 0; hour < atLength(72, 25); hour++) {
    clock.step(dayMs / 24)
    await settled(raw)
  }
  clock.step(dayMs / 16)
  await raw.ended
  t.equal(counters()['mqtt-keep-alive'], 1, 'and is cut when its pings end')
})

t.test('who promises no packet may be silent for days', async (t) => {
  const clock = steppedClock()
  const { port, counters } = await openedBroker(t, openMemoryStore(), { clock })
  const raw = await signedIn(await rawMqttTo(t, port), { keepAliveSeconds: 0 })
  clock.step(atLength(7, 2) * dayMs)
  await turnOver()
  await settled(raw)
  t.same(counters(), {})
})
