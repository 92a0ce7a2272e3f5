import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { conventions } from '../../src/simulator/conventions.ts'
import { blind, lamp, relay } from '../../src/simulator/parts.ts'
import { startSimulatedNode } from '../../src/simulator/start-simulated-node.ts'
import { publish, requireProgram, subscribe } from '../programs.ts'
import { mqttTo, startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { startCommand, unrecorded } from './started-lab.ts'

/** The command line of homebridge-deconz. */
const tool = fileURLToPath(
  new URL('../../node_modules/hb-deconz-tools/cli/deconz.js', import.meta.url),
)

const clown = { user: 'clown', password: 'bigclown' }
const authorization = `Basic ${btoa('clown:bigclown')}`
const shelly = 'shellyplus1pm-485519a1ff8c'

/** What the plug says of itself, as its firmware does. */
function statusOf(output: boolean): string {
  const apower = output ? 41.2 : 0
  const measured = { apower, voltage: 231.4, current: apower / 231.4 }
  return JSON.stringify({
    id: 0,
    source: 'mqtt',
    output,
    ...measured,
    aenergy: { total: 1234.567 },
  })
}

/** A hub that serves both languages. */
async function serving(t: Test) {
  const guest = { user: 'clown', anyOrigin: true }
  const hub = await startedHub(t, {
    dialects: [
      { dialect: 'deconz', port: 0, guest },
      { dialect: 'jeedom', port: 0, guest, jeedom: { guestKey: 'userApiKey' } },
    ],
    commands: { rules: [{ topic: '#', minIntervalMilliseconds: 0 }] },
  })
  const [deconz, jeedom] = hub.dialects.map(({ port }) => Number(port))
  return { hub, deconz: Number(deconz), jeedom: Number(jeedom) }
}

/** Such a hub, and a plug that does what it is told. */
async function started(t: Test) {
  const { hub, ...ports } = await serving(t)
  const mqtt = { port: hub.mqttPort, ...clown }
  const plug = await subscribe(t, { ...mqtt, filter: `${shelly}/rpc`, format: '%p' })
  const say = (topic: string, payload: string) =>
    publish({ ...mqtt, topic: `${shelly}/${topic}`, payload })
  await say('online', 'true')
  await say('status/switch:0', statusOf(false))
  /** Hears one command, and does it; before, it may be asked how it is. */
  const obeyed = async () => {
    let { method, params } = JSON.parse(await plug.next())
    while (method !== 'Switch.Set') ({ method, params } = JSON.parse(await plug.next()))
    await say('status/switch:0', statusOf(params.on))
    return params
  }
  return { ...ports, obeyed }
}

/** A key of deCONZ, for whoever has a password. */
async function keyOf(port: number): Promise<string> {
  const made = await fetch(`http://127.0.0.1:${port}/api`, {
    method: 'POST',
    headers: { authorization },
    body: JSON.stringify({ devicetype: 'journey' }),
  })
  const [{ success }] = (await made.json()) as [{ success: { username: string } }]
  return success.username
}

interface Light {
  readonly type: string
  readonly state: object
}

interface JeedomCommand {
  readonly id: string
  readonly generic_type: string
  readonly currentValue: unknown
}

/** What Jeedom's API answers to a method. */
function callsTo(port: number) {
  return async (method: string, params: object = {}) => {
    const asked = { jsonrpc: '2.0', id: 1, method, params: { apikey: 'userApiKey', ...params } }
    const url = `http://127.0.0.1:${port}/core/api/jeeApi.php`
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify(asked) })
    // biome-ignore lint/suspicious/noExplicitAny: what JSON.parse answers, for a test to look into
    return ((await answer.json()) as any).result
  }
}

t.test('clients of deCONZ and Jeedom see a Shelly, what it measures, and switch it', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const { deconz, jeedom, obeyed } = await started(t)

  const key = await keyOf(deconz)
  const home = testFolder(t)
  const use = async (...args: string[]): Promise<string> => {
    const at = ['-H', `127.0.0.1:${deconz}`, '-K', key]
    const command = [...unrecorded, process.execPath, tool, ...at, ...args]
    const { ended, output, errors } = startCommand(t, command, { HOME: home })
    await ended
    return [...output.items, ...errors.items].join('\n')
  }
  const lights = JSON.parse(await use('get', '/lights'))
  const [id] = Object.keys(lights)
  t.match(lights[String(id)], { type: 'On/Off plug-in unit', state: { on: false } })
  const switched = use('put', '-v', `/lights/${id}/state`, '{"on":true}')
  t.equal((await obeyed()).on, true)
  t.match(await switched, /state\/on": true/)
  t.equal(await use('get', `/lights/${id}/state/on`), 'true')
  const sensors: Record<string, { type: string; state: object }> = JSON.parse(
    await use('get', '/sensors'),
  )
  const power = Object.values(sensors).find(({ type }) => type === 'ZHAPower')
  t.match(power, { state: { power: 41 } })
  const [address] = JSON.parse(await use('get', '/devices'))
  t.match(JSON.parse(await use('get', `/devices/${address}/ddf`)).subdevices, [
    { type: 'On/Off plug-in unit' },
  ])

  const call = callsTo(jeedom)
  const commands: JeedomCommand[] = await call('cmd::all')
  const command = (type: string) => commands.find(({ generic_type }) => generic_type === type)
  t.equal(command('ENERGY_STATE')?.currentValue, 1)
  t.equal(command('POWER')?.currentValue, 41.2)
  t.equal(command('CONSUMPTION')?.currentValue, 1234.567)
  const ended = call('cmd::execCmd', { id: command('ENERGY_OFF')?.id })
  t.equal((await obeyed()).on, false)
  t.equal(await ended, 'ok')
  const history = await call('cmd::getHistory', { id: command('ENERGY_STATE')?.id })
  t.ok(history.length > 0)
})

t.test('both switch, dim and move Shellys of each generation, and each is confirmed', async (t) => {
  const { hub, deconz, jeedom } = await serving(t)
  const url = `mqtt://clown:bigclown@127.0.0.1:${hub.mqttPort}`
  const { messages } = await mqttTo(t, hub, { filter: ['$SYS/hub/commands/#', 'devices/#'] })
  for (const [convention, name] of [
    ['shelly', 'shellyplus2pm-02a1b2c3d4e5'],
    ['shelly-gen1', 'shelly-AABBCC'],
  ] as const) {
    const parts = [relay('Relay'), lamp('Lamp', ['brightness']), blind('Blind', 40)]
    const node = await startSimulatedNode({ url, convention: conventions[convention], name, parts })
    t.teardown(node.close)
    for (const kind of ['relay', 'light', 'cover']) {
      await messages.next(({ topic }) => {
        return topic.startsWith(`devices/${convention}/`) && topic.includes(`/${kind}/`)
      })
    }
  }
  /** The next of these that was commanded, and whether it has done it. */
  const end = async () => {
    const { topic, payload } = await messages.next(({ topic, payload }) => {
      return topic.startsWith('$SYS/hub/commands/') && JSON.parse(String(payload)).final === true
    })
    const { receipt, way } = JSON.parse(String(payload))
    return `${way} ${topic.split('/')[4]} ${topic.split('/').at(-2)?.slice(0, 5)} ${receipt}`
  }

  const home = `http://127.0.0.1:${deconz}/api/${await keyOf(deconz)}`
  const lightsNow = async () =>
    Object.entries<Light>(Object(await (await fetch(`${home}/lights`)).json()))
  const lights = await lightsNow()
  const asks = {
    'On/Off plug-in unit': { on: true },
    'Dimmable light': { on: true, bri: 127 },
    'Window covering device': { lift: 30 },
  }
  for (const [type, body] of Object.entries(asks)) {
    const some = lights.filter(([, light]) => light.type === type)
    t.equal(some.length, 2, `${type}, one of each generation`)
    for (const [id] of some) {
      const put = { method: 'PUT', body: JSON.stringify(body) }
      await fetch(`${home}/lights/${id}/state`, put)
      t.match(await end(), /^deconz \S+ \S+ confirmed$/)
    }
  }
  for (const [, { type, state }] of await lightsNow()) {
    t.match(state, asks[type as keyof typeof asks], type)
  }

  const call = callsTo(jeedom)
  const commands: JeedomCommand[] = await call('cmd::all')
  const generic = {
    ENERGY_OFF: {},
    LIGHT_SLIDER: { slider: 20 },
    FLAP_UP: {},
    FLAP_SLIDER: { slider: 60 },
  }
  for (const [type, options] of Object.entries(generic)) {
    const some = commands.filter(({ generic_type }) => generic_type === type)
    t.equal(some.length, 2, `${type}, one of each generation`)
    for (const { id } of some) {
      await call('cmd::execCmd', { id, options })
      t.match(await end(), /^jeedom \S+ \S+ confirmed$/)
    }
  }
  const now: JeedomCommand[] = await call('cmd::all')
  for (const [type, value] of [
    ['ENERGY_STATE', 0],
    ['LIGHT_BRIGHTNESS', 20],
    ['FLAP_STATE', 60],
  ] as const) {
    const some = now.filter(({ generic_type }) => generic_type === type)
    t.same(
      some.map(({ currentValue }) => currentValue),
      [value, value],
      type,
    )
  }
})
