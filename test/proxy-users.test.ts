import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { startedHub } from './started-hub.ts'

const users = {
  panel: { password: 'panel-password', role: 'viewer' },
  clown: { password: 'bigclown', role: 'admin' },
} as const

/** A hub whose proxies are at `trustProxy`, and who it says that somebody is. */
async function behindProxy(t: Test, trustProxy: string[]) {
  const http = { port: 0, trustProxy, userHeader: 'Remote-User' }
  const { httpPort } = await startedHub(t, { users, http })
  const whoIs = async (headers: Record<string, string>) => {
    const answer = await fetch(`http://127.0.0.1:${httpPort}/session`, { headers })
    return answer.status === 200 ? Object(await answer.json()).user : answer.status
  }
  return { httpPort, whoIs }
}

const basic = { Authorization: `Basic ${btoa('clown:bigclown')}` }

t.test('a trusted proxy names the user whom it has signed in', async (t) => {
  const { httpPort, whoIs } = await behindProxy(t, ['127.0.0.1'])
  t.equal(await whoIs({ 'Remote-User': 'panel' }), 'panel')
  t.equal(await whoIs({ 'Remote-User': 'panel', ...basic }), 'panel', 'before a password')
  t.equal(await whoIs({ 'Remote-User': 'nobody' }), 401)
  t.equal(await whoIs({}), 401)
  t.equal(await whoIs(basic), 'clown', 'a password is as good where it names nobody')
  const stranger = { Origin: 'https://stranger.example' }
  t.equal(await whoIs({ 'Remote-User': 'panel', ...stranger }), 403, 'a page of a stranger')
  const headers = { 'Remote-User': 'panel' }
  const websocket = new WebSocket(`ws://127.0.0.1:${httpPort}/talk`, { headers })
  await once(websocket, 'open')
  websocket.terminate()
})

t.test('without the setting no header names anybody', async (t) => {
  const { httpPort } = await startedHub(t, { users, http: { port: 0, trustProxy: ['127.0.0.1'] } })
  for (const name of ['Remote-User', 'undefined', 'userHeader']) {
    const headers = { [name]: 'clown' }
    const { status } = await fetch(`http://127.0.0.1:${httpPort}/session`, { headers })
    t.equal(status, 401, name)
  }
})

t.test('from anywhere else the header means nothing', async (t) => {
  const { whoIs } = await behindProxy(t, ['192.0.2.1'])
  t.equal(await whoIs({ 'Remote-User': 'clown' }), 401)
})
