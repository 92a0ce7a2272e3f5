import t from 'tap'
import { createToken } from '../../../src/access/tokens.ts'
import { createListeners } from '../../../src/core/callbacks.ts'
import { createJeedomEvents } from '../../../src/dialects/jeedom/events.ts'
import type { DeviceListener, SeenDevice } from '../../../src/nodes/served/seen-devices.ts'
import { usersFile, writePrivate } from '../../access/users.ts'
import { steppedClock } from '../../clock.ts'
import { testFolder } from '../../test-folder.ts'
import { guestKey, jeedomHouse, path } from './jeedom-house.ts'

t.test('changes since a moment, once or when there are some', async (t) => {
  const { call, report, listen } = await jeedomHouse(t)
  const first = await call('event::changes', { datetime: 0 })
  t.match(first.result, { datetime: Number, result: [] })
  const events = await listen()
  await report('relay/i2c0-3b', { state: true })
  await events.next(({ name }) => name === 'cmd::update')
  const second = await call('event::changes', { datetime: first.result.datetime })
  const names = second.result.result.map(({ name }: { name: string }) => name)
  t.same(names.slice(0, 2), ['eqLogic::update', 'cmd::update'])
  const since = second.result.datetime
  t.same((await call('event::changes', { datetime: since })).result.result, [])
  t.same((await call('event::changes', { datetime: since, longPolling: 0.1 })).result.result, [])
  const waiting = call('event::changes', { datetime: since, longPolling: 30 })
  await report('relay/i2c0-3b', { state: false })
  t.match((await waiting).result.result, [{ name: 'cmd::update', option: { value: 0 } }])
  t.match((await call('event::changes', { datetime: 'now' })).error, { code: -32_000 })
  t.ok((await call('event::changes')).result.result.length > 0)
})

t.test('who waits has the rights of now: what was taken away is not told any more', async (t) => {
  const { token, sha256 } = createToken()
  const tokens = [{ name: 'app', sha256, created: '2026-11-21T00:00:00Z' }]
  const file = usersFile(t, JSON.stringify({ users: { ann: { role: 'viewer', tokens } } }))
  const { hub, call, report } = await jeedomHouse(t, {}, { usersFile: file })
  const wait = async () => {
    const apikey = token
    const { result } = await call('event::changes', { apikey, datetime: Date.now() / 1000 })
    const since = result.datetime
    const answer = call('event::changes', { apikey, datetime: since, longPolling: 30 })
    // The hub takes one request after the other.
    await call('version')
    return { answer }
  }
  const change = async (users: object) => {
    writePrivate(file, JSON.stringify({ users }))
    await hub.log.next(({ msg }) => msg === 'the users file has changed')
  }
  const limited = await wait()
  const rules = [{ allow: ['read'], topic: 'nodes/bridge/0/thermometer/#' }]
  await change({ ann: { rules, tokens } })
  await report('relay/i2c0-3b', { state: true })
  await report('thermometer/i2c0-48', { temperature: [20, '℃'] })
  const { result: told } = (await limited.answer).result
  const of = (name: string) => told.filter((event: { name: string }) => event.name === name)
  t.equal(of('eqLogic::update').length, 1, 'the thermometer only')
  t.match(of('cmd::update'), [{ option: { value: 20 } }])
  const gone = await wait()
  await change({})
  await report('thermometer/i2c0-48', { temperature: [21, '℃'] })
  t.same((await gone.answer).result.result, [])
})

t.test(
  'ids are the same after a restart, values come when they are known, and the hub ends while somebody waits',
  async (t) => {
    const folder = testFolder(t)
    const storage = { data: { folder: `${folder}/data` } }
    const first = await jeedomHouse(t, {}, storage)
    const events = await first.listen()
    await first.report('relay/i2c0-3b', { state: true })
    await events.next(({ name }) => name === 'cmd::update')
    const { result: before } = await first.call('cmd::all')
    const waiting = first.call('event::changes', { datetime: Date.now(), longPolling: 60 })
    await Promise.all([first.hub.close(), t.rejects(waiting)])
    const second = await jeedomHouse(t, {}, storage)
    const { result: after } = await second.call('cmd::all')
    const idsOf = (commands: { id: string }[]) => commands.map(({ id }) => id)
    t.same(idsOf(after), idsOf(before))
    t.equal(after[0].state, '', 'nobody knows it')
    const again = await second.listen()
    await second.report('relay/i2c0-3b', { state: true })
    await again.next(({ name }) => name === 'cmd::update')
    t.equal((await second.call('cmd::all')).result[0].state, 1)
    await second.report('boot', { 'reason-for-reset': 'power-on' })
    const lost = await again.next(({ option }) => Object(option).value === '')
    t.match(lost, { name: 'cmd::update', option: { cmd_id: after[0].id, display_value: '' } })
  },
)

t.test('who does not wait any more is not waited for', async (t) => {
  const { port, hub } = await jeedomHouse(t)
  const leaving = new AbortController()
  const params = { apikey: guestKey, datetime: Date.now(), longPolling: 60 }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'event::changes', params })
  const request = { method: 'POST', body, signal: leaving.signal }
  const answer = fetch(`http://127.0.0.1:${port}${path}`, request)
  setTimeout(() => leaving.abort(), 300)
  await t.rejects(answer)
  await hub.close()
})

t.test('only the latest changes are remembered', async (t) => {
  const { call, node, report, listen } = await jeedomHouse(t)
  const events = await listen()
  const names = Array.from({ length: 300 }, (_, at) => `thermometer/a${at}`)
  const list = JSON.stringify({ sensors: names, actuators: [] })
  await node.client.publishAsync('nodes/bridge/0/-/-/config/ok', list, { qos: 1 })
  for (const _ of names) await events.next(({ name }) => name === 'eqLogic::update')
  for (const name of names.slice(0, 100)) await report(name, { temperature: [20, '℃'] })
  await events.next(({ name }) => name === 'cmd::update')
  const { result } = await call('event::changes', { datetime: 0 })
  t.ok(result.result.length <= 350)
})

t.test('who waits is told at the end of the period, and everybody at the end', async (t) => {
  const clock = steppedClock()
  const listeners = createListeners<Parameters<DeviceListener>>()
  const relay: SeenDevice = {
    number: 2,
    nodeNumber: 1,
    topic: 'nodes/bridge/0/relay/a',
    firstTopic: 'nodes/bridge/0/relay/a',
    base: 'nodes/bridge/0',
    name: 'relay/a',
    kind: 'relay',
    role: 'actuator',
    value: { state: true },
    keys: new Set(['state']),
    heardAtMs: 0,
    isKnown: true,
    online: true,
  }
  const devices = { all: () => [relay], get: () => relay, onEvent: listeners.add }
  const events = createJeedomEvents({ devices, clock, periodMs: 100 })
  const never = new AbortController().signal
  let hasWaited = false
  const waiting = events.nextEvents(60_000, never).then(() => {
    hasWaited = true
  })
  listeners.tell('reported', relay)
  clock.step(99)
  await null
  t.equal(hasWaited, false)
  clock.step(1)
  await waiting
  const last = events.nextEvents(60_000, never)
  listeners.tell('reported', relay)
  events.close()
  await last
})
