import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import { writePrivate } from '../access/users.ts'
import { createInbox } from '../inbox.ts'
import { mqttTo, talkTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { startProgram } from './started-lab.ts'

const base = 'nodes/bridge/0'
const relay = `${base}/relay/i2c0-3b`
const life = `$SYS/hub/commands/${relay}`

const config = `
http: { port: 0 }
mqtt: { port: 0 }
users:
  clown: { password: bigclown, role: operator }
  bridge: { password: three, role: node, base: ${base} }
`

/** The built hub with its data in `folder`, as an operator runs it. */
async function startHubIn(t: Test, folder: string) {
  const file = join(folder, 'clown-hub.yaml')
  writePrivate(file, config)
  const settings = { CLOWN_DATA_FOLDER: join(folder, 'data') }
  const program = startProgram(t, ['run', '--config', file], settings)
  const line = await program.output.next((text) => text.startsWith('Clown.Hub listens'))
  const [httpPort = 0, mqttPort = 0] = [...line.matchAll(/port (\d+)/g)].map(([, port]) =>
    Number(port),
  )
  return { ...program, httpPort, mqttPort }
}

/** A node that hears its commands, and says nothing; its session is kept. */
async function startDeafNode(t: Test, mqttPort: number) {
  const client = await connectAsync(`mqtt://127.0.0.1:${mqttPort}`, {
    username: 'bridge',
    password: 'three',
    clientId: 'bridge',
    clean: false,
    reconnectPeriod: 0,
  })
  t.teardown(() => client.endAsync(true))
  const heard = createInbox<string>()
  client.on('message', (topic) => heard.put(topic))
  await client.subscribeAsync(`${base}/+/+/set`, { qos: 1 })
  return { client, heard }
}

t.test('F27: a command that is under way when the hub is killed ends as unknown', async (t) => {
  const folder = testFolder(t)
  const before = await startHubIn(t, folder)
  const node = await startDeafNode(t, before.mqttPort)
  // Never acknowledged: the most a broker could have a reason to send again.
  node.client.handleMessage = () => {}
  const page = await talkTo(t, before)
  page.send('relay/i2c0-3b/set', { state: true }, { id: '1' })
  await page.frames.next(([, payload]) => JSON.stringify(payload).includes('"sent"'))
  const watch = await mqttTo(t, before, { filter: life })
  t.match(JSON.parse(String((await watch.on(life)).payload)), { receipt: 'sent' })
  // What was written before is on the disk before this is acknowledged.
  const other = await connectAsync(`mqtt://127.0.0.1:${before.mqttPort}`, {
    username: 'clown',
    password: 'bigclown',
    reconnectPeriod: 0,
  })
  await other.publishAsync('elsewhere', '1', { qos: 1 })
  await other.endAsync(true)
  await before.end('SIGKILL')

  const after = await startHubIn(t, folder)
  const again = await startDeafNode(t, after.mqttPort)
  const { messages } = await mqttTo(t, after, { filter: [life, `${relay}/#`] })
  const told = await messages.next(({ topic }) => topic === life)
  t.match(JSON.parse(String(told.payload)), {
    receipt: 'unknown',
    final: true,
    by: 'clown',
    asked: { state: true },
  })
  const authorization = `Basic ${Buffer.from('clown:bigclown').toString('base64')}`
  const log = await fetch(`http://127.0.0.1:${after.httpPort}/api/commands?device=${relay}`, {
    headers: { authorization },
  })
  t.match(await log.json(), {
    commands: [{ user: 'clown', receipt: 'unknown', way: 'clown-talk' }],
  })

  // Whatever the hub sends by itself would be there before its answer to the next command.
  const next = await talkTo(t, after)
  next.send('relay/i2c0-3f/set', { state: true }, { id: '2' })
  await again.heard.next((topic) => topic.endsWith('i2c0-3f/set'))
  t.same(again.heard.items, [`${base}/relay/i2c0-3f/set`])
  t.same(
    messages.items.filter(({ topic }) => topic === `${relay}/set`),
    [],
    'it is never sent again',
  )
})
