// What do the conventions of hardware cost? A thousand devices of all profiles: while they report as rarely as devices do, by a
// message beside one on a topic that nobody knows, and by a message that belongs to nobody.

import { setTimeout as pause } from 'node:timers/promises'
import { checkConfig } from '../src/config.ts'
import { systemClock } from '../src/core/clock.ts'
import { Payload } from '../src/core/payload.ts'
import { hardwareProfiles } from '../src/hardware-profiles.ts'
import { Claims } from '../src/nodes/profiles/claims.ts'
import { openProfile } from '../src/nodes/profiles/open-profile.ts'
import {
  compileTemplate,
  TemplateFailure,
} from '../src/profiles/home-assistant/templates/template.ts'
import { identityOf } from '../src/simulator/convention.ts'
import { conventions, isConventionName } from '../src/simulator/conventions.ts'
import { type Bench, portOf } from './bench.ts'
import { compare, type Measure, openSides, type Side, warmUp } from './compare.ts'
import { median } from './processes.ts'
import type { Row } from './table.ts'

const devices = 1000

export async function profiles(bench: Bench): Promise<Row[]> {
  return [await shareOfACore(bench), ...(await besideRawTopics(bench)), ofNobody(), ofATemplate()]
}

/** A device tells what it measures every five minutes, as Tasmota does by itself. */
const perSecond = Math.ceil((devices * 2) / 300)
const seconds = 20
/** Who has just come is asked for what is not known of it, and what runs as rarely as this is compiled in half a minute. */
const settles = 40

async function shareOfACore(bench: Bench): Promise<Row> {
  const server = await bench.server('hub')
  const port = portOf(server, 'mqtt')
  await bench.load('announce', { port, devices })
  const isOver = bench.load('reportSteadily', {
    port,
    devices,
    perSecond,
    seconds: settles + seconds,
  })
  await pause(settles * 1000)
  const { microseconds: before } = await server.ask('cpu')
  await isOver
  const { microseconds: after } = await server.ask('cpu')
  const share = (after - before) / (seconds * 1e6)
  return {
    question: `${devices} devices of all profiles, ${perSecond} messages a second`,
    ...{ hub: `${(share * 100).toFixed(2)} % of a core`, peer: 'one core', theirs: '' },
    ...{ ratio: share, target: { most: 0.01 } },
  }
}

/** At most 15 % more for a message of theirs. */
async function besideRawTopics(bench: Bench): Promise<Row[]> {
  const sides: readonly Side[] = [
    { name: 'hub', wire: 'mqtt' },
    { name: 'hub', label: 'hub, raw topics', wire: 'mqtt', target: { least: 1 / 1.15 } },
  ]
  const servers = await openSides(bench, sides)
  const [known] = [...servers.values()].map((server) => portOf(server, 'mqtt'))
  await bench.load('announce', { port: known ?? 0, devices })
  const measure: Measure = (subject) => {
    return bench.load('report', { ...subject, devices, isRaw: subject.port !== known })
  }
  await warmUp(servers, measure)
  return compare(`a report of ${devices} devices of all profiles`, servers, measure)
}

/** The median of several runs of `act`, in nanoseconds for one of `count`, of processor time: others may be busy beside it. */
function nanosecondsOf(count: number, act: (at: number) => unknown): number {
  const runs = Array.from({ length: 9 }, () => {
    const before = process.cpuUsage()
    for (let at = 0; at < count; at++) act(at)
    const { user, system } = process.cpuUsage(before)
    return ((user + system) * 1000) / count
  })
  return median(runs)
}

/** What is asked of each message of a topic that has been asked before, and what of one that has not. */
function ofNobody(): Row {
  const claims = claimsOfAll()
  const topics = Array.from({ length: 1000 }, (_, at) => `nodes/bridge/${at}/thermometer/i2c0-48`)
  const remembered = topics.map((topic) => ({ version: claims.version, claimed: claims.on(topic) }))
  let owned = 0
  const ns = nanosecondsOf(1_000_000, (at) => {
    const record = remembered[at % remembered.length]
    if (record?.version !== claims.version || record.claimed !== undefined) owned++
  })
  const first = nanosecondsOf(1000, (at) => claims.on(topics[at] ?? ''))
  if (owned > 0) throw new Error('expected topics that belong to nobody')
  return {
    question: `a message that belongs to nobody, beside ${devices} devices`,
    ...{
      hub: `${ns.toFixed(0)} ns`,
      peer: 'the first on its topic',
      theirs: `${first.toFixed(0)} ns`,
    },
    ...{ ratio: ns, target: { most: 50 } },
  }
}

function claimsOfAll(): Claims {
  const claims = new Claims({
    past: { on: () => undefined, matching: () => {} },
    owned: () => {},
    failed: (_claim, _topic, error) => {
      throw error
    },
  })
  const nothing = () => {}
  const sink = {
    ...{ hearing: nothing, declared: nothing, forgotten: nothing, availabilityChanged: nothing },
    ...{ reported: nothing, refused: nothing, accepted: nothing, observed: nothing },
    ...{ send: nothing, leftOut: nothing, checkClaim: nothing },
  }
  const clock = { ...systemClock, after: () => nothing }
  for (const profile of hardwareProfiles(checkConfig({}))) {
    const parts = { claims, clock, known: [], prefix: 'devices', sink, failed: nothing }
    openProfile(profile, parts)
  }
  const names = Object.keys(conventions).filter(isConventionName)
  for (let at = 0; at < devices; at++) {
    const convention = conventions[names[at % names.length] ?? 'tasmota']
    const parts = convention.parts()
    const speech = convention.open(identityOf(`${convention.name.usual}-${at}`), parts)
    const said = [...speech.greet(true), ...parts.flatMap((part) => speech.report(part, 'asked'))]
    for (const { topic, payload } of said) {
      const claimed = claims.on(topic)
      const message = {
        topic,
        payload: new Payload(Buffer.from(payload)),
        qos: 0,
        retain: false,
      } as const
      if (claimed !== undefined) claims.hear(claimed, message)
    }
  }
  return claims
}

/** The template that nearly all configs have. */
function ofATemplate(): Row {
  const template = compileTemplate('{{ value_json.temperature }}', systemClock)
  if (template instanceof TemplateFailure) throw new Error(template.reason)
  const variables = { value_json: { temperature: 21.5, humidity: 40 } }
  const ns = nanosecondsOf(200_000, () => template.render(variables))
  return {
    question: 'a template, {{ value_json.temperature }}',
    ...{ hub: `${ns.toFixed(0)} ns`, peer: 'a microsecond', theirs: '1000 ns' },
    ...{ ratio: ns / 1000, target: { most: 0.2 } },
  }
}
