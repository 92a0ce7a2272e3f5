/** What is known of hardware and how it is commanded: the part of the composition that knows nodes. */
import {
  followNodePresence,
  type NodePresence,
  type NodePresenceOptions,
} from './access/node-presence.ts'
import { noRights, rightsOf } from './access/rights.ts'
import type { UserDirectory } from './access/user.ts'
import { type CommandRouteOptions, commandLogRoutes, commandRoute } from './api/command-routes.ts'
import { lockRoutes } from './api/lock-routes.ts'
import { nodesRoutes } from './api/nodes-routes.ts'
import type { Bus } from './bus/bus.ts'
import type { Config } from './config.ts'
import { type Closers, createDeferred } from './core/callbacks.ts'
import { systemClock } from './core/clock.ts'
import { Payload } from './core/payload.ts'
import type { Route } from './core/route.ts'
import type { SampledLog } from './core/sampled-log.ts'
import type { ClownBases } from './nodes/clown-bases.ts'
import type { ClownModel } from './nodes/clown-model.ts'
import { openAuditFile } from './nodes/commands/audit-file.ts'
import { createAuditLog, keepAuditLines } from './nodes/commands/audit-log.ts'
import { createCommandRate } from './nodes/commands/command-rate.ts'
import { openCommandRecords } from './nodes/commands/command-records.ts'
import { autoOff, type CommandsOptions, createCommands } from './nodes/commands/commands.ts'
import { commandTopic, deviceOf } from './nodes/device.ts'
import type { Recorder } from './nodes/history/recorder.ts'
import {
  checkRight,
  type MessagePath,
  type MessagePathParts,
  openMessagePath,
} from './nodes/message-path.ts'
import type { Requester } from './nodes/registry/answers.ts'
import { type Nodes, openNodes } from './nodes/registry/open-nodes.ts'
import { checkKnown } from './nodes/registry/unknown-device.ts'
import { createDeviceRules } from './nodes/relay-guard/device-rules.ts'
import { createRelayGuard } from './nodes/relay-guard/relay-guard.ts'
import { createTopicRecords } from './nodes/topic-records.ts'
import type { Store } from './store/store.ts'

export interface HardwareParts {
  readonly bus: Bus
  readonly store: Store
  readonly model: ClownModel
  readonly bases: ClownBases
  readonly recorder: Recorder
  readonly load: MessagePathParts['load']
  readonly log: MessagePathParts['log']
  readonly counters: MessagePathParts['counters']
  readonly access: Pick<CommandRouteOptions, 'asUser'> &
    NodePresenceOptions & { readonly directory: Pick<UserDirectory, 'find'> }
  readonly clientAddress: CommandRouteOptions['clientAddress']
  readonly sampledLog: SampledLog
  readonly onClose: Closers['add']
}

export async function openHardware(config: Config, parts: HardwareParts) {
  const { access, bases, clientAddress, onClose } = parts
  const { asUser } = access
  const presence = followNodePresence(access)
  onClose(presence.close)
  const follow = (base: string) => bases.set(base, 'user', presence.isThere(base) !== undefined)
  for (const base of presence.bases()) follow(base)
  presence.onChange(follow)
  const nodes = await openNodes({ ...parts, limits: config.limits, presence })
  onClose(nodes.close)
  const { registry, values } = nodes
  const commanding = await openCommanding(config, { ...nodes, presence }, parts)
  const { path, auditLog, relayGuard } = commanding
  onClose(
    nodes.onOnline(({ base, online }) => {
      // Once it has subscribed to its commands, too.
      if (online) systemClock.after(subscribedAfterMs, () => relayGuard.nodeOnline(base))
    }),
  )
  const { topic: topicLimits } = config.limits
  const { lockOuts } = relayGuard
  const pages: [path: string, Route][] = [
    ['/api/command', commandRoute({ asUser, clientAddress, enter: path.enter })],
    ...lockRoutes({ asUser, lockOuts, topicLimits }),
    ...commandLogRoutes({ asUser, auditLog, topicLimits }),
  ]
  return {
    path,
    pages,
    api: nodesRoutes({ asUser, registry, values, settle: path.settle }),
    lastValuesBelow: async (base: string) => nodes.unreachable.among(await values.below(base)),
    answering: (requester: Requester) => {
      const answering = nodes.answering(requester)
      const list: typeof answering.list = (...request) => {
        path.settle()
        return answering.list(...request)
      }
      return { ...answering, list }
    },
    nodes,
  }
}

/** A node that has signed in subscribes to its commands before so much time has gone by. */
const subscribedAfterMs = 500

type KnownHardware = Nodes & { readonly presence: NodePresence }

/** What is written of commands, a moment after they went out: none waits for that. */
async function openAudit(config: Config, { registry }: KnownHardware, parts: HardwareParts) {
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
async function openCommanding(config: Config, nodes: KnownHardware, parts: HardwareParts) {
  const { registry, values } = nodes
  const { bus, store, bases, access, sampledLog, onClose } = parts
  const { limits, history } = config
  const { auditLog, deferred, tell } = await openAudit(config, nodes, parts)
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
  const records = createTopicRecords({ ...parts, rules, topicLimits: limits.topic, history })
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
    ...nodes,
    nodes,
    records,
    commands,
    relayGuard,
    deferred,
    clock: systemClock,
  })
  relayGuard.start()
  return { path, auditLog, relayGuard }
}
