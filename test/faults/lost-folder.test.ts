import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { lockName } from '../../src/store/folder-lock.ts'
import { type HubPorts, mqttTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { crashingHub } from './crashing-hub.ts'
import { injectedSyncs } from './injected-syncs.ts'

/** How soon a hub has to know that nothing of what it keeps would be there again. */
const soonMs = 2000

async function statusOf({ httpPort }: HubPorts): Promise<number> {
  return (await fetch(`http://127.0.0.1:${httpPort}/readyz`)).status
}

async function untilStatus(hub: HubPorts, status: number): Promise<number> {
  const startedAtMs = performance.now()
  while ((await statusOf(hub)) !== status) await pause(20)
  return performance.now() - startedAtMs
}

/** A built hub in a process of its own, and a client that publishes what is to be kept. */
async function running(t: Test, uid?: number) {
  const folder = testFolder(t)
  const hub = crashingHub(t, folder, { stderr: 'ignore', ...(uid && { uid }) })
  if (uid !== undefined) execFileSync('chown', ['-R', String(uid), folder])
  const ports = await hub.start()
  const { client } = await mqttTo(t, ports)
  const acknowledged: string[] = []
  const publish = async (text: string) => {
    await client.publishAsync('kept/-', text, { qos: 1, retain: true })
    acknowledged.push(text)
  }
  await publish('before')
  return { ...hub, ports, publish, acknowledged, data: join(folder, 'data'), folder }
}

/** What a hub that is started anew has. */
async function keptBy(t: Test, start: () => Promise<HubPorts>): Promise<string> {
  const { on } = await mqttTo(t, await start(), { filter: 'kept/#' })
  return String((await on('kept/-')).payload)
}

t.test('F43: a hub whose folder was removed is not ready, and ends with an error', async (t) => {
  const { ports, publish, acknowledged, data, end } = await running(t)
  rmSync(data, { recursive: true })
  void publish('lost').catch(() => {})
  t.ok((await untilStatus(ports, 503)) < soonMs)
  t.same(acknowledged, ['before'])
  t.equal(await end('SIGTERM'), 1)
})

t.test('F43: a hub whose folder comes back goes on', async (t) => {
  const { ports, publish, acknowledged, data, end, start } = await running(t)
  renameSync(data, `${data}-away`)
  t.ok((await untilStatus(ports, 503)) < soonMs)
  const later = publish('later')
  await pause(100)
  t.same(acknowledged, ['before'])
  renameSync(`${data}-away`, data)
  await later
  t.equal(await statusOf(ports), 200)
  t.equal(await end('SIGTERM'), 0)
  t.equal(await keptBy(t, start), 'later')
})

t.test('F43: a folder that may not be written any more', async (t) => {
  if (process.getuid?.() !== 0) {
    t.pass('needs to run as root, which gives the hub another user', { skip: true })
    return
  }
  const { ports, publish, acknowledged, data } = await running(t, 65_534)
  chmodSync(data, 0o500)
  t.ok((await untilStatus(ports, 503)) < soonMs)
  void publish('lost').catch(() => {})
  await pause(100)
  t.same(acknowledged, ['before'])
})

/** Makes a folder one of a file system that may only be read; undefined where one may not mount. */
async function readOnly(t: Test, folder: string): Promise<{ end(): void } | undefined> {
  const end = () => execFileSync('umount', ['--lazy', folder])
  try {
    execFileSync('mount', ['--bind', folder, folder], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  let isMounted = true
  const endOnce = () => {
    if (isMounted) end()
    isMounted = false
  }
  t.teardown(endOnce)
  // It is busy while the hub writes a file there.
  while (!isRemounted(folder)) await pause(20)
  return { end: endOnce }
}

function isRemounted(folder: string): boolean {
  const { status, stderr } = spawnSync('mount', ['-o', 'remount,bind,ro', folder])
  if (status !== 0 && !String(stderr).includes('busy')) throw new Error(String(stderr))
  return status === 0
}

t.test('F43: a disk that may only be read, and may be written again', async (t) => {
  const { ports, publish, acknowledged, data, end, start } = await running(t)
  const disk = await readOnly(t, data)
  if (disk === undefined) {
    t.pass('needs to mount a file system', { skip: true })
    return
  }
  t.ok((await untilStatus(ports, 503)) < soonMs)
  const later = publish('later')
  await pause(100)
  t.same(acknowledged, ['before'])
  disk.end()
  await later
  t.equal(await statusOf(ports), 200)
  t.equal(await end('SIGTERM'), 0)
  t.equal(await keptBy(t, start), 'later')
})

t.test('F43: a disk with errors', async (t) => {
  const { ports, publish, acknowledged, end, start } = await running(t)
  const disk = await injectedSyncs(t, ports.pid, 'error=EIO')
  if (disk === undefined) {
    t.pass('needs strace: apt-get install strace', { skip: true })
    return
  }
  const later = publish('later')
  t.ok((await untilStatus(ports, 503)) < soonMs)
  t.same(acknowledged, ['before'])
  await disk.end()
  await later
  await untilStatus(ports, 200)
  const broken = await injectedSyncs(t, ports.pid, 'error=EIO')
  void publish('lost').catch(() => {})
  await untilStatus(ports, 503)
  t.equal(await end('SIGTERM'), 1, 'what was not written is told')
  await broken?.end()
  // What is not acknowledged may be there all the same.
  t.ok(['later', 'lost'].includes(await keptBy(t, start)))
})

t.test('F43: a second hub is refused, also when the files of locks were removed', async (t) => {
  const { ports, publish, acknowledged, data, folder, end, start } = await running(t)
  for (const names of [['store/LOCK'], ['store/LOCK', lockName]]) {
    for (const name of names) rmSync(join(data, name), { force: true })
    while (!existsSync(join(data, lockName))) await pause(20)
    const second = crashingHub(t, folder, { stderr: 'ignore' })
    await t.rejects(second.start(), { message: /^expected the hub to start, got exit code 1/ })
  }
  await publish('later')
  t.same(acknowledged, ['before', 'later'])
  t.equal(await statusOf(ports), 200)
  t.equal(await end('SIGTERM'), 0)
  t.notOk(existsSync(join(data, lockName)))
  t.equal(await keptBy(t, start), 'later')
})

t.test('F43: what a killed hub has left of its lock keeps nobody out', async (t) => {
  const { data, end, start } = await running(t)
  await end('SIGKILL')
  t.ok(statSync(join(data, lockName)).size > 0)
  t.equal(await keptBy(t, start), 'before')
  t.ok(readdirSync(data).includes(lockName))
})
