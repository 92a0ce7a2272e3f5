import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { ask } from '../dialects/asked-json.ts'
import { eventsOf } from '../dialects/deconz/deconz-house.ts'
import { basicOf, startedHouse } from '../dialects/house.ts'
import { guestKey, openedTo, path } from '../dialects/jeedom/jeedom-house.ts'
import { createInbox } from '../inbox.ts'
import { talkTo } from '../started-hub.ts'

/** How soon everybody shows the same. */
const promisedMs = 1000

/** What each program shows of the relay, as it is told. */
type Shown = { way: 'jeedom' | 'netzer' | 'talk' | 'tvheadend'; state: boolean }

t.test(
  'a relay switched in any language that can is the same in all five within a second, and no other than it is',
  async (t) => {
    const guest = { user: 'clown', anyOrigin: true }
    const house = await startedHouse(t, 'deconz', {
      commands: { rules: [{ topic: '#', minIntervalMilliseconds: 0 }] },
      dialects: [
        { dialect: 'deconz', port: 0, guest },
        { dialect: 'jeedom', port: 0, guest, jeedom: { period: 0.1, guestKey } },
        { dialect: 'netzer', port: 0, guest },
        { dialect: 'tvheadend', port: 0, guest },
      ],
    })
    const ports = house.hub.dialects.map(({ port }) => port)
    const [deconzPort = 0, jeedomPort = 0, netzerPort = 0, tvheadendPort = 0] = ports
    const shown = createInbox<Shown>()

    const talk = await talkTo(t, house.hub)
    talk.websocket.on('message', (line) => {
      const [topic, payload] = JSON.parse(String(line))
      if (topic === 'relay/i2c0-3b') shown.put({ way: 'talk', state: payload.state })
    })
    const events = await eventsOf(t, deconzPort)
    await house.report('relay/i2c0-3b', { state: false })
    const { id } = await events.next(({ e }) => e === 'added')
    const listener = await eventsOf(t, deconzPort)
    const jeedom = await openedTo(t, jeedomPort)
    jeedom.on('message', (frame) => {
      for (const { name, option } of JSON.parse(String(frame)).result) {
        if (name === 'cmd::update') shown.put({ way: 'jeedom', state: option.value === 1 })
      }
    })
    jeedom.send(JSON.stringify({ apiKey: guestKey }))
    const netzer = await websocketTo(t, `ws://127.0.0.1:${netzerPort}/ws`, (frame) => {
      const state = Object(JSON.parse(frame)).u?.v?.[0]
      if (state !== undefined) shown.put({ way: 'netzer', state: state === '1' })
    })
    netzer.send('tuv0=3')
    const tvheadend = await websocketTo(t, `ws://127.0.0.1:${tvheadendPort}/comet/ws`, (frame) => {
      for (const { topic, payload } of JSON.parse(frame).messages) {
        if (!String(topic).endsWith('relay/i2c0-3b')) continue
        shown.put({ way: 'tvheadend', state: payload.state })
      }
    })
    await shown.next(({ way }) => way === 'netzer')
    await shown.next(({ way }) => way === 'tvheadend')
    house.obey()

    const all = async (state: boolean, act: () => Promise<unknown> | undefined) => {
      const startedMs = performance.now()
      const acted = act()
      const told = async (way: Shown['way']) =>
        shown.next((one) => one.way === way && one.state === state)
      const lights = listener.next(
        ({ r, state: section }) => r === 'lights' && Object(section).on === state,
      )
      // A program that is in a hurry asks for what there is; by itself it is told once a second.
      const asking = setInterval(() => tvheadend.send('{}'), 50)
      const ways = ['talk', 'jeedom', 'netzer', 'tvheadend'] as const
      await Promise.all([...ways.map(told), lights])
      clearInterval(asking)
      const tookMs = performance.now() - startedMs
      t.ok(tookMs < promisedMs, `all show it within a second: ${Math.round(tookMs)} ms`)
      await acted
    }
    const headers = { Authorization: basicOf('clown') }
    const made = await ask(deconzPort, ['POST', '/api'], {
      body: { devicetype: 'journey' },
      headers,
    })
    const light = `/api/${made.body[0].success.username}/lights/${id}`
    const call = async (method: string, params: object) => {
      const body = { jsonrpc: '2.0', id: 1, method, params: { apikey: guestKey, ...params } }
      return (await ask(jeedomPort, ['POST', path], { body })).body.result
    }
    const commands: { id: string; name: string }[] = await call('cmd::all', {})
    const off = commands.find(({ name }) => name === 'Off')?.id
    const relay = commands.find(({ name }) => name === 'Relay')?.id

    await all(true, () => ask(deconzPort, ['PUT', `${light}/state`], { body: { on: true } }))
    await all(false, () => call('cmd::execCmd', { id: off }))
    await all(true, () => {
      talk.send('relay/i2c0-3b/set', { state: true })
      return undefined
    })
    await all(false, () => {
      netzer.send('uv0=0')
      return undefined
    })
    // A node that does what nobody asked for is shown as it says.
    await all(true, () => house.report('relay/i2c0-3b', { state: true }))
    t.equal((await ask(deconzPort, ['GET', light])).body.state.on, true)
    t.equal((await call('cmd::execCmd', { id: relay })).value, 1)
  },
)

/** A websocket that is open, and what to do with each of its frames. */
async function websocketTo(t: Test, url: string, receive: (frame: string) => void) {
  const websocket = new WebSocket(url)
  t.teardown(() => websocket.terminate())
  websocket.on('message', (frame) => receive(String(frame)))
  await once(websocket, 'open')
  return websocket
}

t.test('a relay that does not obey is shown as it is, also where it was switched', async (t) => {
  const guest = { user: 'clown', anyOrigin: true }
  const house = await startedHouse(t, 'netzer', {
    commands: { rules: [{ topic: '#', timeoutSeconds: 1 }] },
    dialects: [
      { dialect: 'netzer', port: 0, guest },
      { dialect: 'deconz', port: 0, guest },
      { dialect: 'jeedom', port: 0, guest, jeedom: { period: 0.1, guestKey } },
      { dialect: 'tvheadend', port: 0, guest },
    ],
  })
  const [netzerPort = 0, deconzPort = 0, jeedomPort = 0, tvheadendPort = 0] =
    house.hub.dialects.map(({ port }) => port)
  await house.report('relay/i2c0-3b', { state: false })
  house.node.client.on('message', () => void house.report('relay/i2c0-3b', { state: false }))
  const answers = createInbox<string>()
  const netzer = await websocketTo(t, `ws://127.0.0.1:${netzerPort}/ws`, answers.put)
  const talk = await talkTo(t, house.hub)
  netzer.send('uv0=1')
  t.equal(await answers.next(), '{"u":{"v":{"0":"0"}}}')
  t.same((await talk.on('relay/i2c0-3b'))[1], { state: false })
  const headers = { Authorization: basicOf('clown') }
  const made = await ask(deconzPort, ['POST', '/api'], { body: { devicetype: 'journey' }, headers })
  const lights = await ask(deconzPort, ['GET', `/api/${made.body[0].success.username}/lights`])
  t.match(Object.values(lights.body), [{ state: { on: false } }])
  const body = { jsonrpc: '2.0', id: 1, method: 'cmd::all', params: { apikey: guestKey } }
  const commands: { id: string; name: string }[] = (await ask(jeedomPort, ['POST', path], { body }))
    .body.result
  const id = commands.find(({ name }) => name === 'Relay')?.id
  const exec = { ...body, method: 'cmd::execCmd', params: { apikey: guestKey, id } }
  t.equal((await ask(jeedomPort, ['POST', path], { body: exec })).body.result.value, 0)
  const polled = await fetch(`http://127.0.0.1:${tvheadendPort}/comet/poll`)
  const { messages } = JSON.parse(await polled.text())
  const isRelay = ({ topic }: { topic?: string }) => topic === 'nodes/bridge/0/relay/i2c0-3b'
  t.match(messages.findLast(isRelay), { payload: { state: false } })
})
