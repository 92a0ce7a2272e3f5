import { once } from 'node:events'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import type { ConfigInput } from '../../../src/config.ts'
import type { DeconzEvent } from '../../../src/dialects/deconz/events.ts'
import { createInbox, type Inbox } from '../../inbox.ts'
import { type Answer, ask } from '../asked-json.ts'
import { basicOf, type House, startedHouse } from '../house.ts'

export interface DeconzHouse extends House {
  /** What is told on a websocket. */
  readonly events: Inbox<DeconzEvent>
  /** A key of clown, who may do everything. */
  readonly key: string
  keyOf(user: Parameters<typeof basicOf>[0]): Promise<string>
  /** Asks below `/api/<key of clown>`. */
  get(path: string): Promise<Answer>
  put(path: string, body: unknown): Promise<Answer>
  /** Has a device report for the first time, and answers the number it gets. */
  add(name: string, report: unknown): Promise<string>
}

/** A house whose hub speaks deCONZ. */
export async function deconzHouse(
  t: Test,
  config: Partial<ConfigInput> = {},
): Promise<DeconzHouse> {
  const house = await startedHouse(t, 'deconz', config)
  const { port, report } = house
  const keyOf = async (user: Parameters<typeof basicOf>[0]): Promise<string> => {
    const headers = { Authorization: basicOf(user) }
    const body = { devicetype: `${user}#test` }
    const answer = await ask(port, ['POST', '/api'], { body, headers })
    return answer.body[0].success.username
  }
  const events = await eventsOf(t, port)
  const key = await keyOf('clown')
  return {
    ...house,
    events,
    key,
    keyOf,
    get: (path) => ask(port, ['GET', `/api/${key}${path}`]),
    put: (path, body) => ask(port, ['PUT', `/api/${key}${path}`], { body }),
    add: async (name, value) => {
      await report(name, value)
      const { id } = await events.next(({ e }) => e === 'added')
      return String(id)
    },
  }
}

/** What comes on a websocket of the port. */
export async function eventsOf(t: Test, port: number): Promise<Inbox<DeconzEvent>> {
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/`)
  t.teardown(() => websocket.terminate())
  const events = createInbox<DeconzEvent>()
  websocket.on('message', (frame) => events.put(JSON.parse(String(frame))))
  await once(websocket, 'open')
  return events
}
