import fc from 'fast-check'
import t from 'tap'
import { hashPassword } from '../../../src/access/passwords.ts'
import { createToken } from '../../../src/access/tokens.ts'
import type { Receipt } from '../../../src/core/message.ts'
import { rpcResult } from '../../../src/dialects/jeedom/answers.ts'
import { readCall } from '../../../src/dialects/jeedom/rpc.ts'
import { usersFile } from '../../access/users.ts'
import { anyText } from '../../any-text.ts'
import { startedWith } from '../../changing-users.ts'
import { mqttTo } from '../../started-hub.ts'
import { ask } from '../asked-json.ts'
import { guestKey, jeedomHouse, path } from './jeedom-house.ts'

const restless = { commands: { rules: [{ topic: '#', minIntervalMilliseconds: 0 }] } }

t.test('without a key there is a ping, and a key for a password', async (t) => {
  const { call } = await jeedomHouse(t)
  t.same(await call('ping', { apikey: undefined }), { jsonrpc: '2.0', id: 1, result: 'pong' })
  const wrong = await call('user::getHash', { login: 'clown', password: 'wrong' })
  t.match(wrong.error, { code: 1, message: /^Echec/ })
  for (const params of [{}, { login: 'clown' }, { login: '', password: 'x' }, { login: 5 }]) {
    t.match((await call('user::getHash', params)).error, { code: 1, message: /vide$/ })
  }
})

t.test('F58: a page of a stranger cannot try passwords', async (t) => {
  const { port } = await jeedomHouse(t)
  const params = { login: 'clown', password: 'bigclown' }
  const body = { jsonrpc: '2.0', id: 1, method: 'user::getHash', params }
  const Origin = 'http://evil.example'
  const { body: answer } = await ask(port, ['POST', path], { body, headers: { Origin } })
  t.match(answer, { error: { code: 1, message: /^Echec/ } })
  t.match((await ask(port, ['POST', path], { body })).body, { result: /./ })
})

t.test('the codes of errors are those that come out of Jeedom', async (t) => {
  const { port, call, report, commandId } = await jeedomHouse(t)
  await report('relay/i2c0-3b', { state: true })
  let on: string | undefined
  while (on === undefined) on = await commandId('relay/i2c0-3b', 'On')
  t.match((await call('version', { apikey: 'wrong' })).error, { code: 2 })
  t.match((await call('version', { apikey: undefined })).error, { code: 2 })
  t.match((await call('nonsense')).error, { code: 500, message: /: nonsense$/ })
  t.match((await call('constructor')).error, { code: 500 })
  for (const id of ['1', 'x', undefined, {}, -1, 999_999]) {
    t.match((await call('cmd::byId', { id })).error, { code: 702, message: /^Cmd introuvable/ })
  }
  t.match((await call('cmd::execCmd', { id: '999999' })).error, { code: 702 })
  const { result: key } = await call('user::getHash', { login: 'viewer', password: 'viewer1' })
  t.match((await call('cmd::execCmd', { id: on, apikey: key })).error, { code: 701 })
  const raw = async (body: unknown) => (await ask(port, ['POST', path], { body })).body
  t.match(await raw('{'), { id: null, error: { code: 1 } })
  t.match(await raw({ jsonrpc: '1.0', id: 5, method: 'ping' }), { error: { code: 1 } })
  t.match(await raw({ jsonrpc: '2.0', id: {}, method: 5 }), { id: null, error: { code: 2 } })
  t.match(await raw({ jsonrpc: '2.0', id: 'a', method: 'ping', params: [] }), { id: 'a' })
})

t.test('the JSON may be the body or a field of a form', async (t) => {
  const { port } = await jeedomHouse(t)
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const json = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
  const form = new URLSearchParams({ request: json }).toString()
  t.match((await ask(port, ['POST', path], { body: form, headers })).body, { result: 'pong' })
  t.match((await ask(port, ['POST', path], { body: json, headers })).body, { result: 'pong' })
  t.equal((await ask(port, ['OPTIONS', path])).status, 200)
  t.equal((await fetch(`http://127.0.0.1:${port}/other`)).status, 404)
})

t.test('whatever a request says, it is answered', async () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), anyText()), (text) => {
      readCall(text)
    }),
  )
})

t.test('the house is objects with equipment, and that has commands', async (t) => {
  const { call, report, listen } = await jeedomHouse(t)
  t.same((await call('object::full')).result, [])
  t.same((await call('summary::global')).result, {})
  const events = await listen()
  await report('relay/i2c0-3b', { state: true })
  await events.next(({ name }) => name === 'cmd::update')
  const { result } = await call('jeeObject::full')
  t.same((await call('object::full')).result, result)
  t.match(result, [
    {
      id: /^\d+$/,
      name: 'nodes/bridge/0',
      father_id: null,
      isVisible: '1',
      configuration: { summary: { outlet: [{ cmd: /^#\d+#$/, enable: '1', invert: '0' }] } },
      eqLogics: [
        {
          id: /^\d+$/,
          name: 'Relay i2c0-3b',
          object_id: result[0].id,
          isEnable: '1',
          isVisible: '1',
          status: { timeout: 0 },
          cmds: [
            {
              type: 'info',
              subType: 'binary',
              name: 'Relay',
              generic_type: 'ENERGY_STATE',
              state: 1,
              currentValue: 1,
              unite: '',
              valueDate: /^\d{4}-/,
              collectDate: /^\d{4}-/,
            },
            { type: 'action', subType: 'other', name: 'On', generic_type: 'ENERGY_ON' },
            { type: 'action', subType: 'other', name: 'Off', generic_type: 'ENERGY_OFF' },
          ],
        },
      ],
    },
  ])
  const [{ eqLogics, configuration }] = result
  const [{ cmds, ...equipment }] = eqLogics
  t.same((await call('eqLogic::all')).result, [equipment])
  t.same((await call('cmd::all')).result, cmds)
  t.same((await call('cmd::byId', { id: cmds[0].id })).result, cmds[0])
  t.same((await call('cmd::byId', { id: Number(cmds[1].id) })).result, cmds[1])
  t.equal(cmds[1].value, cmds[0].id)
  t.equal(configuration.summary.outlet[0].cmd, `#${cmds[0].id}#`)
  await report('relay/i2c0-3f', { state: true })
  await report('push-button/-', { 'event-count': 1 })
  await events.next(({ option }) => JSON.stringify(option).includes('"outlet":{"value":2}'))
  const [both] = (await call('object::full')).result
  t.same(Object.keys(both.configuration.summary), ['outlet'])
  t.equal(both.configuration.summary.outlet.length, 2)
})

t.test('what the hub has nothing of is empty', async (t) => {
  const { call } = await jeedomHouse(t)
  for (const method of ['scenario::all', 'message::all', 'interactQuery::all', 'cmd::all']) {
    t.same((await call(method)).result, [], method)
  }
  t.equal((await call('version')).result, '4.5.3')
  t.type((await call('datetime')).result, 'number')
})

t.test('what a node only lists has no value yet', async (t) => {
  const { call, node, commandId } = await jeedomHouse(t)
  const list = JSON.stringify({ sensors: ['thermometer/a'], actuators: ['led/-'] })
  await node.client.publishAsync('nodes/bridge/0/-/-/config/ok', list, { qos: 1 })
  let id: string | undefined
  while (id === undefined) id = await commandId('led/-', 'Mode')
  t.match((await call('cmd::byId', { id })).result, {
    subType: 'select',
    configuration: { listValue: 'off|off;on|on;1-dot|1-dot;2-dot|2-dot;3-dot|3-dot' },
  })
  const temperature = await commandId('thermometer/a', 'Temperature')
  t.match((await call('cmd::byId', { id: temperature })).result, { state: '', valueDate: '' })
  t.same((await call('cmd::execCmd', { id: temperature })).result, { value: '', collectDate: '' })
  t.same((await call('summary::global')).result, {})
})

t.test('commands are run, and told the truth of', async (t) => {
  const { call, report, obey, node, commandId, listen } = await jeedomHouse(t, {}, restless)
  const events = await listen()
  await report('relay/i2c0-3b', { state: false })
  await report('led/-', { state: 'off' })
  await report('display-oled/-', { 'line-0': '' })
  let show: string | undefined
  while (show === undefined) show = await commandId('display-oled/-', 'Show')
  obey()
  const told = async () => JSON.parse(String((await node.messages.next()).payload))
  const on = await commandId('relay/i2c0-3b', 'On')
  const relay = await commandId('relay/i2c0-3b', 'Relay')
  t.equal((await call('cmd::execCmd', { id: on })).result, 'ok')
  t.same(await told(), { state: true })
  await events.next(({ option }) => Object(option).cmd_id === relay && Object(option).value === 1)
  t.match((await call('cmd::execCmd', { id: relay })).result, {
    value: 1,
    collectDate: /^\d{4}-\d\d-\d\d /,
  })
  const mode = await commandId('led/-', 'Mode')
  const options = { select: '2-dot' }
  t.equal((await call('cmd::execCmd', { id: mode, options })).result, 'ok')
  t.same(await told(), { state: '2-dot' })
  const wrong = await call('cmd::execCmd', { id: mode, options: { select: 'sunset' } })
  t.match(wrong.error, { code: -32_000 })
  const message = { title: 'Hub', message: 'Hello' }
  t.equal((await call('cmd::execCmd', { id: show, options: message })).result, 'ok')
  t.same(await told(), { 'line-0': 'Hello' })
  t.match((await call('cmd::execCmd', { id: show })).error, { code: -32_000 })

  const both = await call('cmd::execCmd', { id: [relay, on] })
  t.match(both.result, { [String(relay)]: { value: 1 }, [String(on)]: 'ok' })
  t.match((await call('cmd::execCmd', { id: [relay, '5'] })).error, { code: 702 })
  const many = Array.from({ length: 101 }, () => relay)
  t.match((await call('cmd::execCmd', { id: many })).error, { code: -32_000 })

  t.match((await call('summary::global')).result, { light: 1, outlet: 1 })
  t.equal((await call('summary::global', { key: 'outlet' })).result, 1)
  t.equal((await call('summary::global', { key: 'power' })).result, null)
  await node.client.endAsync(true)
  await events.next(({ name }) => name === 'eqLogic::update')
  t.match((await call('cmd::execCmd', { id: on })).error, { code: -32_000, message: /hors ligne/ })
  const { result } = await call('eqLogic::all')
  t.ok(result.every(({ status }: { status: { timeout: number } }) => status.timeout === 1))
})

t.test('a user with too many connections is told so', async (t) => {
  const limits = { connections: { perUser: 1 } }
  const { call, listen } = await jeedomHouse(t, {}, { limits })
  await listen()
  t.match((await call('version')).error, { code: -32_000 })
})

t.test('a token of the hub is a key, too', async (t) => {
  const { token, sha256 } = createToken()
  const entry = {
    role: 'viewer',
    tokens: [{ name: 'app', sha256, created: '2026-11-21T00:00:00Z' }],
  }
  const file = usersFile(t, JSON.stringify({ users: { ann: entry } }))
  const { call } = await jeedomHouse(t, {}, { usersFile: file })
  t.equal((await call('version', { apikey: token })).result, '4.5.3')
  t.equal((await call('version', { apikey: undefined, api: token })).result, '4.5.3')
})

t.test('the key of guests is none for the page of a stranger', async (t) => {
  const { port } = await jeedomHouse(t)
  const params = { apikey: guestKey }
  const body = { jsonrpc: '2.0', id: 1, method: 'version', params }
  const from = async (Origin: string) =>
    (await ask(port, ['POST', path], { body, headers: { Origin } })).body
  t.match(await from('http://evil.example'), { error: { code: 2 } })
  t.match(await from('http://localhost:5173'), { result: '4.5.3' })
})

t.test('each end of a command has its answer', async (t) => {
  const failed = { error: { code: -32_000 } }
  const ends: [Receipt, object][] = [
    [{ receipt: 'accepted', afterMs: 0 }, { result: 'ok' }],
    [{ receipt: 'sent', afterMs: 1 }, { result: 'ok' }],
    [{ receipt: 'confirmed', afterMs: 5, final: true }, { result: 'ok' }],
    [{ receipt: 'mismatch', afterMs: 5 }, { result: 'ok' }],
    [{ receipt: 'mismatch', afterMs: 5, final: true }, failed],
    [{ receipt: 'timed-out', afterMs: 5, final: true }, failed],
    [{ receipt: 'unknown', afterMs: 5, final: true }, failed],
    [{ receipt: 'node-offline', afterMs: 5, final: true }, failed],
    [
      { receipt: 'refused', afterMs: 0, final: true },
      { error: { message: 'Commande refusée : ' } },
    ],
    [
      { receipt: 'refused', code: 'locked', message: 'it is locked', afterMs: 0, final: true },
      { error: { code: -32_000, message: 'Commande refusée : it is locked' } },
    ],
  ]
  for (const [receipt, answer] of ends) t.match(rpcResult(receipt), answer, receipt.receipt)
})

t.test('a topic of two levels is of the node that its first one names', async (t) => {
  const { call, hub, listen } = await jeedomHouse(t)
  const events = await listen()
  const { client } = await mqttTo(t, hub)
  await client.publishAsync('relay/a', '{"state":true}', { qos: 1 })
  await events.next(({ name }) => name === 'cmd::update')
  t.match((await call('object::full')).result, [{ name: 'relay' }])
})

t.test('F63: a poll that waits is answered with the rights of its end', async (t) => {
  const entry = { dialect: 'jeedom', port: 0, jeedom: { period: 0.1 } } as const
  const password = await hashPassword('guest-password')
  const guest = { role: 'operator', password }
  const { hub, changed } = await startedWith(t, { guest }, { dialects: [entry] })
  const port = hub.dialects[0]?.port ?? 0
  const call = async (method: string, params: object) => {
    const body = { jsonrpc: '2.0', id: 1, method, params }
    return (await ask(port, ['POST', path], { body })).body
  }
  const login = { login: 'guest', password: 'guest-password' }
  const { result: apikey } = await call('user::getHash', login)
  const { datetime } = (await call('event::changes', { apikey, datetime: 0 })).result
  const poll = call('event::changes', { apikey, datetime, longPolling: 3 })
  // A request that came later has been dealt with.
  await call('version', { apikey })
  await changed({ guest: { password } })
  const { client } = await mqttTo(t, hub)
  await client.publishAsync('nodes/bridge/0/relay/-', '{"state":true}', { qos: 1 })
  t.same((await poll).result.result, [])
})
