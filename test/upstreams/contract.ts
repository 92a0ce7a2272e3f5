import type { Test } from 'tap'
import { type AlarmClock, systemClock } from '../../src/core/clock.ts'
import type { Ask, DeviceFacts, DevicePlace } from '../../src/nodes/profiles/profile.ts'
import type { SocketEnding } from '../../src/upstreams/far-websocket.ts'
import type { UpstreamLanguage, UpstreamSettings } from '../../src/upstreams/upstream.ts'
import type { House } from '../dialects/house.ts'
import { createInbox } from '../inbox.ts'
import { talkTo } from '../started-hub.ts'
import { type DialledHub, outcome, startedDialling, type Upstreams } from './dialled-hub.ts'
import { puppetHub } from './puppet-hub.ts'

interface DialledHouse {
  readonly house: House
  readonly settings: Upstreams[string]
  /** Parts of the topics on which its relay and its thermometer are here. */
  readonly relay: string
  readonly thermometer: string
  /** How soon an event has to be here: the system's own pace. */
  readonly withinMs: number
  /** How it says so many degrees: as they are, unless given. */
  shows?(celsius: number): string
}

/** What every language promises of a house that it brings in from a hub which serves it. */
export async function bringsIn(t: Test, dialled: DialledHouse): Promise<DialledHub> {
  const { house, settings, relay, thermometer, withinMs, shows = String } = dialled
  house.obey()
  await house.report('relay/i2c0-3b', { state: false })
  await house.report('thermometer/i2c0-48', { temperature: [20, '℃'] })
  const far = await startedDialling(t, { far: settings })
  const { ears, hub } = far
  const dialledMs = performance.now()
  await far.status(({ state }) => state === 'connected')
  const topicOf = async (part: string): Promise<string> => {
    const isNode = (heard: { topic: string }) => heard.topic.startsWith('$SYS/hub/nodes/')
    const topics = ears.messages.items.filter(isNode).flatMap(({ payload }) => topicsIn(payload))
    const found = topics.find((each) => each.includes(part))
    if (found !== undefined) return found
    await ears.messages.next(isNode)
    return topicOf(part)
  }
  const [topic, measuring] = [await topicOf(relay), await topicOf(thermometer)]
  t.ok(performance.now() - dialledMs < 2000, 'its devices are here within 2 s')
  const talk = await talkTo(t, hub, '/talk')
  talk.send('clown.talk/-/config/set', {})
  const [, first] = await talk.on(measuring)
  t.ok(JSON.stringify(first).includes(shows(20)))
  t.ok(topic.startsWith('upstreams/far/'))

  const delays: number[] = []
  for (const celsius of [21, 22, 23, 24, 25]) {
    const saidMs = performance.now()
    await house.report('thermometer/i2c0-48', { temperature: [celsius, '℃'] })
    await ears.messages.next(
      (heard) => heard.topic === measuring && String(heard.payload).includes(shows(celsius)),
    )
    delays.push(performance.now() - saidMs)
  }
  // The machine may have been busy with something else at times.
  t.ok(Math.min(...delays) < withinMs, `${delays}`)

  t.same(await outcome(talk, topic, { state: true }), ['accepted', 'sent', 'confirmed'])
  await house.report('relay/i2c0-3b', { state: false })
  await ears.messages.next(
    (heard) => heard.topic === topic && String(heard.payload).includes('false'),
  )
  return far
}

function topicsIn(node: Buffer): string[] {
  const { devices } = JSON.parse(String(node))
  return devices.map(({ topic }: { topic: string }) => topic)
}

/** A clock that is four times as fast as ours, for what is waited for. */
export const fastClock: AlarmClock = {
  ...systemClock,
  after: (delayMs, act) => systemClock.after(delayMs / 4, act),
}

/** A language that dials a system of the test, and what the hub is told. */
export function dialledBy(
  t: Test,
  language: UpstreamLanguage,
  { settings, known = [] }: { settings: UpstreamSettings; known?: readonly DevicePlace[] },
) {
  const clock = fastClock
  const { hub, told, devices, next } = puppetHub(clock, known)
  const dial = language.open({ name: 'x', settings, devices, clock })
  const endings = createInbox<SocketEnding | undefined>()
  /** Returns how the next link began, undefined, or ended. */
  const connect = () => {
    const end = dial({ connected: () => endings.put(undefined), gone: endings.put })
    t.teardown(end)
    return end
  }
  const factsOf = (id: string): DeviceFacts => {
    const [, , facts] = told.findLast(([what, each]) => what === 'device' && each === id) ?? []
    return Object(facts)
  }
  /** Asks a device; what its language sends goes out. */
  const ask = (id: string, asked: Ask) => {
    const sent = factsOf(id).ask?.(asked)
    if (typeof sent === 'function') sent()
  }
  return { hub, told, devices, next, connect, endings, factsOf, ask }
}
