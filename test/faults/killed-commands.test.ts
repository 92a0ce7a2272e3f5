import t, { type Test } from 'tap'
import { atLength } from '../full-length.ts'
import { type HubPorts, mqttTo, talkTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { crashingHub } from './crashing-hub.ts'
import { injectedSyncs } from './injected-syncs.ts'

const base = 'nodes/bridge/0'
const [up, down] = [`${base}/relay/i2c0-1`, `${base}/relay/i2c0-2`]
const [heater, lamp] = [`${base}/relay/i2c0-3`, `${base}/relay/i2c0-4`]
const autoOffSeconds = 1

const commands = {
  rules: [
    { topic: up, interlock: 'shutter' },
    { topic: down, interlock: 'shutter' },
    { topic: heater, autoOffSeconds },
  ],
}

/** A command as `GET /api/commands` has it. */
interface Told {
  readonly device: string
  readonly receipt: string
  readonly user: string
}

async function told({ httpPort }: HubPorts): Promise<Told[]> {
  const authorization = `Basic ${Buffer.from('clown:bigclown').toString('base64')}`
  const response = await fetch(`http://127.0.0.1:${httpPort}/api/commands`, {
    headers: { authorization },
  })
  const { commands }: { commands: Told[] } = JSON.parse(await response.text())
  // What the hub has turned off by now is its own.
  return commands.filter(({ user }) => user !== 'hub')
}

/** So that what a command notes has to wait for a batch that is being synced. */
async function keepDiskBusy(t: Test, hub: HubPorts): Promise<void> {
  const { client } = await mqttTo(t, hub)
  client.on('error', () => {})
  const busy = setInterval(() => {
    client.publish('busy/-', Buffer.alloc(50_000), { qos: 1, retain: true }, () => {})
  }, 1)
  t.teardown(() => clearInterval(busy))
  client.once('close', () => clearInterval(busy))
  await client.publishAsync('busy/-', 'first', { qos: 1 })
}

interface Kill {
  /** After the last command was heard. */
  readonly afterMs: number
  /** Whether each sync takes half a second. */
  readonly isSlow: boolean
}

/** Commands all devices, and kills the hub when they have heard it. */
async function killAfter(t: Test, { afterMs, isSlow }: Kill) {
  const folder = testFolder(t)
  const hub = crashingHub(t, folder, { commands })
  const before = await hub.start()
  const node = await mqttTo(t, before, { filter: `${base}/+/+/set` })
  const page = await talkTo(t, before)
  // They say so, and are known from then on.
  for (const device of [up, down, heater, lamp]) {
    await node.client.publishAsync(device, '{"state":false}', { qos: 1 })
  }
  await page.on('relay/i2c0-4')
  if (isSlow) await injectedSyncs(t, before.pid, 'delay_enter=500000')
  else await keepDiskBusy(t, before)
  node.client.on('message', (topic) => {
    if (topic !== `${heater}/set`) return
    if (afterMs === 0) process.kill(before.pid, 'SIGKILL')
    else setTimeout(() => process.kill(before.pid, 'SIGKILL'), afterMs)
  })
  for (const [at, name] of ['i2c0-4', 'i2c0-1', 'i2c0-3'].entries()) {
    page.send(`relay/${name}/set`, { state: true }, { id: String(at) })
  }
  await node.closed
  await hub.end('SIGKILL')

  const after = await hub.start()
  const all = await told(after)
  t.same(all.map(({ device }) => device).sort(), [up, heater, lamp], 'the log has what was heard')
  t.same(
    all.filter(({ device }) => device !== lamp).map(({ receipt }) => receipt),
    ['unknown', 'unknown'],
  )
  const again = await mqttTo(t, after, { filter: `${base}/+/+/set` })
  const second = await talkTo(t, after)
  second.send('relay/i2c0-2/set', { state: true }, { id: 'down' })
  const [, refused] = await second.frames.next(([, payload]) =>
    /interlocked/.test(JSON.stringify(payload)),
  )
  t.match(refused, { code: 'interlocked' }, 'the other one counts as on')
  const off = await again.on(`${heater}/set`)
  t.match(String(off.payload), /off|false/i, 'and what was to be turned off is')
  t.notOk(again.messages.items.some(({ topic }) => topic === `${down}/set`))
  await hub.end('SIGKILL')
}

const kills = atLength(100, 1)

t.test('F44: what a node has heard is known after a kill in the next moment', async (t) => {
  for (let kill = 0; kill < kills; kill++) {
    const how = { afterMs: kill % 6, isSlow: kill % 4 === 3 }
    await t.test(JSON.stringify(how), (t) => killAfter(t, how))
  }
})
