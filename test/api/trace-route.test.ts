import t from 'tap'
import type { TraceEntry } from '../../src/core/trace.ts'
import { mqttTo, startedHub, talkTo } from '../started-hub.ts'
import { basic } from '../started-sign-in.ts'

const relay = 'nodes/bridge/0/relay/a'

t.test('everybody is told of their own, and admins of all', async (t) => {
  const hub = await startedHub(t, {
    users: {
      clown: { password: 'bigclown', role: 'admin' },
      eve: { password: 'bigclown', role: 'viewer' },
    },
  })
  const home = `http://127.0.0.1:${hub.httpPort}/api`
  const ask = async (query: string, user = 'clown') => {
    const response = await fetch(`${home}/trace${query}`, { headers: basic(user, 'bigclown') })
    const answer: { entries?: TraceEntry[]; code?: string } = Object(await response.json())
    return { status: response.status, entries: answer.entries ?? [], code: answer.code }
  }
  const node = await mqttTo(t, hub, { filter: `${relay}/set`, clientId: 'gateway' })
  node.client.on('message', (_topic, payload) => node.client.publish(relay, payload))
  await node.client.publishAsync(relay, '{"state":false}', { qos: 1 })
  const page = await talkTo(t, hub, '/talk')
  page.send(`${relay}/set`, { state: true })
  await page.on(relay)
  const eve = await mqttTo(t, hub, { username: 'eve', clientId: 'phone' })
  await eve.client.publishAsync('a/b', '1', { qos: 1 })
  await eve.client.endAsync()
  await eve.closed

  const [command] = (await ask('?kind=command')).entries
  t.match(command, { user: 'clown', way: 'clown-talk', topic: `${relay}/set`, bytes: 14 })
  t.match(command?.rule, /admin/)
  t.match(command?.receipt, /sent|confirmed/)
  const receivers = command?.receivedBy ?? []
  t.match(
    receivers.find(({ way }) => way === 'mqtt'),
    { user: 'clown', client: 'gateway' },
  )
  t.match(
    receivers.find(({ way }) => way === 'clown-talk'),
    { user: 'clown', address: '127.0.0.1' },
  )
  t.match((await ask('?user=eve&topic=%23')).entries, [
    { topic: 'a/b', client: 'phone', refused: { code: 'forbidden' }, receivers: 0 },
  ])
  const own = await ask('?user=clown', 'eve')
  t.match(own.entries, [{ kind: 'connection', ended: 'it said goodbye' }, { topic: 'a/b' }])
  t.notOk(own.entries.some(({ receivedBy }) => receivedBy !== undefined))
  t.same((await ask('?since=1h&limit=1', 'eve')).entries.length, 1)
  t.match(await ask('?kind=none'), { status: 400, code: 'bad-query' })
  t.match(await ask('?topic=a%23'), { status: 400, code: 'bad-topic' })
})
