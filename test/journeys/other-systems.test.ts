import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { publish, requireProgram, subscribe } from '../programs.ts'
import { startedHub } from '../started-hub.ts'
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

/** A hub that serves both languages, and a plug that does what it is told. */
async function started(t: Test) {
  const guest = { user: 'clown', anyOrigin: true }
  const hub = await startedHub(t, {
    dialects: [
      { dialect: 'deconz', port: 0, guest },
      { dialect: 'jeedom', port: 0, guest, jeedom: { guestKey: 'userApiKey' } },
    ],
    commands: { rules: [{ topic: '#', minIntervalMilliseconds: 0 }] },
  })
  const mqtt = { port: hub.mqttPort, ...clown }
  const plug = await subscribe(t, { ...mqtt, filter: `${shelly}/rpc`, format: '%p' })
  const say = (topic: string, payload: string) =>
    publish({ ...mqtt, topic: `${shelly}/${topic}`, payload })
  await say('online', 'true')
  await say('status/switch:0', statusOf(false))
  const [deconz, jeedom] = hub.dialects.map(({ port }) => Number(port))
  /** Hears one command, and does it; before, it may be asked how it is. */
  const obeyed = async () => {
    let { method, params } = JSON.parse(await plug.next())
    while (method !== 'Switch.Set') ({ method, params } = JSON.parse(await plug.next()))
    await say('status/switch:0', statusOf(params.on))
    return params
  }
  return { deconz, jeedom, obeyed }
}

t.test('clients of deCONZ and Jeedom see a Shelly, what it measures, and switch it', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const { deconz, jeedom, obeyed } = await started(t)

  const made = await fetch(`http://127.0.0.1:${deconz}/api`, {
    method: 'POST',
    headers: { authorization },
    body: JSON.stringify({ devicetype: 'journey' }),
  })
  const [{ success }] = (await made.json()) as [{ success: { username: string } }]
  const home = testFolder(t)
  const use = async (...args: string[]): Promise<string> => {
    const at = ['-H', `127.0.0.1:${deconz}`, '-K', success.username]
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

  const call = async (method: string, params: object = {}) => {
    const asked = { jsonrpc: '2.0', id: 1, method, params: { apikey: 'userApiKey', ...params } }
    const url = `http://127.0.0.1:${jeedom}/core/api/jeeApi.php`
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify(asked) })
    // biome-ignore lint/suspicious/noExplicitAny: what JSON.parse answers, for a test to look into
    return ((await answer.json()) as any).result
  }
  const commands: { id: string; generic_type: string; currentValue: unknown }[] =
    await call('cmd::all')
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
