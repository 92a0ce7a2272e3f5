import t from 'tap'
import { ask } from '../dialects/asked-json.ts'
import { eventsOf } from '../dialects/deconz/deconz-house.ts'
import { basicOf, startedHouse } from '../dialects/house.ts'
import { guestKey, openedTo, path } from '../dialects/jeedom/jeedom-house.ts'
import { createInbox } from '../inbox.ts'
import { talkTo } from '../started-hub.ts'

/** How soon everybody shows the same. */
const promisedMs = 1000

/** What each of three programs shows of the relay, as it is told. */
type Shown = { way: 'deconz' | 'jeedom' | 'talk'; state: boolean }

t.test(
  'a relay switched in any of three languages is the same in all within a second',
  async (t) => {
    const guest = { user: 'clown', anyOrigin: true }
    const house = await startedHouse(t, 'deconz', {
      commands: { rules: [{ topic: '#', minIntervalMilliseconds: 0 }] },
      dialects: [
        { dialect: 'deconz', port: 0, guest },
        { dialect: 'jeedom', port: 0, guest, jeedom: { period: 0.1, guestKey } },
      ],
    })
    const [deconzPort = 0, jeedomPort = 0] = house.hub.dialects.map(({ port }) => port)
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
    house.obey()

    const all = async (state: boolean, act: () => Promise<unknown> | undefined) => {
      const startedMs = performance.now()
      const acted = act()
      const told = async (way: Shown['way']) =>
        shown.next((one) => one.way === way && one.state === state)
      const lights = listener.next(
        ({ r, state: section }) => r === 'lights' && Object(section).on === state,
      )
      await Promise.all([told('talk'), told('jeedom'), lights])
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
    t.equal((await ask(deconzPort, ['GET', light])).body.state.on, true)
    t.equal((await call('cmd::execCmd', { id: relay })).value, 1)
  },
)
