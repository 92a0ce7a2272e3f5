import t, { type Test } from 'tap'
import type { HubLabel } from '../../client/index.ts'
import { connected } from '../client/connected.ts'
import { hubProcess } from '../hub-process.ts'
import { createInbox } from '../inbox.ts'
import { publish, requireProgram } from '../programs.ts'
import { type HubPorts, mqttTo, startedHub, talkTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

const clown = { user: 'clown', password: 'bigclown' }
const users = {
  clown: { password: 'bigclown', role: 'admin' },
  vera: { password: 'bigclown', role: 'viewer' },
} as const

const pump = 'devices/hardwario/kit:0/relay/-'
const lamp = 'nodes/bridge/0/relay/i2c0-3b'

/** What `GET` or, with a body, `POST` of the API answers to somebody. */
async function ask({ httpPort }: HubPorts, [path, user = 'clown']: string[], body?: unknown) {
  const headers = { authorization: `Basic ${btoa(`${user}:bigclown`)}` }
  const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  const answer = await fetch(`http://127.0.0.1:${httpPort}/api/${path}`, { headers, ...post })
  return { status: answer.status, body: JSON.parse(await answer.text()) }
}

/** What is told of a device among all nodes. */
async function deviceOn(hub: HubPorts, topic: string) {
  const { body } = await ask(hub, ['nodes'])
  return body.nodes
    .flatMap(({ devices }: { devices: { topic: string }[] }) => devices)
    .find((device: { topic: string }) => device.topic === topic)
}

/** Two relays report: one of a HARDWARIO kit, one of Clown.Model. */
async function twoRelays(t: Test, hub: HubPorts) {
  const mqtt = { port: hub.mqttPort, ...clown }
  const page = connected(t, hub, { path: '', ...clown })
  const reports = page.messages('#')
  await page.is('open')
  await publish({ ...mqtt, topic: 'node/kit:0/relay/-/state', payload: 'false' })
  await publish({ ...mqtt, topic: lamp, payload: '{"state":false}' })
  await reports.next(({ topic }) => topic === pump)
  await reports.next(({ topic }) => topic === lamp)
  return page
}

/** The data lines of `GET /api/stream` that are about `topic`. */
async function streamed(t: Test, { httpPort }: HubPorts, topic: string) {
  const headers = { authorization: `Basic ${btoa('clown:bigclown')}` }
  const leaving = new AbortController()
  t.teardown(() => leaving.abort())
  const lines = createInbox<[topic: string, value: unknown]>()
  const { body } = await fetch(`http://127.0.0.1:${httpPort}/api/stream?filter=none`, {
    headers,
    signal: leaving.signal,
  })
  const read = async () => {
    let text = ''
    for await (const bytes of body ?? []) {
      text += Buffer.from(bytes).toString()
      const events = text.split('\n\n')
      text = String(events.pop())
      for (const event of events) {
        const [, data] = /^data: (.*)$/m.exec(event) ?? []
        if (data !== undefined) lines.put(JSON.parse(data))
      }
    }
  }
  read().catch(() => {})
  return () => lines.next(([about]) => about === topic)
}

t.test('what one page calls a device, all see at once and after a kill, too', async (t) => {
  if (requireProgram(t, 'mosquitto_pub') === undefined) return
  const data = { folder: testFolder(t) }
  const hub = await hubProcess(t, { data, users })
  const page = await twoRelays(t, hub)
  const other = connected(t, hub, { path: '/talk/devices/hardwario/kit:0', ...clown })
  const told = createInbox<readonly [HubLabel, string]>()
  other.client.onLabel((label, topic) => told.put([label, topic]))
  await other.is('open')
  // Whose introduction is answered is told all that comes.
  await other.client.nodes()
  const event = await streamed(t, hub, `${pump}/-/label`)
  const mqtt = await mqttTo(t, hub, { filter: '$SYS/hub/nodes/#' })

  t.match(await deviceOn(hub, pump), { name: 'relay/-', title: 'kit:0 relay -' })
  t.same(await page.client.label(pump, { title: 'Pump', room: 'Cellar', favorite: true }), {
    title: 'Pump',
    room: 'Cellar',
    favorite: true,
  })
  t.match(await told.next(), [{ title: 'Pump', room: 'Cellar' }, 'relay/-'])
  t.match(await event(), [String, { title: 'Pump', room: 'Cellar', favorite: true }])
  const summary = await mqtt.messages.next(({ payload }) => payload.includes('Cellar'))
  t.match(JSON.parse(String(summary.payload)), { devices: [{ title: 'Pump', room: 'Cellar' }] })

  t.match(await other.client.label('relay/-', { order: 3, hidden: true, favorite: null }), {
    order: 3,
    hidden: true,
  })
  t.match(await ask(hub, ['label'], { device: lamp, title: 'Lamp', icon: 'bulb' }), {
    status: 200,
    body: { device: lamp, title: 'Lamp', icon: 'bulb' },
  })
  await hub.kill()

  const again = await startedHub(t, { data, users })
  await twoRelays(t, again)
  t.match(await deviceOn(again, lamp), { title: 'Lamp', icon: 'bulb' })
  const kept = await deviceOn(again, pump)
  t.match(kept, { title: 'Pump', room: 'Cellar', order: 3, hidden: true })
  t.notOk('favorite' in kept)
  const { body: history } = await ask(again, [`history?topic=${encodeURIComponent(pump)}`])
  t.match(history, { series: [{ topic: pump, title: 'Pump', room: 'Cellar', quantity: 'state' }] })
  await refusals(t, again)
})

/** What is refused, by HTTP and on a websocket. */
async function refusals(t: Test, hub: HubPorts) {
  const { client, is } = connected(t, hub, { path: '', ...clown })
  await is('open')
  for (const [device, change, code, status] of [
    [pump, { title: 'x'.repeat(200) }, 'bad-payload', 400],
    [pump, { title: '\u0000' }, 'bad-payload', 400],
    ['no/such/device', { title: 'x' }, 'unknown-device', 404],
    [`${pump}/set`, { title: 'x' }, 'unknown-device', 404],
  ] as const) {
    await t.rejects(client.label(device, change), { code })
    t.match(await ask(hub, ['label'], { device, ...change }), { status, body: { code } })
  }
  const talk = await talkTo(t, hub)
  talk.send('$hub/label', null, { id: 1 })
  const message = /expected the payload to be object, got null/
  t.match(await talk.on('$hub/label/error'), [String, { code: 'bad-payload', message }, { id: 1 }])
  const label = { device: pump, title: 'Mine' }
  t.match(await ask(hub, ['label', 'vera'], label), { status: 403, body: { code: 'forbidden' } })
}
