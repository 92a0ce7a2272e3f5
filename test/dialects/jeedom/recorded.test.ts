import t from 'tap'
import { jeedomHouse } from './jeedom-house.ts'

/** A moment as Jeedom writes it, in the local time of this machine. */
function dateOf(atMs: number): string {
  const localMs = atMs - new Date(atMs).getTimezoneOffset() * 60_000
  return new Date(localMs).toISOString().slice(0, 19).replace('T', ' ')
}

/** A house whose thermometer and relay have reported, and the ids of their commands. */
async function recordedHouse(t: Parameters<typeof jeedomHouse>[0]) {
  const house = await jeedomHouse(t)
  const events = await house.listen()
  await house.report('thermometer/-', { temperature: [20, '℃'] })
  // The dates of Jeedom are seconds, and each report is to have its own.
  const second = new Date().getUTCSeconds()
  while (new Date().getUTCSeconds() === second) await house.call('ping')
  await house.report('thermometer/-', { temperature: [22, '℃'] })
  for (const state of [true, false]) await house.report('relay/i2c0-3b', { state })
  await events.next(({ option }) => JSON.stringify(option).includes('"outlet":{"value":0}'))
  const temperature = await house.commandId('thermometer/-', 'Temperature')
  const relay = await house.commandId('relay/i2c0-3b', 'Relay')
  const on = await house.commandId('relay/i2c0-3b', 'On')
  const range = { startTime: dateOf(Date.now() - 60_000), endTime: dateOf(Date.now()) }
  return { ...house, temperature, relay, on, range }
}

t.test('what a command has said comes as Jeedom keeps it', async (t) => {
  const { call, temperature, relay, on, range } = await recordedHouse(t)
  const ask = async (method: string, params: object) =>
    (await call(`cmd::${method}`, { ...range, ...params })).result

  const history = await ask('getHistory', { id: Number(temperature) })
  t.match(history, [{ value: '20' }, { value: '22' }])
  for (const { cmd_id, datetime } of history) {
    t.equal(cmd_id, temperature)
    t.match(datetime, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
    t.ok(datetime >= range.startTime && datetime <= range.endTime)
  }
  t.same(await ask('getHistory', { id: temperature, startTime: undefined }), history)
  t.same(await ask('getHistory', { id: temperature, endTime: undefined }), history)
  t.match((await ask('getHistory', { id: relay })).at(-1), { value: '0' })
  t.same(await ask('getHistory', { id: on }), [])

  t.same(await ask('getStatistique', { id: temperature }), {
    avg: '21',
    min: '20',
    max: '22',
    sum: '42',
    count: '2',
    std: '1',
    variance: '1',
    last: '22',
  })
  t.equal(await ask('getTendance', { id: temperature }), 2)
  t.equal(await ask('getTendance', { id: on }), 0)

  const before = { startTime: '2020-01-01', endTime: '2020-01-02 12:00' }
  t.same(await ask('getHistory', { id: temperature, ...before }), [])
  t.match(await ask('getStatistique', { id: temperature, ...before }), { count: '0', avg: null })
  t.equal(await ask('getTendance', { id: temperature, ...before }), 0)
  for (const wrong of [{ startTime: 'yesterday' }, { endTime: '2026-99-99' }, { startTime: 5 }]) {
    const { error } = await call('cmd::getHistory', { id: temperature, ...wrong })
    t.match(error, { code: -32_000, message: /AAAA-MM-JJ/ })
  }
})

t.test('clients ask for a history where there is one', async (t) => {
  const { call, temperature, on, report } = await recordedHouse(t)
  await report('led/-', { state: 'on' })
  const historized = async (id: string) => (await call('cmd::byId', { id })).result?.isHistorized
  t.equal(await historized(temperature), '1')
  t.equal(await historized(on), '0')
})

t.test('what somebody may not read has no history', async (t) => {
  const { call, relay, temperature, range } = await recordedHouse(t)
  const { result: apikey } = await call('user::getHash', { login: 'visitor', password: 'visitor1' })
  t.match((await call('cmd::getHistory', { ...range, id: relay, apikey })).error, { code: 702 })
  t.equal((await call('cmd::getHistory', { ...range, id: temperature, apikey })).result.length, 2)
})
