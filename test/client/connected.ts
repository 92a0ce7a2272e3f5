import type { Test } from 'tap'
import { WebSocket } from 'ws'
import {
  type ConnectOptions,
  connect,
  type HubClient,
  type HubMessage,
  type HubState,
  type WebSocketClass,
} from '../../client/index.ts'
import { createInbox, type Inbox } from '../inbox.ts'
import { type HubPorts, mqttTo } from '../started-hub.ts'

export interface Connected {
  readonly client: HubClient
  readonly states: Inbox<HubState>
  /** Waits for the next state of this name. */
  is(name: HubState['name']): Promise<HubState>
  /** The messages that `filter` matches. */
  messages(filter: string): Inbox<HubMessage>
}

export const clown = { user: 'clown', password: 'bigclown' }

/** The client library, connected to a hub below `path`; closed at teardown. */
export function connected(
  t: Test,
  { httpPort }: Pick<HubPorts, 'httpPort'>,
  { path = '/talk/nodes/bridge/0', ...options }: ConnectOptions & { path?: string } = clown,
): Connected {
  const client = connect(`http://127.0.0.1:${httpPort}${path}`, { WebSocket, ...options })
  t.teardown(() => client.close())
  const states = createInbox<HubState>()
  client.onState(states.put)
  return {
    client,
    states,
    is: (name) => states.next((state) => state.name === name),
    messages: (filter) => {
      const messages = createInbox<HubMessage>()
      client.on(filter, messages.put)
      return messages
    },
  }
}

/** A relay that does as it is told, below `nodes/bridge/0`. */
export async function obedientRelay(t: Test, hub: HubPorts): Promise<void> {
  const relay = 'nodes/bridge/0/relay/i2c0-3b'
  const { client } = await mqttTo(t, hub, { filter: `${relay}/set` })
  client.on('message', (_topic, payload) => client.publish(relay, payload))
  await client.publishAsync(relay, '{"state":false}', { qos: 1 })
}

/** Websockets that end without a goodbye when the test wants it. */
export function brittle(): { readonly WebSocket: WebSocketClass; cut(): void } {
  const open = new Set<WebSocket>()
  class BrittleWebSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      open.add(this)
    }
  }
  return {
    WebSocket: BrittleWebSocket,
    cut: () => {
      for (const each of open) each.terminate()
    },
  }
}
