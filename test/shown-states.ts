import { once } from 'node:events'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import type { ConfigInput } from '../src/config.ts'
import { ask } from './dialects/asked-json.ts'
import { guestKey, path } from './dialects/jeedom/jeedom-house.ts'
import { createInbox } from './inbox.ts'
import { type HubPorts, mqttTo, type StartedHub, talkTo } from './started-hub.ts'

export const base = 'nodes/bridge/0'
export const relay = `${base}/relay/i2c0-3b`

/** Those of a request of the user `clown`. */
export const headers = {
  authorization: `Basic ${Buffer.from('clown:bigclown').toString('base64')}`,
}

/** Asks for a device on, and returns the status and what became of it. */
export function command(
  { httpPort }: HubPorts,
  { device = relay, timeoutSeconds }: { readonly device?: string; readonly timeoutSeconds: number },
) {
  const body = { device, payload: { state: true }, timeoutSeconds }
  return ask(httpPort, ['POST', '/api/command'], { body, headers })
}

/** All languages of other systems, for whoever comes from this machine. */
export const allDialects: NonNullable<ConfigInput['dialects']> = [
  { dialect: 'deconz', port: 0, guest: { user: 'clown', anyOrigin: true } },
  {
    dialect: 'jeedom',
    port: 0,
    guest: { user: 'clown', anyOrigin: true },
    jeedom: { period: 0.1, guestKey },
  },
  { dialect: 'netzer', port: 0, guest: { user: 'clown', anyOrigin: true } },
  { dialect: 'tvheadend', port: 0, guest: { user: 'clown', anyOrigin: true } },
]

/**
 * Asserts that whoever looks now is shown `state` of the only relay, in every language: on, off, or undefined
 * for unknown.
 */
export async function shows(
  t: Test,
  { hub, why }: { readonly hub: StartedHub; readonly why: string },
  state: boolean | undefined,
): Promise<void> {
  const [deconzPort = 0, jeedomPort = 0, netzerPort = 0, tvheadendPort = 0] = hub.dialects.map(
    ({ port }) => port,
  )
  const shown = {
    websocket: await byWebSocket(t, hub),
    http: await byHttp(hub),
    deconz: await byDeconz(deconzPort),
    jeedom: await byJeedom(jeedomPort),
    netzer: await byNetzer(t, netzerPort),
    tvheadend: await byTvheadend(tvheadendPort),
  }
  t.same(shown, Object.fromEntries(Object.keys(shown).map((way) => [way, state])), why)
  await untilSys(t, hub, state !== undefined)
}

async function byWebSocket(t: Test, hub: StartedHub) {
  const page = await talkTo(t, hub)
  page.send('clown.talk/-/config/set', {})
  await page.on('clown.talk/-/config/ok')
  const frames = await page.settle()
  page.websocket.terminate()
  const isMarked = frames.some(([topic]) => topic === 'relay/i2c0-3b/error')
  const [, value] = frames.find(([topic]) => topic === 'relay/i2c0-3b') ?? []
  return isMarked ? undefined : stateIn(value)
}

async function byHttp({ httpPort }: StartedHub) {
  const { body } = await ask(httpPort, ['GET', `/api/nodes/${base}`], { headers })
  const device = body.devices.find(({ topic }: { topic: string }) => topic === relay)
  // Of what is not known neither a value is told, nor that it is fresh.
  if (device.value === null && device.stale) return undefined
  return stateIn(device.value)
}

/** `$SYS` tells whether the state is known, and not which it is; that it is known again at most a second later. */
async function untilSys(t: Test, hub: StartedHub, isKnown: boolean) {
  const { messages, client } = await mqttTo(t, hub, { filter: `$SYS/hub/nodes/${base}` })
  const told = await messages.next(({ payload }) => {
    const devices: { topic: string; known?: boolean }[] = JSON.parse(String(payload)).devices
    return devices.some(({ topic, known = true }) => topic === relay && known === isKnown)
  })
  if (!isKnown) t.equal(told, messages.items[0], 'that it is not known is told at once')
  await client.endAsync(true)
}

async function byDeconz(port: number) {
  const made = await ask(port, ['POST', '/api'], {
    body: { devicetype: 'test' },
    headers,
  })
  const { body } = await ask(port, ['GET', `/api/${made.body[0].success.username}/lights`])
  const [light] = Object.values<{ state: { on: unknown; reachable: boolean } }>(body)
  // Clients show what is not reachable as such, whatever else they are told.
  return light?.state.reachable && light.state.on !== null ? light.state.on === true : undefined
}

async function byJeedom(port: number) {
  const call = async (method: string, params: object) => {
    const body = { jsonrpc: '2.0', id: 1, method, params: { apikey: guestKey, ...params } }
    return (await ask(port, ['POST', path], { body })).body.result
  }
  const commands: { id: string; name: string }[] = await call('cmd::all', {})
  const id = commands.find(({ name }) => name === 'Relay')?.id
  const { value } = await call('cmd::execCmd', { id })
  return value === '' || value === null ? undefined : value === 1
}

async function byNetzer(t: Test, port: number) {
  const answers = createInbox<string>()
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/ws`)
  t.teardown(() => websocket.terminate())
  websocket.on('message', (frame) => answers.put(String(frame)))
  await once(websocket, 'open')
  websocket.send('uv0')
  const said = await answers.next()
  websocket.terminate()
  const value = /"0"\s*:\s*"([^"]*)"/.exec(said)?.[1]
  return value === '0' || value === '1' ? value === '1' : undefined
}

async function byTvheadend(port: number) {
  const polled = await fetch(`http://127.0.0.1:${port}/comet/poll`)
  const { messages } = JSON.parse(await polled.text())
  const told = messages.findLast(({ topic }: { topic?: string }) => topic === relay)
  return stateIn(told?.payload)
}

function stateIn(value: unknown): boolean | undefined {
  const { state } = Object(value)
  return typeof state === 'boolean' ? state : undefined
}
