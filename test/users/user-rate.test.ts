import t from 'tap'
import { mqttTo, startedHub, talkTo } from '../started-hub.ts'

t.test(
  'one user with many connections is read more slowly, loses nothing, and slows nobody',
  async (t) => {
    const hub = await startedHub(t, {
      users: {
        clown: { password: 'bigclown', role: 'admin' },
        eve: { password: 'eve-password', role: 'operator' },
      },
      limits: { users: { messagesPerSecond: 100, messageBurst: 20 } },
    })
    const watcher = await mqttTo(t, hub, { filter: 'a/#' })
    const eve = { username: 'eve', password: 'eve-password' }
    const flood = await Promise.all([1, 2, 3].map(() => mqttTo(t, hub, eve)))
    const startedMs = performance.now()
    for (let at = 0; at < 20; at++) {
      for (const [from, { client }] of flood.entries()) client.publish(`a/${from}`, String(at))
    }
    const page = await talkTo(t, hub, '/talk')
    page.send('b', {})
    await page.settle()
    const others = performance.now() - startedMs
    for (const from of [0, 1, 2]) {
      await watcher.messages.next(
        ({ topic, payload }) => topic === `a/${from}` && String(payload) === '19',
      )
    }
    const tookMs = performance.now() - startedMs
    t.equal(watcher.messages.items.length, 60, 'nothing is lost')
    // What a user has not used while it was quiet comes on top of the burst, once.
    t.ok(tookMs > 150, `sixty messages, twenty of them at once: ${tookMs} ms`)
    t.comment(`others waited ${others} ms`)
    t.ok((hub.counters()['user-held-back'] ?? 0) > 0)
  },
)

t.test('websockets of a user share the rate, too', async (t) => {
  const hub = await startedHub(t, {
    limits: { users: { messagesPerSecond: 50, messageBurst: 5 } },
  })
  const pages = await Promise.all([talkTo(t, hub, '/talk'), talkTo(t, hub, '/talk')])
  const startedMs = performance.now()
  for (let at = 0; at < 10; at++) for (const page of pages) page.send(`c/${at}`, {})
  for (const page of pages) await page.settle()
  t.ok(performance.now() - startedMs > 150)
  t.ok((hub.counters()['user-held-back'] ?? 0) > 0)
})
