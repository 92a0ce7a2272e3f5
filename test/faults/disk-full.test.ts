import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openWatchedStore } from '../../src/store/open-store.ts'
import { createInbox } from '../inbox.ts'
import { type HubPorts, mqttTo, startedHub, talkTo } from '../started-hub.ts'
import { put, textsOf } from '../store/contract.ts'
import { testFolder } from '../test-folder.ts'
import { type SmallDisk, smallDisk } from './small-disk.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'
const report = 'nodes/bridge/0/thermometer/0:0'

type DiskTest = (t: Test, disk: SmallDisk) => Promise<void>

function onSmallDisk(name: string, test: DiskTest): void {
  t.test(name, async (t) => {
    const disk = smallDisk(t, 64)
    if (disk === undefined) t.pass('needs to mount a file system', { skip: true })
    else await test(t, disk)
  })
}

/** Asks over and over until the answer is as it should be. */
async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await pause(20)
}

/** Until the reserve file is there: what a full disk leaves to open the store with. */
async function reserveIn(folder: string): Promise<void> {
  const path = join(folder, 'ballast')
  await until(() => existsSync(path) && statSync(path).size === 16 * 1024 * 1024)
}

/** More than the reserve file of 16 MiB, and less than what is left of the disk beside it. */
const limits = { store: { freeMiB: 24, freePercent: 100 } }

async function readiness({ httpPort }: HubPorts) {
  const response = await fetch(`http://127.0.0.1:${httpPort}/readyz`)
  return { status: response.status, body: await response.json() }
}

async function untilReady(hub: HubPorts, status: number) {
  await until(async () => (await readiness(hub)).status === status)
}

const full = /^expected 24 MiB free on the disk of the data folder, got 0 MiB$/

onSmallDisk('F3: with a full disk all goes on but what has to be on it', async (t, disk) => {
  const data = { folder: join(disk.folder, 'data') }
  const hub = await startedHub(t, { data, limits })
  await reserveIn(data.folder)
  const page = await talkTo(t, hub)
  const node = await mqttTo(t, hub, { filter: [`${relay}/set`, 'live/#'] })
  disk.fill()
  const fullAtMs = performance.now()
  await untilReady(hub, 503)
  t.ok(performance.now() - fullAtMs < 1500, 'it is known within a second')
  t.match((await readiness(hub)).body, { status: 'not-ready', reason: full })
  t.equal((await fetch(`http://127.0.0.1:${hub.httpPort}/healthz`)).status, 200)

  const sentAtMs = performance.now()
  node.client.publish(report, '{"temperature":[21,"\u2103"]}')
  await page.on('thermometer/0:0')
  page.send('relay/i2c0-3b/set', { state: true })
  await node.on(`${relay}/set`)
  t.ok(performance.now() - sentAtMs < 500, 'values and commands do not wait')

  disk.empty()
  await untilReady(hub, 200)
  t.match(hub.counters(), { 'store-read-only': 1, 'store-writable': 1 })
})

onSmallDisk('F3: with a full disk no QoS 1 is acknowledged, until it has room', async (t, disk) => {
  const data = { folder: join(disk.folder, 'data') }
  const hub = await startedHub(t, { data, limits })
  const { client } = await mqttTo(t, hub)
  disk.fill()
  await untilReady(hub, 503)
  let acknowledged = 0
  const options = { qos: 1, retain: true } as const
  const publishes = ['a', 'b'].map(async (text) => {
    await client.publishAsync('kept/-', text, options)
    acknowledged += 1
  })
  await pause(1500)
  t.equal(acknowledged, 0)
  disk.empty()
  await Promise.all(publishes)
  await hub.close()
  const again = await startedHub(t, { data, limits })
  const { on } = await mqttTo(t, again, { filter: 'kept/#' })
  t.equal(String((await on('kept/-')).payload), 'b')
})

onSmallDisk('F3: a hub starts on a full disk, and says so', async (t, disk) => {
  const data = { folder: join(disk.folder, 'data') }
  const first = await startedHub(t, { data, limits })
  await reserveIn(data.folder)
  await first.close()
  disk.fill()
  const hub = await startedHub(t, { data, limits })
  t.match(hub.counters(), { 'store-reserve-given-up': 1 })
  const page = await talkTo(t, hub)
  page.send('live/-', 1)
  await page.on('live/-')
  await hub.close()
  // Of what the reserve file has made room for, enough is left for the next time.
  const again = await startedHub(t, { data, limits })
  t.equal((await readiness(again)).status, 503)
  disk.empty()
  await untilReady(again, 200)
})

t.test('F3: who waits for the disk with a lot that is due at QoS 2 is not cut', async (t) => {
  const data = { folder: testFolder(t) }
  const first = await startedHub(t, { data, limits: { store: { freeMiB: 0 } } })
  const kept = { clientId: 'kept', clean: false }
  const { client } = await mqttTo(t, first, kept)
  await client.subscribeAsync('a/#', { qos: 2 })
  await client.endAsync(true)
  const { client: sender } = await mqttTo(t, first)
  for (let count = 0; count < 100; count++) {
    await sender.publishAsync('a/b', Buffer.alloc(1000), { qos: 2 })
  }
  await first.close()
  const hub = await startedHub(t, {
    data,
    limits: { store: { freeMiB: 1_048_576, freePercent: 100 } },
  })
  const again = await mqttTo(t, hub, kept)
  t.equal(await Promise.race([again.closed, pause(11_000, 'still there')]), 'still there')
})

onSmallDisk(
  'F3: a store that runs into a full disk loses nothing it had written',
  async (t, disk) => {
    const { folder } = disk
    // The store itself keeps no process alive.
    const alive = setInterval(() => {}, 1000)
    t.teardown(() => clearInterval(alive))
    const ending = new AbortController()
    const warnings = createInbox<string>()
    const open = () =>
      openWatchedStore({
        folder,
        // Nobody warns it.
        limits: { freeMiB: 0, freePercent: 0, waitingMiB: 64 },
        sampledLog: { warn: warnings.put },
        ending: ending.signal,
      })
    const store = await open()
    t.teardown(() => {
      ending.abort()
      return store.close()
    })
    await reserveIn(folder)
    const value = 'x'.repeat(100_000)
    const all: string[] = []
    const written: string[] = []
    const writes: Promise<void>[] = []
    for (let count = 0; store.error() === undefined; count++) {
      if (count === 50) disk.fill()
      const key = `a/${String(count).padStart(6, '0')}`
      all.push(key)
      writes.push(store.write([put(key, value)]).then(() => void written.push(key)))
      await new Promise(setImmediate)
    }
    t.match(store.error(), /^the store could not be written: No space left on device$/)
    await warnings.next((kind) => kind === 'store-reserve-given-up')
    disk.empty()
    await Promise.all(writes)
    t.equal(store.error(), undefined)
    t.same(written, all, 'in their order')
    await store.close()
    const again = await open()
    const kept = (await textsOf(again)).map(([key, text]) =>
      text === value ? key : `${key} broken`,
    )
    await again.close()
    t.same(kept, all, `${all.length} values`)
  },
)
