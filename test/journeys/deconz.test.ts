import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { WsClient } from 'hb-deconz-tools/WsClient'
import t, { type Test } from 'tap'
import { createInbox } from '../inbox.ts'
import { testFolder } from '../test-folder.ts'
import { type StartedLab, startCommand, startLab, unrecorded } from './started-lab.ts'

/** The command line of homebridge-deconz, which is by the author of deCONZ's most thorough client. */
const tool = fileURLToPath(
  new URL('../../node_modules/hb-deconz-tools/cli/deconz.js', import.meta.url),
)

/** Runs the tool in a home of its own, and answers what it printed. */
function toolIn(t: Test, port: string) {
  const settings = { HOME: testFolder(t) }
  return async (...args: string[]): Promise<string> => {
    const command = [...unrecorded, process.execPath, tool, '-H', `127.0.0.1:${port}`, ...args]
    const { ended, output, errors } = startCommand(t, command, settings)
    await ended
    return [...output.items, ...errors.items].join('\n')
  }
}

function portOf(lab: StartedLab): string {
  const line = lab.output.items.find((line) => line.startsWith('  others ')) ?? ''
  return /deCONZ (\d+)/.exec(line)?.[1] ?? ''
}

t.test('the tool of homebridge-deconz finds, reads and switches the house', async (t) => {
  const lab = await startLab(t, {}, 'deconz=0')
  const port = portOf(lab)
  const deconz = toolIn(t, port)
  t.match(JSON.parse(await deconz('config')), { bridgeid: /^00212E/, modelid: 'deCONZ' })
  t.match(await deconz('getApiKey'), 'api error 101: link button not pressed')

  const url = `http://clown:bigclown@127.0.0.1:${lab.httpPort}`
  await lab.alongside('deconz', 'unlock', '--url', url).ended
  t.match(await deconz('getApiKey'), /^"[0-9A-F]{10}"$/)

  t.match(JSON.parse(await deconz('get', '/config')), { websocketport: Number(port) })
  const lights: Record<string, { name: string }> = JSON.parse(await deconz('get', '/lights'))
  const [id] = Object.entries(lights).find(([, { name }]) => name === 'Relay i2c0-3b') ?? []
  const changes = await changesOf(t, port)
  t.match(await deconz('put', '-v', `/lights/${id}/state`, '{"on":true}'), /state\/on": true/)
  const [, , body] = await changes.next(([type, number]) => type === 'lights' && number === id)
  t.match(body, { state: { on: true } })
  t.match(await deconz('get', `/lights/${id}/state/on`), 'true')
  t.match(await deconz('get', '/groups/0/state/any_on'), 'true')
  t.match(await deconz('put', `/lights/${id}/state`, '{"bri":3}'), 'api error 6')
  t.match(await deconz('get', '/lights/999'), '404')
  const sensors: Record<string, { type: string }> = JSON.parse(await deconz('get', '/sensors'))
  t.same([...new Set(Object.values(sensors).map(({ type }) => type))].sort(), [
    'ZHAAirQuality',
    'ZHAHumidity',
    'ZHALightLevel',
    'ZHAPresence',
    'ZHAPressure',
    'ZHATemperature',
  ])
})

type Change = [type: string, number: string, body: unknown]

/** What the websocket client of homebridge-deconz hears. */
async function changesOf(t: Test, port: string) {
  const listener = new WsClient({ host: `127.0.0.1:${port}`, retryTime: 0 })
  t.teardown(() => listener.close())
  const changes = createInbox<Change>()
  listener.on('changed', (...change: Change) => changes.put(change))
  const listening = once(listener, 'listening')
  listener.listen()
  await listening
  return changes
}
