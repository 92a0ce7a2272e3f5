import type { Test } from 'tap'
import { WebSocket } from 'ws'
import {
  type ConnectFields,
  type RawMqtt,
  rawMqttOverWebSocket,
  rawMqttTo,
  signedIn,
} from './raw-mqtt.ts'
import { type HubPorts, type TalkClient, talkOver } from './started-hub.ts'
import { basic } from './started-sign-in.ts'

/** Who comes in; the user anonymous gives neither. */
export interface Login {
  readonly user?: string
  readonly password?: string
}

interface Visit extends Login {
  readonly path?: string
}

type TalkWay = (t: Test, hub: HubPorts, visit: Visit) => Promise<TalkClient>

/** The ways in for websockets that speak Clown.Talk. */
export const talkWays = {
  'HTTP Basic': (t, hub, visit) => {
    const headers = headersOf(visit)
    return talkOver(t, new WebSocket(urlOf(hub, visit), { headers }))
  },
  'a cookie': async (t, hub, visit) => {
    const { user, password } = visit
    const { headers } = await post(hub, 'login', {
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ user, password }),
    })
    const [Cookie = ''] = (headers.get('set-cookie') ?? '').split(';')
    return talkOver(t, new WebSocket(urlOf(hub, visit), { headers: { Cookie } }))
  },
  'a ticket': async (t, hub, visit) => {
    const answer = await (await post(hub, 'ticket', { headers: headersOf(visit) })).text()
    const { ticket } = JSON.parse(answer)
    const offered = ['clown.talk.v1', `clown.ticket.${ticket}`]
    return talkOver(t, new WebSocket(urlOf(hub, visit), offered))
  },
  'a first message': async (t, hub, visit) => {
    const { user, password } = visit
    const talk = await talkOver(t, new WebSocket(`${urlOf(hub, visit)}?sign-in=message`))
    talk.send('$hub/auth', { user, password })
    await talk.on('$hub/auth/ok')
    return talk
  },
} as const satisfies Record<string, TalkWay>

type MqttWay = (t: Test, hub: HubPorts, fields: ConnectFields) => Promise<RawMqtt>

/** The ways in for MQTT. */
export const mqttWays = {
  'MQTT on TCP': async (t, hub, fields) => signedIn(await rawMqttTo(t, hub.mqttPort), fields),
  'MQTT on a websocket': async (t, hub, fields) =>
    signedIn(await rawMqttOverWebSocket(t, hub.httpPort), fields),
} as const satisfies Record<string, MqttWay>

/** Whether one can come in by `way`: in the others somebody has to be named. */
export function isOpenTo({ password }: Login, way: string): boolean {
  return password !== undefined || way === 'HTTP Basic' || way in mqttWays
}

/** Waits until the hub has dealt with all that was sent on a websocket. */
export async function spoken(talk: TalkClient): Promise<void> {
  talk.websocket.send('[]')
  await talk.on('clown.talk/-/error')
}

function headersOf({ user, password }: Login): Record<string, string> {
  return user === undefined || password === undefined ? {} : basic(user, password)
}

function urlOf(hub: HubPorts, { path = '/talk' }: Visit): string {
  return `ws://127.0.0.1:${hub.httpPort}${path}`
}

async function post(hub: HubPorts, path: string, init: RequestInit): Promise<Response> {
  const url = `http://127.0.0.1:${hub.httpPort}/${path}`
  const answer = await fetch(url, { method: 'POST', ...init })
  if (!answer.ok) throw new Error(`expected POST /${path} to be answered, got ${answer.status}`)
  return answer
}
