import { rmSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { ConfigInput } from '../../src/config.ts'
import { ask } from '../dialects/asked-json.ts'
import { freePort } from '../programs.ts'
import { mqttTo, startedHub, talkTo } from '../started-hub.ts'
import { outcome, secretFile } from './dialled-hub.ts'

type Dialect = 'clown-talk' | 'deconz' | 'jeedom' | 'netzer' | 'tvheadend'

/** Where a hub is, in each language. */
type Ports = Readonly<Record<Dialect, number>>

async function freePorts(): Promise<Ports> {
  const [talk = 0, deconz = 0, jeedom = 0, netzer = 0, tvheadend = 0] = await Promise.all(
    Array.from({ length: 5 }, () => freePort()),
  )
  return { 'clown-talk': talk, deconz, jeedom, netzer, tvheadend }
}

const jeedomKey = 'a-key-of-whoever-dials'
const password = 'bigclown'
const authorization = { Authorization: `Basic ${btoa(`clown:${password}`)}` }

/** What a hub at `own` is that dials the other one in every language. */
function configOf(
  own: Ports,
  far: Ports,
  files: { readonly deconz: string },
): Partial<ConfigInput> {
  const guest = { user: 'clown', anyOrigin: true } as const
  const http = (dialect: Dialect) => `http://127.0.0.1:${far[dialect]}`
  const signedIn = { user: 'clown', passwordFile: secretFile(password) }
  return {
    users: { clown: { password, role: 'admin', digest: true } },
    http: { port: own['clown-talk'] },
    dialects: [
      { dialect: 'deconz', port: own.deconz },
      {
        dialect: 'jeedom',
        port: own.jeedom,
        guest,
        jeedom: { period: 0.1, authDelay: 30, guestKey: jeedomKey },
      },
      { dialect: 'netzer', port: own.netzer, guest },
      { dialect: 'tvheadend', port: own.tvheadend },
    ],
    upstreams: {
      talk: { dialect: 'clown-talk', url: `ws://127.0.0.1:${far['clown-talk']}/talk`, ...signedIn },
      zigbee: { dialect: 'deconz', url: http('deconz'), keyFile: files.deconz },
      box: {
        ...({ dialect: 'jeedom', url: http('jeedom'), keyFile: secretFile(jeedomKey) } as const),
        websocketUrl: `ws://127.0.0.1:${far.jeedom}/`,
      },
      board: {
        ...({ dialect: 'netzer', url: `ws://127.0.0.1:${far.netzer}/ws` } as const),
        pins: { 0: 'output' },
      },
      tv: { dialect: 'tvheadend', url: http('tvheadend'), ...signedIn },
    },
  }
}

/** A key of the hub's deCONZ. */
async function keyAt(port: number): Promise<string> {
  const body = { devicetype: 'clown-hub#test' }
  const answer = await ask(port, ['POST', '/api'], { body, headers: authorization })
  return answer.body[0].success.username
}

async function startedSide(t: Test, config: Partial<ConfigInput>) {
  const hub = await startedHub(t, config)
  const ears = await mqttTo(t, hub, { filter: ['#', '$SYS/hub/upstreams/#'] })
  return { hub, ears }
}

/** Until each of its five links has its first picture. */
async function untilAllThere({ ears }: Awaited<ReturnType<typeof startedSide>>): Promise<void> {
  const there = new Set<string>()
  while (there.size < 5) {
    const { topic, payload } = await ears.messages.next((heard) =>
      heard.topic.startsWith('$SYS/hub/upstreams/'),
    )
    const { state, reason } = JSON.parse(String(payload))
    if (state === 'connected') there.add(topic)
    else if (state === 'refused') throw new Error(reason)
  }
}

t.test('two hubs that dial each other in every language make no storm', async (t) => {
  const [one, other] = [await freePorts(), await freePorts()]
  const keys = { east: secretFile('not yet'), west: secretFile('not yet') }
  const west = await startedSide(t, configOf(other, one, { deconz: keys.west }))
  // Before it is there no key of it can be known: without a file it is dialled again soon.
  rmSync(keys.west)
  writeFileSync(keys.east, await keyAt(other.deconz), { mode: 0o600 })
  const east = await startedSide(t, configOf(one, other, { deconz: keys.east }))
  writeFileSync(keys.west, await keyAt(one.deconz), { mode: 0o600 })
  const sides = [
    { side: east, name: 'e' },
    { side: west, name: 'w' },
  ]
  const say = async (side: typeof east, topic: string, value: unknown) => {
    await side.ears.client.publishAsync(topic, JSON.stringify(value), { qos: 1, retain: true })
  }
  for (const { side, name } of sides) {
    await say(side, `nodes/${name}/relay/1`, { state: false })
    await say(side, `nodes/${name}/thermometer/1`, { temperature: [20, '℃'] })
  }
  await Promise.all([untilAllThere(east), untilAllThere(west)])
  const languages = ['talk', 'zigbee', 'box', 'board']
  const relays = ({ ears }: typeof east) =>
    ears.messages.items.filter(({ topic }) => /\/relay\/[^/]+$/.test(topic))
  /** Has each side's relay change; returns all that was said of relays once each language has told. */
  const change = async (state: boolean): Promise<string[]> => {
    const before = sides.map(({ side }) => relays(side).length)
    await Promise.all(
      sides.map(async ({ side, name }, at) => {
        const from = before[at]
        await say(side, `nodes/${name}/relay/1`, { state })
        const isTold = (language: string) =>
          relays(side)
            .slice(from)
            .some(
              ({ topic, payload }) =>
                topic.startsWith(`upstreams/${language}/`) &&
                String(payload).includes(String(state)),
            )
        while (!languages.every(isTold)) await delay(20)
      }),
    )
    return sides.flatMap(({ side, name }, at) =>
      relays(side)
        .slice(before[at])
        .map(({ topic }) => `${name} ${topic}`),
    )
  }
  await change(true)
  for (const state of [false, true]) {
    const topics = await change(state)
    t.equal(topics.length, 10, 'once on its node, and once in each of four languages')
    t.equal(new Set(topics).size, 10)
  }

  // What is commanded in one language is done there, once, and by nobody here.
  west.ears.client.on('message', (topic, payload) => {
    if (topic === 'nodes/w/relay/1/set') west.ears.client.publish('nodes/w/relay/1', payload)
  })
  const talk = await talkTo(t, east.hub, '/talk')
  let state = true
  for (const language of languages) {
    state = !state
    const found = relays(east).find(({ topic }) => topic.startsWith(`upstreams/${language}/`))
    const ends = await outcome(talk, `${found?.topic}`, { state })
    t.equal(ends.at(-1), 'confirmed', language)
  }
  const asked = sides.map(({ side }) =>
    side.ears.messages.items.flatMap(({ topic }) => (/^nodes.*set$/.test(topic) ? [topic] : [])),
  )
  t.same(asked, [[], Array(4).fill('nodes/w/relay/1/set')])
  for (const { side } of sides) {
    const topics = new Set(relays(side).map(({ topic }) => topic))
    t.equal(topics.size, 5, 'nothing has come back as a device of its own')
    for (const topic of topics) {
      const values = relays(side).flatMap((heard) => (heard.topic === topic ? [heard.payload] : []))
      t.ok(values.length <= 9, `${topic} ${values}`)
    }
  }
})
