import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { hookServer } from '../notify/servers.ts'
import { type HubPorts, mqttTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { crashingHub } from './crashing-hub.ts'
import { smallDisk } from './small-disk.ts'

/** Between two notices of a rule and a device. */
const minuteMs = 61_000

/** A program that sets the time of day of the hub it is loaded before: a minute later each time. */
function later(minutes: number): string[] {
  const code = `const now = Date.now; Date.now = () => now() + ${minutes * minuteMs}`
  return [`--import=data:text/javascript,${encodeURIComponent(code)}`]
}

interface Heard {
  readonly id: string
  readonly state: string
  readonly rule: string
  readonly device: string
}

/** A webhook that hears what is told; one that comes again under the same id was known. */
async function hearer(t: Test) {
  const { url, taken } = await hookServer(t)
  const heard = ({ body }: { body: string }): Heard => JSON.parse(body)
  const next = (wanted: Partial<Heard>) =>
    taken.next((each) => {
      const entries = Object.entries(heard(each))
      return Object.entries(wanted).every(([key, value]) =>
        entries.some(([name, text]) => name === key && String(text).startsWith(value)),
      )
    })
  const all = () => {
    const byId = new Map(taken.items.map((item) => [heard(item).id, heard(item)]))
    return [...byId.values()].map(({ state, rule, device }) =>
      [state, rule, device.replace(/ .*/, '')].join(' '),
    )
  }
  return { url, next, all }
}

const [cellar, attic, roof] = ['nodes/cellar/0', 'nodes/attic/0', 'nodes/roof/0'].map(
  (base) => `${base}/thermometer/0:0`,
) as [string, string, string]

/** A client that reports temperatures. */
async function reporter(t: Test, ports: HubPorts) {
  const { client } = await mqttTo(t, ports)
  client.on('error', () => {})
  return (topic: string, temperature: number) =>
    client.publishAsync(topic, JSON.stringify({ temperature }), { qos: 1 })
}

const above = { when: 'above', quantity: 'temperature', limit: 30 } as const

t.test(
  'F77: a hub that stands still, or is killed, tells each alarm and its end once',
  async (t) => {
    const { url, next, all } = await hearer(t)
    const rules = [
      { ...above, name: 'hot', forSeconds: 2 },
      { ...above, name: 'warm' },
    ]
    const hub = crashingHub(t, testFolder(t), { notify: { targets: { it: { url } }, rules } })
    const first = await hub.start()
    const report = await reporter(t, first)
    await Promise.all([report(cellar, 31), report(attic, 31)])
    await Promise.all([cellar, attic].map((device) => next({ rule: 'warm', device })))
    process.kill(first.pid, 'SIGSTOP')
    // It is well before the time is over, which a frozen hub cannot know.
    const reported = report(cellar, 20)
    await pause(2200)
    process.kill(first.pid, 'SIGCONT')
    await reported
    await next({ rule: 'hot', device: attic })
    await hub.end('SIGKILL')
    const begun = [`begun warm ${cellar}`, `begun warm ${attic}`, `begun hot ${attic}`]
    t.same(all().sort(), [...begun].sort())

    const second = await reporter(t, await hub.start(later(1)))
    await Promise.all([second(attic, 31), second(cellar, 20)])
    await next({ state: 'ended', rule: 'warm', device: cellar })
    await second(attic, 20)
    await next({ state: 'ended', rule: 'hot', device: attic })
    await next({ state: 'ended', rule: 'warm', device: attic })
    await hub.end('SIGKILL')
    const third = await reporter(t, await hub.start(later(2)))
    await Promise.all([third(attic, 20), third(cellar, 20), third(roof, 31)])
    await next({ rule: 'warm', device: roof })
    t.same(
      all().sort(),
      [
        ...begun,
        ...begun.map((told) => told.replace('begun', 'ended')),
        `begun warm ${roof}`,
      ].sort(),
    )
    t.equal(await hub.end('SIGTERM'), 0)
  },
)

t.test('F77: with a full disk people are told, and not again after it', async (t) => {
  const disk = smallDisk(t, 64)
  if (disk === undefined) {
    t.pass('needs to mount a file system', { skip: true })
    return
  }
  const { url, next, all } = await hearer(t)
  const rules = [{ ...above, name: 'warm' }, { when: 'not-ready' }] as const
  const notify = { site: 'house', targets: { it: { url } }, rules: [...rules] }
  const store = { freeMiB: 24, freePercent: 100 }
  const hub = crashingHub(t, disk.folder, { notify, store })
  const first = await hub.start()
  const { client } = await mqttTo(t, first)
  disk.fill()
  await next({ state: 'begun', rule: 'not-ready' })
  client.publish(cellar, '{"temperature":31}')
  await next({ state: 'begun', rule: 'warm' })
  disk.empty()
  // Nothing is acknowledged before what was told is on disk.
  await client.publishAsync('kept/-', '1', { qos: 1, retain: true })
  await hub.end('SIGKILL')
  const report = await reporter(t, await hub.start(later(1)))
  await next({ state: 'ended', rule: 'not-ready' })
  await report(cellar, 31)
  await report(cellar, 20)
  await next({ state: 'ended', rule: 'warm' })
  t.same(all().sort(), [
    'begun not-ready house',
    `begun warm ${cellar}`,
    'ended not-ready house',
    `ended warm ${cellar}`,
  ])
  t.equal(await hub.end('SIGTERM'), 0)
})
