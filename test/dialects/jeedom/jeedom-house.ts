import { once } from 'node:events'
import type { Test } from 'tap'
import { type ClientOptions, WebSocket } from 'ws'
import type { ConfigInput } from '../../../src/config.ts'
import type { JeedomChanges, JeedomEvent } from '../../../src/dialects/jeedom/frames.ts'
import { createInbox, type Inbox } from '../../inbox.ts'
import { ask } from '../asked-json.ts'
import { type House, startedHouse } from '../house.ts'

type JeedomInput = NonNullable<NonNullable<ConfigInput['dialects']>[number]['jeedom']>

/** The founding document's own key. */
export const guestKey = 'userApiKey'

export interface JeedomHouse extends House {
  /** The answer to a call by clown, or with another key. */
  call(method: string, params?: Record<string, unknown>): Promise<JeedomAnswer>
  /** What is told on a websocket of somebody with `key`. */
  listen(key?: string): Promise<Inbox<JeedomEvent>>
  /** The id of the command called `name` of a device. */
  commandId(device: string, name: string): Promise<string>
}

export interface JeedomAnswer {
  readonly jsonrpc: string
  readonly id: unknown
  // biome-ignore lint/suspicious/noExplicitAny: what JSON.parse answers, for tests to look into
  readonly result?: any
  readonly error?: { readonly code: number; readonly message: string }
}

export const path = '/core/api/jeeApi.php'

/** A house whose hub speaks Jeedom, told every tenth of a second. */
export async function jeedomHouse(
  t: Test,
  jeedom: JeedomInput = {},
  config: Partial<ConfigInput> = {},
): Promise<JeedomHouse> {
  const settings = { period: 0.1, guestKey, ...jeedom }
  const entry = {
    dialect: 'jeedom',
    port: 0,
    guest: { user: 'clown', anyOrigin: true },
    jeedom: settings,
  } as const
  const house = await startedHouse(t, 'jeedom', { dialects: [entry], ...config })
  const { port } = house
  const call = async (method: string, params: Record<string, unknown> = {}) => {
    const body = { jsonrpc: '2.0', id: 1, method, params: { apikey: guestKey, ...params } }
    const answer = await ask(port, ['POST', path], { body })
    t.equal(answer.status, 200, method)
    return answer.body
  }
  return {
    ...house,
    call,
    listen: async (key = guestKey) => {
      const websocket = await openedTo(t, port)
      const events = createInbox<JeedomEvent>()
      websocket.on('message', (frame) => {
        const { result }: JeedomChanges = JSON.parse(String(frame))
        for (const event of result) events.put(event)
      })
      websocket.send(JSON.stringify({ apiKey: key }))
      // Success is silent; a later frame is ignored, and its pong tells that the first was read.
      websocket.ping()
      await Promise.race([once(websocket, 'pong'), closed(websocket)])
      return events
    },
    commandId: async (device, name) => {
      const { result: equipment } = await call('eqLogic::all')
      const { result: commands } = await call('cmd::all')
      const isOfDevice = ({ logicalId }: { logicalId: string }) => logicalId === device
      const { id } = equipment.find(isOfDevice) ?? {}
      const found = commands.find(
        (command: { eqLogic_id: string; name: string }) =>
          command.eqLogic_id === id && command.name === name,
      )
      return found?.id
    },
  }
}

/** A websocket of a page of this machine. */
export async function openedTo(
  t: Test,
  port: number,
  options: ClientOptions = { origin: 'http://localhost' },
): Promise<WebSocket> {
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/myawesomesocket`, options)
  t.teardown(() => websocket.on('error', () => {}).terminate())
  await once(websocket, 'open')
  return websocket
}

async function closed(websocket: WebSocket): Promise<never> {
  const [code] = await once(websocket, 'close')
  throw new Error(`expected the key to be good, got close ${code}`)
}
