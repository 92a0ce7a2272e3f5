import t, { type Test } from 'tap'
import type { ConfigInput } from '../../src/config.ts'
import { ask } from '../dialects/asked-json.ts'
import { allDialects, base, relay, shows } from '../shown-states.ts'
import { mqttTo, startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

const clown = { password: 'bigclown', role: 'admin' } as const
const bridge = { password: 'three', role: 'node', base } as const

/** A relay that has a user of its own, or comes as somebody's client; it says nothing by itself. */
const nodes = {
  'a node with a user of its own': {
    users: { clown, bridge },
    credentials: { username: 'bridge', password: 'three', clientId: 'board' },
  },
  'a node that is a client of somebody': {
    users: { clown },
    credentials: { clientId: 'board' },
  },
}

function startedWith(t: Test, users: NonNullable<ConfigInput['users']>, folder = '') {
  return startedHub(t, { users, dialects: allDialects, data: { folder } })
}

const on = '{"state":true}'
const kept = { qos: 1, retain: true } as const

for (const [kind, { users, credentials }] of Object.entries(nodes)) {
  t.test(`F33: ${kind} was switched off and on again: its relay is on for nobody`, async (t) => {
    const hub = await startedWith(t, users)
    const { client } = await mqttTo(t, hub, credentials)
    await client.publishAsync(relay, on, kept)
    await shows(t, { hub, why: 'as it reported' }, true)

    // Power was gone for so short a time that nobody has noticed.
    const again = await mqttTo(t, hub, credentials)
    await shows(t, { hub, why: 'after the id was taken over' }, undefined)
    await again.client.publishAsync(relay, on, kept)
    await shows(t, { hub, why: 'it has reported' }, true)

    await again.client.publishAsync(`${base}/boot`, '{"reason-for-reset":"power-on"}', { qos: 1 })
    await shows(t, { hub, why: 'after it has told that it started' }, undefined)
    await again.client.publishAsync(relay, on, kept)

    await again.client.endAsync()
    const back = await mqttTo(t, hub, credentials)
    await shows(t, { hub, why: 'after it was away' }, undefined)
    const { messages } = await mqttTo(t, hub, { filter: relay })
    t.match(
      await messages.next(),
      { retain: true, payload: Buffer.from(on) },
      'which stays its own',
    )
    await back.client.publishAsync(relay, '{"state":false}', kept)
    await shows(t, { hub, why: 'as it reported' }, false)
  })

  t.test(`F34: ${kind} is asked when it is back, and when the hub is`, async (t) => {
    const folder = testFolder(t)
    const before = await startedWith(t, users, folder)
    const first = await mqttTo(t, before, credentials)
    await first.client.publishAsync(relay, on, kept)
    await before.close()

    const hub = await startedWith(t, users, folder)
    await shows(t, { hub, why: 'before anything was heard' }, undefined)
    const node = await mqttTo(t, hub, { ...credentials, filter: `${base}/+/+/get` })
    const question = await node.messages.next()
    t.match(question, { topic: `${relay}/get`, payload: Buffer.from('{}') })
    await node.client.publishAsync(relay, on, kept)
    await shows(t, { hub, why: 'as it reported' }, true)
  })
}

t.test('F33: a node that is connected and says nothing is stale, and not away', async (t) => {
  const hub = await startedHub(t, {
    users: { clown, bridge },
    limits: { mqtt: { keepAliveSeconds: 1 } },
  })
  const watcher = await mqttTo(t, hub, { filter: [`$SYS/hub/nodes/${base}`, `${relay}/error`] })
  const { client } = await mqttTo(t, hub, { username: 'bridge', password: 'three', keepalive: 0 })
  await client.publishAsync(relay, on, kept)
  const stale = await watcher.messages.next(({ payload }) => String(payload).includes('"stale"'))
  t.match(JSON.parse(String(stale.payload)), { online: true, stale: true })
  const headers = { Authorization: `Basic ${Buffer.from('clown:bigclown').toString('base64')}` }
  const { body } = await ask(hub.httpPort, ['GET', `/api/nodes/${base}`], { headers })
  t.match(body, { online: true, stale: true, devices: [{ stale: true, value: { state: true } }] })
  await client.publishAsync(`${base}/pir/-`, '{"event-count":1}', kept)
  const fresh = await watcher.messages.next(({ payload }) => String(payload).includes('pir'))
  t.notOk(String(fresh.payload).includes('"stale"'))
  t.notOk(watcher.messages.items.some(({ topic }) => topic === `${relay}/error`))
})
