import { pino } from 'pino'
import { rightsOf } from '../../src/access/rights.ts'
import type { Sender } from '../../src/access/sender.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { ceilingOfTopics } from '../../src/core/topic.ts'
import { Trace } from '../../src/core/trace.ts'
import { createClownModel } from '../../src/nodes/clown-model.ts'
import { type MessagePathParts, openMessagePath } from '../../src/nodes/message-path.ts'
import { Claims } from '../../src/nodes/profiles/claims.ts'
import { createDeviceTable } from '../../src/nodes/registry/device-table.ts'
import { createDeviceRules } from '../../src/nodes/relay-guard/device-rules.ts'
import { createTopicRecords } from '../../src/nodes/topic-records.ts'
import { steppedClock } from '../clock.ts'
import { clown } from '../senders.ts'
import { smallBus } from './registry/opened-nodes.ts'

const model = createClownModel()

export function messageOn(topic: string, text = '1', more: Partial<Message> = {}): Message {
  return { topic, payload: new Payload(Buffer.from(text)), qos: 0, retain: false, ...more }
}

export const report = messageOn('n/thermometer/0')
export const command = messageOn('n/relay/0/set', '{"state":true}')

const guarded = [{ autoOffSeconds: 1, kind: 'relay' }]

/** Profiles that hear nothing. */
export const idleProfiles: MessagePathParts['profiles'] = {
  enters: () => {},
  hear: () => {},
  translate: (request) => request,
  askIn: () => undefined,
  isOwn: ({ topic }) => topic === 'raw/own',
  ask: () => {},
}

/** A path whose parts tell, in order, what they are asked to do. */
export function opened(
  parts: Partial<MessagePathParts> = {},
  rules = guarded,
  isAwaiting = (_what: string) => false,
) {
  const done: unknown[][] = []
  const note = (what: string) => (topic: string, value?: unknown) => {
    done.push(value === undefined ? [what, topic] : [what, topic, value])
  }
  const counters = createCounters()
  const log = pino({ level: 'silent' })
  const bus = smallBus()
  let later = () => {}
  let awaited = 0
  const clock = steppedClock()
  const claims = new Claims({
    past: { on: () => undefined, matching: () => {} },
    owned: () => {},
    failed: () => {},
  })
  const thermometer = createDeviceTable().add('n/thermometer/0')
  thermometer.node.online = !isAwaiting('device')
  const records = createTopicRecords({
    model,
    bases: { binds: (topic) => !topic.startsWith('elsewhere/'), onChange: () => () => {} },
    replacements: { onChange: () => () => {} },
    labels: { onChange: () => () => {} },
    rules: createDeviceRules({ timeoutSeconds: 5, rules }),
    topicLimits: ceilingOfTopics,
    history: { record: ['#'], ignore: ['n/silent/#'] },
    claims,
    isOfProfiles: (topic) => topic.startsWith('devices/p/'),
  })
  const path = openMessagePath({
    bus,
    records,
    commands: {
      take: ({ device }) => note('take')(device),
      refuse: ({ device }, { code }) => note('refuse')(device, code),
      reported: (device) => {
        note('follow')(device)
        return device.endsWith('/answer')
      },
      observe: ({ device }) => note('observe')(device),
    },
    profiles: {
      ...idleProfiles,
      enters: ({ topic }) => note('enters')(topic),
      hear: (_claimed, { topic }) => note('hear')(topic),
      ask: note('ask'),
    },
    ownChanges: { reported: (device) => note('changed')(device) },
    relayGuard: { reported: note('guard'), check: () => undefined },
    outsider: () => clown,
    presence: { maySpeakFor: (base) => base !== 'foreign' },
    states: { heard: note('heard'), toldBy: note('told by'), wasKept: note('was kept') },
    values: { keep: ({ topic }) => note('keep')(topic), forget: note('forget value') },
    nodes: {
      registry: {
        learn: (message, record) => {
          note('learn')(message.topic)
          if (record.shape === 'report') record.device = thermometer
        },
        declare: note('declare'),
        forget: note('forget'),
      },
      isFollowed: isAwaiting('nodes'),
      doubt: note('doubt'),
    },
    recorder: {
      record: ({ topic }, { isRecorded }) => note('record')(topic, isRecorded),
      isFollowed: isAwaiting('recorder'),
    },
    clock,
    deferred: {
      do: (act) => {
        later = act
        awaited++
      },
    },
    owns: () => true,
    load: { note: () => {}, sheds: () => false, isOutOfMemory: () => false },
    log,
    sampledLog: createSampledLog(log, counters),
    counters,
    trace: new Trace(),
    ...parts,
  })
  return {
    path,
    bus,
    done,
    claims,
    records,
    counters,
    clock,
    settle: () => later(),
    awaited: () => awaited,
  }
}

export const overloaded = { note: () => {}, sheds: () => true, isOutOfMemory: () => false }
export const outOfMemory = { note: () => {}, sheds: () => true, isOutOfMemory: () => true }

export function allowed(...actions: ('read' | 'write' | 'command' | 'retain')[]): Sender {
  const rules = [{ allow: actions, topic: '#' }]
  return { ...clown, rights: rightsOf({ name: 'ann', rules, tokens: [] }) }
}
