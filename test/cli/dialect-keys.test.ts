import { once } from 'node:events'
import { createServer } from 'node:http'
import t from 'tap'
import { ask } from '../dialects/asked-json.ts'
import { startedHouse } from '../dialects/house.ts'
import { startedHub } from '../started-hub.ts'
import { listening } from './answering-hub.ts'
import { ranLine, runLine } from './run-line.ts'

t.test('an operator unlocks, lists the keys that were made, and ends one', async (t) => {
  const { hub, port } = await startedHouse(t, 'deconz')
  const url = `http://operator:operator1@127.0.0.1:${hub.httpPort}`
  t.same((await ranLine(`deconz keys --url ${url}`)).output, ['no keys'])
  const unlocked = await ranLine(`deconz unlock --url ${url}`)
  t.match(unlocked, {
    code: 0,
    output: [/^unlocked until \d{4}-.*Z: keys made until then carry the rights of operator$/],
  })
  const { body } = await ask(port, ['POST', '/api'], { body: { devicetype: 'app#host' } })
  const key = body[0].success.username
  const { output } = await ranLine(`deconz keys --url ${url}`)
  t.match(output, [/^[0-9a-f]{12} {2}operator {2}last used \d{4}-.*Z {2}app#host$/])
  t.equal((await ask(port, ['GET', `/api/${key}/lights`])).status, 200)
  const id = String(output[0]).slice(0, 12)
  t.same((await ranLine(`deconz forget ${id} --url ${url}`)).output, [
    `forgotten: ${id} of operator, app#host`,
  ])
  t.equal((await ask(port, ['GET', `/api/${key}/lights`])).status, 403)
  t.match((await ranLine(`deconz forget ${id} --url ${url}`)).output, [
    /^refused: expected the id of a key, got "[0-9a-f]{12}"$/,
  ])
})

t.test('an operator lists the keys of Jeedom, and ends them', async (t) => {
  const { hub, port } = await startedHouse(t, 'jeedom')
  const url = `http://operator:operator1@127.0.0.1:${hub.httpPort}`
  const params = { login: 'viewer', password: 'viewer1' }
  const body = { jsonrpc: '2.0', id: 1, method: 'user::getHash', params }
  await ask(port, ['POST', '/core/api/jeeApi.php'], { body })
  const { output } = await ranLine(`jeedom keys --url ${url}`)
  t.match(output, [/user::getHash \(SHA-512\)$/, /^[0-9a-f]{12} {2}viewer .* user::getHash$/])
  for (const line of output) {
    t.equal((await ranLine(`jeedom forget ${line.slice(0, 12)} --url ${url}`)).code, 0)
  }
  t.same((await ranLine(`jeedom keys --url ${url}`)).output, ['no keys'])
})

t.test('keys for somebody else are for admins to give', async (t) => {
  const { hub, port } = await startedHouse(t, 'deconz')
  const at = (user: string) => `--url http://${user}@127.0.0.1:${hub.httpPort}`
  const operator = at('operator:operator1')
  const admin = at('clown:bigclown')
  t.match(await ranLine(`deconz unlock --for viewer ${operator}`), {
    code: 4,
    output: ['refused: expected an admin to make keys for "viewer"'],
  })
  t.match(await ranLine(`deconz unlock --for nobody ${admin}`), {
    output: ['refused: expected a user of the hub, got "nobody"'],
  })
  const { output } = await ranLine(`deconz unlock --for viewer --seconds 5 --json ${admin}`)
  t.match(JSON.parse(String(output[0])), { user: 'viewer', until: /Z$/ })
  t.equal((await ask(port, ['POST', '/api'], { body: { devicetype: 'app' } })).status, 200)
  await ranLine(`deconz unlock --seconds 0 ${admin}`)
  t.equal((await ask(port, ['POST', '/api'], { body: { devicetype: 'other' } })).status, 403)
  t.match(await ranLine(`deconz keys ${at('viewer:viewer1')}`), {
    code: 4,
    output: ['refused: expected a user of role operator or admin, got role viewer'],
  })
})

t.test('what is wrong is told in one sentence', async (t) => {
  const hub = await startedHub(t)
  const url = `http://clown:bigclown@127.0.0.1:${hub.httpPort}`
  t.match(await ranLine(`deconz unlock --url ${url}`), {
    code: 4,
    output: ['refused: expected an entry for "deconz" under dialects in the configuration'],
  })
  t.match((await ranLine(`deconz unlock --seconds 601 --url ${url}`)).errors, [
    /^clown-hub: expected --seconds .*601/,
  ])
  t.match((await ranLine('deconz forget')).errors, [/^clown-hub: expected one ID; usage: /])
  t.match((await ranLine('deconz')).errors, [/deconz unlock/])
})

t.test('what a program sends to an operation is checked', async (t) => {
  const { hub } = await startedHouse(t, 'deconz')
  const headers = { Authorization: `Basic ${btoa('clown:bigclown')}` }
  const post = (operation: string, body: unknown) =>
    ask(hub.httpPort, ['POST', `/api/dialects/deconz/${operation}`], { body, headers })
  for (const seconds of [-1, 601, 'many', null]) {
    const { status, body } = await post('unlock', { seconds })
    t.equal(status, 400)
    t.match(body, { code: 'bad-payload', message: /^expected seconds from 0 to 600, got / })
  }
  t.match((await post('unlock', { user: 5 })).body, { code: 'bad-payload' })
  t.match((await post('forget', [])).body, { code: 'bad-payload' })
  t.match(await post('unlock', '{'), { status: 400, body: { code: 'bad-payload' } })
  t.match((await post('unlock', 5)).body, { user: 'clown' }, 'as if nothing were said')
  t.equal((await post('nonsense', {})).status, 404)
})

t.test('Ctrl-C ends the waiting, and says what is not known', async (t) => {
  const server = createServer(() => {})
  const port = await listening(t, server)
  t.teardown(() => server.closeAllConnections())
  const line = runLine(`deconz unlock --url http://clown:bigclown@127.0.0.1:${port}`)
  await once(server, 'request')
  line.stop()
  t.equal(await line.code, 130)
  t.match(line.output.items, [/not waited for/])
})
