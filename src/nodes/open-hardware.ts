/** What is known of hardware, and how it is commanded: what is opened of this folder. */

import { setImmediate as turnOver } from 'node:timers/promises'
import {
  followNodePresence,
  type NodePresence,
  type NodePresenceOptions,
} from '../access/node-presence.ts'
import { noRights, rightsOf } from '../access/rights.ts'
import { createOutsider } from '../access/sender.ts'
import type { SignedIn } from '../access/signed-in.ts'
import type { UserDirectory } from '../access/user.ts'
import type { Bus } from '../bus/bus.ts'
import type { Hubs } from '../bus/foreign/hubs.ts'
import type { Closers, Deferred } from '../core/callbacks.ts'
import { readingFirst, systemClock } from '../core/clock.ts'
import type { DeepReadonly } from '../core/json.ts'
import { errorOn } from '../core/message.ts'
import { isAtOrBelow } from '../core/topic.ts'
import type { Config } from '../generated/config.ts'
import type { Broker } from '../mqtt/broker.ts'
import { clientName, partsOf } from '../mqtt/clients.ts'
import type { Journal } from '../store/journal.ts'
import type { Store } from '../store/store.ts'
import { checkRight } from './admission.ts'
import { type AmongHubs, createAmongHubs } from './among-hubs.ts'
import { createChanges, type DeviceChanges } from './changes.ts'
import { createClownBases } from './clown-bases.ts'
import { createClownModel } from './clown-model.ts'
import type { AuditLog } from './commands/audit-log.ts'
import { createCommandRate } from './commands/command-rate.ts'
import {
  autoOff,
  type Commands,
  type CommandsOptions,
  createCommands,
  offMessage,
} from './commands/commands.ts'
import { openAudit } from './commands/open-audit.ts'
import { createOwnChanges } from './commands/own-changes.ts'
import { deviceOf } from './device.ts'
import { createHistoryAnswers, type HistorySource } from './history/history-answer.ts'
import type { Recording } from './history/open-recording.ts'
import { createKeptOfDevices, type KeptOfDevices } from './kept-of-devices.ts'
import type { Age, LastValue, PastValues } from './last-values.ts'
import { type MessagePath, type MessagePathParts, openMessagePath } from './message-path.ts'
import { openProfileHost, type ProfileHost } from './profiles/host-profiles.ts'
import type { Profile } from './profiles/profile.ts'
import {
  knownDevices,
  modelWith,
  ProfileDevices,
  presenceWith,
} from './profiles/profile-devices.ts'
import type { Answering, Requester } from './registry/answers.ts'
import { type Around, isStaleNow } from './registry/node-json.ts'
import { type Nodes, openNodes } from './registry/open-nodes.ts'
import { checkKnown } from './registry/unknown-device.ts'
import { autoOffIn, createDeviceRules, hasLastingRule } from './relay-guard/device-rules.ts'
import {
  createRelayGuard,
  type RelayGuard,
  type RelayGuardOptions,
} from './relay-guard/relay-guard.ts'
import { openReplacements } from './relay-guard/replacements.ts'
import { createTopicRecords, type TopicRecords } from './topic-records.ts'

export interface HardwareParts
  extends Pick<MessagePathParts, 'load' | 'log' | 'sampledLog' | 'counters' | 'trace'> {
  readonly bus: Bus
  readonly store: Store
  readonly journal: Pick<Journal, 'noteLater'>
  readonly recording: Recording
  readonly access: NodePresenceOptions & {
    readonly directory: Pick<UserDirectory, 'find' | 'all' | 'edition'>
    readonly signedIn: Pick<SignedIn, 'onEntered'>
  }
  /** The conventions of hardware that are understood, besides Clown.Model. */
  readonly profiles: readonly Profile[]
  /** Others before the same broker; undefined where there are none. */
  readonly hubs: Hubs | undefined
  /** A message is not to arrive any more. */
  recall: Broker['recall']
  readonly onClose: Closers['add']
}

export interface Hardware {
  readonly path: MessagePath
  readonly nodes: Nodes
  readonly autoOffOf: Around['autoOffOf']
  readonly auditLog: AuditLog
  readonly lockOuts: Pick<RelayGuard['lockOuts'], 'list'>
  /** Ends each command that is under way, and tells it, while those who asked are still there; no more are taken. */
  endCommands(): Promise<void>
  readonly kept: Pick<KeptOfDevices, 'onReplaced' | 'forgetReportsOf'>
  /** What people change of devices. */
  readonly changes: DeviceChanges
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
  const amongHubs = createAmongHubs(parts.hubs)
  const known = await openKnown(config, { ...parts, ...amongHubs.sharing })
  const { nodes } = known
  const commanding = await openCommanding(config, known, { ...parts, amongHubs })
  const { path, auditLog, relayGuard, lockOuts, autoOffOf, endCommands } = commanding
  followNodes({ path, nodes, relayGuard }, parts)
  const { history: recorded } = parts.recording
  const history: HistorySource = {
    ...recorded,
    labelOf: nodes.labels.of,
    snapshot: (filter) => {
      path.settle()
      return recorded.snapshot(filter)
    },
  }
  const kept = createKeptOfDevices({
    ...{ ...parts, ...known, ...nodes, ...commanding },
    history: recorded,
    users: parts.access.directory,
    settle: path.settle,
    stored: () => parts.store.write([]),
    tell: amongHubs.tell,
  })
  amongHubs.follow(kept, parts.onClose)
  const { topic: topicLimits } = config.limits
  const changes = createChanges({ ...nodes, lockOuts, topicLimits, kept, settle: path.settle })
  return {
    path,
    nodes,
    autoOffOf,
    auditLog,
    kept,
    lockOuts,
    changes: amongHubs.changesOf(changes, parts.access),
    endCommands,
    history,
    past: {
      topicsBelow: nodes.values.topicsBelow,
      on: (topic) => nodes.states.among([nodes.values.on(topic) ?? []].flat()),
      ageOf: (topic) => ageOf(topic, nodes),
    },
    answering: createAnswering({ path, nodes, history }, parts),
  }
}

function ageOf(topic: string, { values, registry, states }: Nodes): Age {
  const nowMs = systemClock.nowMs()
  const heardMs = values.heardMs(topic)
  const device = registry.device(topic)
  const stale = device !== undefined && isStaleNow(device, states, nowMs)
  return {
    ageMs: heardMs === undefined ? null : Math.max(0, Math.round(nowMs - heardMs)),
    ...(stale && { stale }),
  }
}

/** What is known of hardware before anybody commands it. */
async function openKnown(
  config: DeepReadonly<Config>,
  parts: HardwareParts & AmongHubs['sharing'],
) {
  const { access, onClose } = parts
  const bases = createClownBases(config)
  const named = (isOfUpstream: boolean) =>
    parts.profiles.flatMap(({ name, isUpstream = false }) =>
      isUpstream === isOfUpstream ? [name] : [],
    )
  const { prefix } = config.profiles
  const profileDevices = new ProfileDevices(prefix, named(false), named(true))
  const model = modelWith(createClownModel(bases), profileDevices)
  const ofUsers = followNodePresence(access, config.bus !== undefined)
  onClose(ofUsers.close)
  const follow = (base: string) => bases.set(base, 'user', ofUsers.isThere(base) !== undefined)
  for (const base of ofUsers.bases()) follow(base)
  ofUsers.onChange(follow)
  const presence = presenceWith(ofUsers, profileDevices)
  const nodes = await openNodes({
    ...{ ...parts, bases, model, presence },
    limits: config.limits,
    ownTitles: profileDevices.titles,
    settableOf: (topic) => profileDevices.settableOf(topic),
  })
  onClose(nodes.close)
  return { ...nodes, nodes, bases, model, presence, profileDevices }
}

/** What has to be done when a node comes back. */
function followNodes(
  { path, nodes, relayGuard }: Pick<Hardware, 'path' | 'nodes'> & { relayGuard: RelayGuard },
  { access, onClose }: HardwareParts,
): void {
  onClose(
    access.signedIn.onEntered(({ user, transport, title }) => {
      if (transport !== 'mqtt') return
      path.settle()
      for (const base of nodes.registry.spokenForBy(clientName(user, title))) {
        nodes.doubt(base, 'has connected anew')
      }
    }),
  )
  onClose(
    nodes.onOnline(({ base, online }) => {
      // Once it has subscribed to its commands, too.
      if (online) systemClock.after(subscribedAfterMs, () => relayGuard.nodeOnline(base))
    }),
  )
}

function createAnswering(
  { path, nodes, history }: Pick<Hardware, 'path' | 'nodes' | 'history'>,
  { sampledLog, recording: { questions } }: HardwareParts,
): Hardware['answering'] {
  const pastAnswering = createHistoryAnswers({
    ...{ history, questions, sampledLog },
    clock: systemClock,
  })
  return (requester) => {
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
  }
}

/** A node that has signed in subscribes to its commands before so much time has gone by. */
const subscribedAfterMs = 500

type KnownHardware = Awaited<ReturnType<typeof openKnown>>

/** The node that a device is of: that of a user below whose base it is, or else the one its topic names. */
function nodeIn({ bases }: Pick<NodePresence, 'bases'>): (device: string) => string {
  return (device) => bases().find((base) => isAtOrBelow(base, device)) ?? deviceOf(device).base
}

type OfNodes = 'recall' | 'lastReportOf' | 'ask' | 'isGateway'

/** What commands have to know of nodes: what they said last, who they are, and how to ask them. */
function commandedNodes(
  { registry, presence, states, values, nodes, profileDevices }: KnownHardware,
  { recall }: HardwareParts,
): Pick<CommandsOptions, OfNodes> {
  return {
    lastReportOf: (device) => {
      const last = states.isKnown(device) ? values.of(device) : undefined
      return last && { value: last.payload.value, atMs: wallTimeOf(last) }
    },
    ask: nodes.questions.askNow,
    // A client that tells of several nodes is none of them.
    isGateway: (client) => registry.spokenForBy(client).length > 1,
    recall: ({ device, qos, topics }, sentAtMs) => {
      const { base } = deviceOf(device)
      const isOfProfile = profileDevices.of(device) !== undefined
      const speaker = registry.nodes.get(base)?.speaker
      const hasUser = presence.isThere(base) !== undefined
      const isFor = (client: string) =>
        isOfProfile ||
        client === speaker ||
        (hasUser && presence.maySpeakFor(base, partsOf(client).user))
      for (const topic of topics) recall({ topic, qos, sentAtMs, isFor })
    },
  }
}

/** The time of day of a last value. */
function wallTimeOf({ heardMs }: LastValue): number {
  return systemClock.wallMs() - (systemClock.nowMs() - heardMs)
}

/** What keeps devices from harm. */
async function openRelayGuard(
  about: Pick<RelayGuardOptions, 'rules' | 'isKnown' | 'timeZone'>,
  { values, registry, presence }: KnownHardware,
  parts: HardwareParts & Pick<RelayGuardOptions, 'onLocked' | 'onDue'>,
): Promise<RelayGuard> {
  const relayGuard = await createRelayGuard({
    ...parts,
    ...about,
    ownerOf: nodeIn(presence),
    lastValueOf: (device) => values.of(device)?.payload.value,
    known: registry.devicesBelow('').map(({ topic }) => topic),
    onContradiction: (device, error) => parts.bus.publish(errorOn(device, error)),
  })
  parts.onClose(relayGuard.close)
  return relayGuard
}

/** All that a command goes through. */
async function openCommanding(
  config: DeepReadonly<Config>,
  known: KnownHardware,
  parts: HardwareParts & { readonly amongHubs: AmongHubs },
) {
  const { registry, profileDevices } = known
  const { bus, store, sampledLog, onClose, amongHubs } = parts
  const { owns, sharing } = amongHubs
  const { topic: topicLimits, commands: commandLimits, nodes } = config.limits
  const audit = await openAudit(config, { ...parts, ...known })
  const { auditLog, deferred } = audit
  const replacements = await openReplacements({ ...parts, ...sharing, devices: nodes.devices })
  const { labels } = known.nodes
  const rules = createDeviceRules(config.commands, replacements, labels)
  const { isKnown, isAway } = knownDevices(known)
  const { directory } = parts.access
  const about = { directory, prefix: config.profiles.prefix, believed: config.bus?.trust }
  const host = await openProfileHost({ ...parts, ...known, ...about, clock: systemClock })
  const ofNodes = commandedNodes(known, parts)
  const relayGuard = await openRelayGuard({ rules, isKnown, timeZone: config.timeZone }, known, {
    ...parts,
    ...sharing,
    onLocked: (device) => commands.locked(device),
    onDue: (device, off) => path.enter(offMessage(device, off), autoOff),
  })
  onClose(labels.onChange(relayGuard.ruled))
  const records = createTopicRecords({
    ...{ ...parts, ...known, rules, replacements, labels, topicLimits },
    history: config.history,
    claims: host.claims,
    isOfProfiles: (topic) => profileDevices.hold(topic),
  })
  onClose(records.close)
  const ownCommands = createCommands({
    ...{ ...audit, bus, relayGuard, ...ofNodes },
    takeRate: createCommandRate({ limits: commandLimits, sampledLog }),
    isKnown,
    checkRight: createRightCheck(records, host, parts),
    checkKnown: (request) => checkKnown(request, registry),
    isOffline: isAway,
    timeoutMsOf: (device) => profileDevices.timeoutMsOf(device, rules(device).timeoutMs),
    isKeptFirst: (device) => store.isLasting && hasLastingRule(rules(device)),
    devices: nodes.devices,
    clock: readingFirst(systemClock),
  })
  const commands = amongHubs.commandsOf(ownCommands, {
    ...{ bus, directory, jsonLimits: config.limits.json, clock: systemClock },
    enter: (...entering) => path.enter(...entering),
  })
  onClose(commands.close)
  known.states.onChange((device, isKnown) => {
    if (!isKnown) commands.forget(device)
  })
  const ownChanges = createOwnChanges({ bus, auditLog, clock: systemClock, owns, ...ofNodes })
  const path: MessagePath = openMessagePath({
    ...{ ...parts, ...known, records, commands, relayGuard, deferred, ownChanges, owns },
    recorder: parts.recording.recorder,
    profiles: host,
    outsider: createOutsider(directory, config.bus?.commandUser, 'observed'),
    clock: systemClock,
  })
  onClose(host.open(parts.profiles, { commands, relayGuard, ownChanges, path }))
  amongHubs.begin({ ...audit, bus, relayGuard, commands, onClose })
  return {
    ...{ ...audit, path, replacements, relayGuard, lockOuts: relayGuard.lockOuts },
    autoOffOf: (device: string) => autoOffIn(rules(device)),
    endCommands: () => endCommands(commands, deferred),
  }
}

async function endCommands(commands: Commands, deferred: Deferred): Promise<void> {
  commands.close()
  deferred.close()
  // What is told leaves at the end of this turn.
  await turnOver()
  await turnOver()
}

/** Whether the sender of a command has the right to it as of now. */
function createRightCheck(
  records: TopicRecords,
  host: ProfileHost,
  parts: HardwareParts,
): CommandsOptions['checkRight'] {
  return (request) => {
    const { message } = request
    const { user: name, clientId } = request.sender
    const user = parts.access.directory.find(name)
    const rights = user === undefined ? noRights : rightsOf(user, clientId)
    const sender = { ...request.sender, rights }
    checkRight(records.of(message.topic), { message, sender }, parts)
    host.checkTrust({ ...request, sender })
  }
}
