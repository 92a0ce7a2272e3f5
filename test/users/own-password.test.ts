import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { hashPassword } from '../../src/access/passwords.ts'
import { createToken } from '../../src/access/tokens.ts'
import { createTotpSecret, totpCode } from '../../src/access/totp.ts'
import { usersFile } from '../access/users.ts'
import { publish, requireProgram } from '../programs.ts'
import { type HubPorts, startedHub, talkOver } from '../started-hub.ts'
import { basic } from '../started-sign-in.ts'

const first = 'first-password'
const second = 'second-password'

type Headers = Record<string, string>

/** A hub with ann in a users file, who has a password, and clown in the configuration. */
async function hubOfAnn(t: Test, more: Record<string, unknown> = {}) {
  const password = await hashPassword(first)
  const file = usersFile(
    t,
    JSON.stringify({ users: { ann: { role: 'admin', password, ...more } } }),
  )
  const hub = await startedHub(t, { usersFile: file })
  return { hub, file }
}

async function posted(
  { httpPort }: HubPorts,
  [path, body]: [path: string, body: unknown],
  headers: Headers = {},
) {
  const response = await fetch(`http://127.0.0.1:${httpPort}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  const code: unknown = text.startsWith('{') ? JSON.parse(text).code : undefined
  const [cookie = ''] = response.headers.get('set-cookie')?.split(';') ?? []
  return { status: response.status, code, Cookie: cookie }
}

async function session({ httpPort }: HubPorts, headers: Headers): Promise<number> {
  return (await fetch(`http://127.0.0.1:${httpPort}/session`, { headers })).status
}

t.test('a user changes the own password: all that the old one opened ends', async (t) => {
  if (requireProgram(t, 'mosquitto_pub') === undefined) return
  const { hub, file } = await hubOfAnn(t)
  const [{ Cookie: page }, { Cookie: elsewhere }] = await Promise.all([
    posted(hub, ['/login', { user: 'ann', password: first }]),
    posted(hub, ['/login', { user: 'ann', password: first }]),
  ])
  const url = `ws://ann:${first}@127.0.0.1:${hub.httpPort}/talk`
  const { websocket } = await talkOver(t, new WebSocket(url))
  const closed = new Promise((resolve) => websocket.once('close', resolve))

  const change = { old: first, new: second }
  const { status, Cookie } = await posted(hub, ['/api/password', change], { Cookie: page })
  t.equal(status, 204)
  t.equal(await closed, 4401)
  t.equal(await session(hub, { Cookie }), 200, 'the page that asked is signed in anew')
  t.equal(await session(hub, { Cookie: page }), 401)
  t.equal(await session(hub, { Cookie: elsewhere }), 401)
  t.equal(await session(hub, basic('ann', first)), 401)
  t.equal(await session(hub, basic('ann', second)), 200)
  t.notMatch(readFileSync(file, 'utf8'), second)
  const message = { port: hub.mqttPort, topic: 'a', payload: 'x', user: 'ann' }
  t.equal((await publish({ ...message, password: second })).code, 0)
  t.not((await publish({ ...message, password: first })).code, 0)
})

t.test('a program changes it too, and gets no cookie', async (t) => {
  const digest = '0123456789abcdef0123456789abcdef'
  const { hub, file } = await hubOfAnn(t, { digest })
  const change = { old: first, new: second }
  const done = await posted(hub, ['/api/password', change], basic('ann', first))
  t.match(done, { status: 204, Cookie: '' })
  t.notMatch(readFileSync(file, 'utf8'), digest, 'HTTP Digest is by the new one')
  t.match(readFileSync(file, 'utf8'), /digest/)
})

t.test('it needs the old password, and a new one that somebody could sign in with', async (t) => {
  const { token, sha256 } = createToken()
  const tokens = [{ name: 'x', sha256, created: '2026-11-21T00:00:00Z' }]
  const { hub } = await hubOfAnn(t, { tokens })
  const ann = basic('ann', first)
  const refused: [body: unknown, headers: Headers, status: number, code?: string][] = [
    [{ old: 'another', new: second }, ann, 403, 'wrong-password'],
    [{ old: token, new: second }, basic('ann', token), 403, 'wrong-password'],
    [{ old: first, new: 'short' }, ann, 400, 'bad-payload'],
    [{ old: first, new: 'š'.repeat(129) }, ann, 400, 'bad-payload'],
    [{ old: first, new: createToken().token }, ann, 400, 'bad-payload'],
    [{ old: first }, ann, 400, 'bad-payload'],
    [{ old: first, new: second }, {}, 401],
    [{ old: 'bigclown', new: second }, basic('clown', 'bigclown'), 409, 'not-in-users-file'],
  ]
  for (const [body, headers, status, code] of refused) {
    t.match(await posted(hub, ['/api/password', body], headers), { status, code })
  }
  t.equal(await session(hub, ann), 200)
  const inline = await startedHub(t)
  const change = { old: 'bigclown', new: second }
  const answer = await posted(inline, ['/api/password', change], basic('clown', 'bigclown'))
  t.match(answer, { status: 409, code: 'not-in-users-file' }, 'without a file at all')
})

function codeNow(secret: string, steps = 0): string {
  return totpCode(secret, Math.floor(Date.now() / 30_000) + steps)
}

t.test(
  'who has an authenticator app signs in to pages by password and code, once each',
  async (t) => {
    if (requireProgram(t, 'mosquitto_pub') === undefined) return
    const totp = createTotpSecret()
    const { token, sha256 } = createToken()
    const tokens = [{ name: 'x', sha256, created: '2026-11-21T00:00:00Z' }]
    const { hub } = await hubOfAnn(t, { totp, tokens })
    const user = 'ann'
    const logIn = (given: object) => posted(hub, ['/login', { user, password: first, ...given }])
    t.match(await logIn({}), { status: 401, code: 'code-needed' })
    t.match(await logIn({ code: '000000', password: 'x' }), { status: 401, code: undefined })
    t.match(await logIn({ code: '12345' }), { status: 401, code: undefined }, 'a wrong code')
    const code = codeNow(totp)
    const { status, Cookie } = await logIn({ code: `${code.slice(0, 3)} ${code.slice(3)}` })
    t.equal(status, 204)
    t.equal(await session(hub, { Cookie }), 200)
    t.match(await logIn({ code }), { status: 401 }, 'a code is good once')

    t.equal(await session(hub, basic(user, first)), 401, 'the password alone is good for nothing')
    t.equal(await session(hub, { Authorization: `Bearer ${token}` }), 200, 'machines have tokens')
    const message = { port: hub.mqttPort, topic: 'a', payload: 'x', user }
    t.match((await publish({ ...message, password: first })).output, /Connection Refused|not auth/i)
    t.equal((await publish({ ...message, password: token })).code, 0)

    const byMessage = new WebSocket(`ws://127.0.0.1:${hub.httpPort}/talk?sign-in=message`)
    byMessage.on('open', () => {
      byMessage.send(JSON.stringify(['$hub/auth', { user, password: first }]))
    })
    const [closeCode, reason] = await once(byMessage, 'close')
    t.equal(`${closeCode} ${reason}`, '4403 refused: expected a token of this hub')

    const change = { old: first, new: second }
    const asked = await posted(hub, ['/api/password', change], { Cookie })
    t.match(asked, { status: 403, code: 'code-needed' })
    const withCode = { ...change, code: codeNow(totp, 1) }
    t.equal((await posted(hub, ['/api/password', withCode], { Cookie })).status, 204)
  },
)

t.test('codes are guessed no faster than passwords', async (t) => {
  const limited = await startedHub(t, {
    usersFile: (await hubOfAnn(t, { totp: createTotpSecret() })).file,
    limits: { connections: { exemptLoopback: false } },
  })
  const guess = (code: number) =>
    posted(limited, ['/login', { user: 'ann', password: first, code: String(code) }])
  const statuses: number[] = []
  for (let code = 0; code < 12; code++) statuses.push((await guess(code)).status)
  t.ok(statuses.includes(429), String(statuses))
  t.notOk(statuses.includes(204))
})

t.test('a form shows the field for a code where one is needed', async (t) => {
  const { hub } = await hubOfAnn(t, { totp: createTotpSecret() })
  const form = (fields: Record<string, string>) =>
    fetch(`http://127.0.0.1:${hub.httpPort}/login`, {
      method: 'POST',
      headers: { Accept: 'text/html' },
      body: new URLSearchParams({ user: 'ann', password: first, ...fields }),
    }).then((response) => response.text())
  t.match(await form({ code: '' }), /signs in with a code besides[\s\S]*<details open>/)
  t.match(await form({ code: '12345' }), /do not belong together[\s\S]*<details open>/)
  t.match(await form({ password: 'x' }), /<details>/)
})
