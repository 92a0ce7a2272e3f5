import { once } from 'node:events'
import { connectAsync } from 'mqtt'
import t from 'tap'
import { WebSocket } from 'ws'
import { createToken } from '../../src/access/tokens.ts'
import { startedHub } from '../started-hub.ts'

/** What a websocket ends or begins with: `open`, or the code of its close or of its refusal. */
async function outcome(websocket: WebSocket): Promise<unknown> {
  return Promise.race([
    once(websocket, 'message').then(() => 'message'),
    once(websocket, 'close').then(([code]) => code),
  ]).catch((error: Error) => error.message)
}

t.test('no password, token, cookie, ticket or payload of a command is ever logged', async (t) => {
  const { token } = createToken()
  const password = 'right-and-secret'
  const users = {
    clown: { password, role: 'operator' },
    robot: { password: token, role: 'operator' },
  } as const
  const hub = await startedHub(t, { users })
  const secrets = [password, token, 'wrong-and-secret', 'payload-and-secret']
  const http = `127.0.0.1:${hub.httpPort}`

  for (const secret of [password, 'wrong-and-secret']) {
    const body = JSON.stringify({ user: 'clown', password: secret })
    const headers = { 'Content-Type': 'application/json' }
    const login = await fetch(`http://${http}/login`, { method: 'POST', headers, body })
    const Cookie = login.headers.get('set-cookie')?.split(';')[0] ?? ''
    const asked = await fetch(`http://${http}/ticket`, { method: 'POST', headers: { Cookie } })
    const [, ticket = 'x'] = /"ticket":"([^"]+)"/.exec(await asked.text()) ?? []
    if (asked.ok) secrets.push(Cookie.split('=')[1] ?? '', ticket)
    const protocols = ['clown.talk.v1', `clown.ticket.${ticket}`]
    const byTicket = new WebSocket(`ws://${http}/talk`, protocols)
    byTicket.on('open', () => byTicket.send('["a/set", "payload-and-secret"]'))
    await outcome(byTicket)
    const byMessage = new WebSocket(`ws://${http}/talk?sign-in=message`)
    const words = JSON.stringify({ user: 'clown', password: secret })
    byMessage.on('open', () => byMessage.send(`["$hub/auth", ${words}]`))
    await outcome(byMessage)
    const mqtt = connectAsync(`mqtt://clown:${secret}@127.0.0.1:${hub.mqttPort}`, {
      reconnectPeriod: 0,
    })
    const client = await mqtt.catch(() => undefined)
    // Refused by its schema, which is logged.
    await client?.publishAsync('nodes/x/relay/0/set', '{"state":"payload-and-secret"}', { qos: 1 })
    await client?.endAsync()
    for (const websocket of [byTicket, byMessage]) websocket.terminate()
  }
  const robot = await connectAsync(`mqtt://robot:${token}@127.0.0.1:${hub.mqttPort}`)
  await robot.endAsync()

  const log = hub.log.items.map((line) => JSON.stringify(line)).join('\n')
  t.match(log, /sign-in-refused/)
  t.match(log, /command-refused/)
  t.equal(secrets.length, 6)
  for (const secret of secrets) t.notOk(log.includes(secret), secret)
})
