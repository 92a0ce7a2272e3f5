import t from 'tap'
import { type MqttEnd, mqttTo, type StartedHub, startedHub, talkTo } from '../started-hub.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'

/** What `POST /api/command` answers. */
async function posted({ httpPort }: StartedHub, body: unknown, as = 'clown:bigclown') {
  const response = await fetch(`http://127.0.0.1:${httpPort}/api/command`, {
    method: 'POST',
    headers: { Authorization: `Basic ${Buffer.from(as).toString('base64')}` },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json')
  return { status: response.status, body: isJson ? JSON.parse(text) : text }
}

/** A relay that reports what it is asked for, or what `answer` makes of it. */
async function obey({ client, messages }: MqttEnd, answer = (asked: unknown) => asked) {
  const { payload } = await messages.next(({ topic }) => topic === `${relay}/set`)
  client.publish(relay, JSON.stringify(answer(JSON.parse(String(payload)))))
}

t.test('a command is answered when its device has confirmed it', async (t) => {
  const hub = await startedHub(t)
  const node = await mqttTo(t, hub, { filter: `${relay}/set` })
  const [{ status, body }] = await Promise.all([
    posted(hub, { device: relay, payload: { state: true } }),
    obey(node),
  ])
  t.equal(status, 200)
  t.match(body, { device: relay, receipt: 'confirmed', afterMs: Number })
})

t.test('a body is within the limits of JSON, as every message is', async (t) => {
  const hub = await startedHub(t)
  const deep = `${'['.repeat(1000)}${']'.repeat(1000)}`
  t.match(await posted(hub, `{"device":"${relay}","payload":${deep}}`), {
    status: 400,
    body: {
      code: 'bad-payload',
      message: 'expected a body within limits.json, got one past them',
    },
  })
})

t.test('each other end of a command has a status of its own', async (t) => {
  const hub = await startedHub(t)
  const node = await mqttTo(t, hub, { filter: `${relay}/set` })
  const silent = { device: relay, payload: { state: true }, timeoutSeconds: 0.1 }
  t.match(await posted(hub, silent), { status: 504, body: { receipt: 'timed-out' } })
  await node.on(`${relay}/set`)
  const [lied] = await Promise.all([posted(hub, silent), obey(node, () => ({ state: false }))])
  t.match(lied, { status: 502, body: { receipt: 'mismatch' } })
  const page = await talkTo(t, hub)
  const [overtaken] = await Promise.all([
    posted(hub, { device: relay, payload: { state: true } }),
    node.on(`${relay}/set`).then(() => page.send('relay/i2c0-3b/set', { state: true })),
  ])
  t.match(overtaken, { status: 409, body: { receipt: 'superseded' } })
})

t.test(
  'a device that its node does not have is 404, and force sends it all the same',
  async (t) => {
    const hub = await startedHub(t)
    const { client } = await mqttTo(t, hub)
    const list = JSON.stringify({ sensors: [], actuators: ['relay/a'], notifications: [] })
    await client.publishAsync('nodes/bridge/0/-/-/config/ok', list, { qos: 1 })
    const body = { device: relay, payload: { state: true }, timeoutSeconds: 0.1 }
    t.match(await posted(hub, body), { status: 404, body: { code: 'unknown-device' } })
    t.match(await posted(hub, { ...body, force: true }), { status: 504 })
  },
)

t.test('what waits for its turn is answered when it has ended', async (t) => {
  const hub = await startedHub(t)
  const node = await mqttTo(t, hub, { filter: `${relay}/set` })
  const on = { device: relay, payload: { state: true } }
  const [first] = await Promise.all([posted(hub, on), obey(node)])
  const [waited] = await Promise.all([
    posted(hub, { ...on, payload: { state: false } }),
    obey(node),
  ])
  t.equal(waited.status, 200)
  t.equal(first.status, 200)
})

t.test('what is not right is refused in one sentence', async (t) => {
  const hub = await startedHub(t, {
    users: {
      clown: { password: 'bigclown', role: 'admin' },
      eve: { password: 'evening', role: 'viewer' },
    },
  })
  const good = { device: relay, payload: { state: true } }
  t.match(await posted(hub, good, 'eve:evening'), { status: 403, body: { code: 'forbidden' } })
  t.equal((await posted(hub, good, 'eve:wrong')).status, 401)
  const wrong: [body: unknown, code: string, message: RegExp][] = [
    ['nonsense', 'bad-payload', /^expected the body to be object/],
    [{ device: relay }, 'bad-payload', /^expected the body to have "payload"/],
    [{ ...good, payload: { state: 1 } }, 'bad-payload', /^expected \/state to be boolean, got 1/],
    [{ ...good, timeout: 1 }, 'bad-payload', /^unknown key "\/timeout": known here: "device"/],
    [{ ...good, device: 'a/+' }, 'bad-topic', /^expected a topic with no wildcard/],
    [{ ...good, device: '$SYS/a' }, 'bad-topic', /^expected a topic with no \$/],
    [{ ...good, device: 'a/config' }, 'bad-topic', /^expected the topic of a device, without/],
    [{ ...good, device: `${relay}/set` }, 'bad-topic', /^expected the topic of a device, without/],
  ]
  for (const [body, code, message] of wrong) {
    t.match(await posted(hub, body), { status: 400, body: { code, message } }, code)
  }
})
