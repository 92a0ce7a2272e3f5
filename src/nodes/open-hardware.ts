/** What is known of hardware, and how it is commanded: what is opened of this folder. */
import {
  followNodePresence,
  type NodePresence,
  type NodePresenceOptions,
} from '../access/node-presence.ts'
import { noRights, rightsOf } from '../access/rights.ts'
import type { UserDirectory } from '../access/user.ts'
import type { Bus } from '../bus/bus.ts'
import { type Closers, createDeferred } from '../core/callbacks.ts'
import { systemClock } from '../core/clock.ts'
import type { DeepReadonly } from '../core/json.ts'
import { Payload } from '../core/payload.ts'
import type { Config } from '../generated/config.ts'
import type { Store } from '../store/store.ts'
import { type ClownBases, createClownBases } from './clown-bases.ts'
import { type ClownModel, createClownModel } from './clown-model.ts'
import { openAuditFile } from './commands/audit-file.ts'
import { type AuditLog, createAuditLog, keepAuditLines } from './commands/audit-log.ts'
import { createCommandRate } from './commands/command-rate.ts'
import { openCommandRecords } from './commands/command-records.ts'
import { autoOff, type CommandsOptions, createCommands } from './commands/commands.ts'
import { commandTopic, deviceOf } from './device.ts'
import type { HistorySource } from './history/history-answer.ts'
import { createHistoryAnswers } from './history/history-answers.ts'
import type { Recording } from './history/open-recording.ts'
import type { PastValues } from './last-values.ts'
import {
  checkRight,
  type MessagePath,
  type MessagePathParts,
  openMessagePath,
} from './message-path.ts'
import type { Answering, Requester } from './registry/answers.ts'
import { type Nodes, openNodes } from './registry/open-nodes.ts'
import { checkKnown } from './registry/unknown-device.ts'
import { createDeviceRules } from './relay-guard/device-rules.ts'
import { createRelayGuard, type RelayGuard } from './relay-guard/relay-guard.ts'
import { createTopicRecords } from './topic-records.ts'

export interface HardwareParts
  extends Pick<MessagePathParts, 'load' | 'log' | 'sampledLog' | 'counters'> {
  readonly bus: Bus
  readonly store: Store
  readonly recording: Recording
  readonly access: NodePresenceOptions & { readonly directory: Pick<UserDirectory, 'find'> }
  readonly onClose: Closers['add']
}

export interface Hardware {
  readonly path: MessagePath
  readonly nodes: Nodes
  readonly auditLog: AuditLog
  readonly lockOuts: RelayGuard['lockOuts']
  /** With all that has arrived. */
  readonly history: HistorySource
  readonly past: PastValues
  /** Answers one session in place of nodes. */
  answering(requester: Requester): Answering
}

/** The caller closes the path, when nothing can arrive any more. */
export async function openHardware(
  config: DeepReadonly<Config>,
  parts: HardwareParts,
): Promise<Hardware> {
  const { access, recording, onClose, sampledLog } = parts
  const bases = createClownBases(config)
  const model = createClownModel(bases)
  const presence = followNodePresence(access)
  onClose(presence.close)
  const follow = (base: string) => bases.set(base, 'user', presence.isThere(base) !== undefined)
  for (const base of presence.bases()) follow(base)
  presence.onChange(follow)
  const nodes = await openNodes({ ...parts, bases, model, limits: config.limits, presence })
  onClose(nodes.close)
  const known = { ...nodes, nodes, bases, model, presence }
  const { path, auditLog, relayGuard } = await openCommanding(config, known, parts)
  onClose(
    nodes.onOnline(({ base, online }) => {
      // Once it has subscribed to its commands, too.
      if (online) systemClock.after(subscribedAfterMs, () => relayGuard.nodeOnline(base))
    }),
  )
  const history: HistorySource = {
    ...recording.history,
    snapshot: (filter) => {
      path.settle()
      return recording.history.snapshot(filter)
    },
  }
  const pastAnswering = createHistoryAnswers({ history, clock: systemClock, sampledLog })
  return {
    path,
    nodes,
    auditLog,
    lockOuts: relayGuard.lockOuts,
    history,
    past: {
      topicsBelow: nodes.values.topicsBelow,
      on: (topic) => nodes.unreachable.among([nodes.values.on(topic) ?? []].flat()),
    },
    answering: (requester) => {
      const ofNodes = nodes.answering(requester)
      const ofPast = pastAnswering(requester)
      return {
        ...ofNodes,
        list: (...request) => {
          if (ofPast.history(...request)) return true
          path.settle()
          return ofNodes.list(...request)
        },
        close: () => {
          ofPast.close()
          ofNodes.close()
        },
      }
    },
  }
}

/** A node that has signed in subscribes to its commands before so much time has gone by. */
const subscribedAfterMs = 500

interface KnownHardware extends Pick<Nodes, 'registry' | 'values' | 'unreachable'> {
  readonly nodes: Nodes
  readonly bases: ClownBases
  readonly model: ClownModel
  readonly presence: NodePresence
}

/** What is written of commands, a moment after they went out: none waits for that. */
async function openAudit(
  config: DeepReadonly<Config>,
  { registry }: KnownHardware,
  parts: HardwareParts,
) {
  const { sampledLog, onClose } = parts
  const { folder } = config.data
  const { devices } = config.limits.nodes
  const lines = folder ? openAuditFile({ folder, sampledLog }) : keepAuditLines()
  const auditLog = createAuditLog({ lines, sampledLog })
  onClose(auditLog.close)
  const commandRecords = await openCommandRecords({
    ...parts,
    devices,
    onUnknown: auditLog.ended,
  })
  const deferred = createDeferred()
  onClose(deferred.close)
  const tell: CommandsOptions['tell'] = (command, receipt) => {
    const hasObeyed = receipt.receipt === 'confirmed' || receipt.receipt === 'confirmed-late'
    if (hasObeyed) registry.obeyed(command.device)
    deferred.do(() => {
      auditLog.tell(command, receipt)
      commandRecords.tell(command, receipt)
    })
  }
  return { auditLog, deferred, tell }
}

/** All that a command goes through. */
async function openCommanding(
  config: DeepReadonly<Config>,
  known: KnownHardware,
  parts: HardwareParts,
) {
  const { registry, values, bases } = known
  const { bus, store, access, sampledLog, onClose } = parts
  const { limits, history } = config
  const { auditLog, deferred, tell } = await openAudit(config, known, parts)
  const rules = createDeviceRules(config.commands)
  const isKnown = (device: string) => bases.binds(device, deviceOf(device).base)
  const relayGuard = await createRelayGuard({
    rules,
    isKnown,
    store,
    sampledLog,
    lastValueOf: (device) => values.of(device)?.payload.value,
    known: registry.devicesBelow('').map(({ topic }) => topic),
    onDue: (device, off) => {
      // A bare word is told as MQTT devices say it: without quotation marks.
      const payload =
        typeof off === 'string'
          ? new Payload(Buffer.from(off))
          : Payload.ofJson(JSON.stringify(off), off)
      path.enter({ topic: commandTopic(device), payload, qos: 1, retain: false }, autoOff)
    },
  })
  onClose(relayGuard.close)
  const records = createTopicRecords({
    ...parts,
    ...known,
    rules,
    topicLimits: limits.topic,
    history,
  })
  onClose(records.close)
  const commands = createCommands({
    bus,
    relayGuard,
    takeRate: createCommandRate({ limits: limits.commands, sampledLog }),
    isKnown,
    checkRight: ({ message, sender }) => {
      const user = access.directory.find(sender.user)
      const rights = user === undefined ? noRights : rightsOf(user, sender.clientId)
      const own = { message, sender: { ...sender, rights } }
      checkRight(records.of(message.topic), own, parts)
    },
    checkKnown: (request) => checkKnown(request, registry),
    // Of other hardware it is a guess by its reports, which must not stand in the way of a message.
    isOffline: (device) => isKnown(device) && !registry.mayHear(deviceOf(device).base),
    timeoutMsOf: (device) => rules(device).timeoutMs,
    tell,
    devices: limits.nodes.devices,
  })
  onClose(commands.close)
  const path: MessagePath = openMessagePath({
    ...parts,
    ...known,
    recorder: parts.recording.recorder,
    records,
    commands,
    relayGuard,
    deferred,
    clock: systemClock,
  })
  relayGuard.start()
  return { path, auditLog, relayGuard }
}
