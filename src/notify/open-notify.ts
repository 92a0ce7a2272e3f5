/** Tells people when something is wrong, and when it is well again. */

import { hostname } from 'node:os'
import type { Bus } from '../bus/bus.ts'
import { type Closers, createClosers } from '../core/callbacks.ts'
import { type AlarmClock, readingFirst, systemClock } from '../core/clock.ts'
import { HubError, reasonOf } from '../core/errors.ts'
import { detached } from '../core/guard.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Hardware } from '../nodes/open-hardware.ts'
import type { KnownDevice } from '../nodes/registry/device-table.ts'
import type { Store } from '../store/store.ts'
import { type Alarm, type Alarms, openAlarms } from './alarms.ts'
import { type Outbox, openOutbox } from './outbox.ts'
import { type NotifyConfig, openTarget } from './targets.ts'
import { hear, lookAt, type WatchedParts, watchedRules } from './watch.ts'

export interface NotifyParts {
  readonly bus: Pick<Bus, 'publish'>
  readonly store: Pick<Store, 'entries' | 'write'>
  readonly hardware: Pick<Hardware, 'nodes' | 'auditLog'>
  readonly readiness: { unready(): string | undefined }
  readonly sampledLog: SampledLog
  readonly onClose: Closers['add']
  readonly clock?: AlarmClock
}

/** What is wrong, and how telling it goes. */
export interface Notify extends Pick<Alarms, 'list' | 'acknowledge'>, Pick<Outbox, 'counts'> {
  /** Goes on by another configuration, with what is open and what waits. */
  reload(config: NotifyConfig | undefined): Promise<void>
}

const everyMs = 1000

/** @throws HubError `bad-config` for a rule that names no target, and for secrets as `openTarget`. */
export async function openNotify(
  config: NotifyConfig | undefined,
  parts: NotifyParts,
): Promise<Notify> {
  let current = await open(config, parts)
  parts.onClose(() => current.close())
  return {
    list: () => current.list(),
    acknowledge: (...which) => current.acknowledge(...which),
    counts: () => current.counts(),
    reload: async (next) => {
      if (next !== undefined) checkRules(next)
      await current.close()
      // What the next one is to know is in the store.
      await parts.store.write([])
      current = await open(next, parts)
    },
  }
}

async function open(config: NotifyConfig | undefined, parts: Omit<NotifyParts, 'onClose'>) {
  const { add: onClose, closeAll: close } = createClosers()
  if (config === undefined) return { ...nobody, close }
  // What came while the process stood still is known before anything is told.
  const { bus, hardware, clock = readingFirst(systemClock) } = parts
  checkRules(config)
  const rules = watchedRules(config)
  const targets = new Map(
    Object.entries(config.targets).map(([name, target]) => [name, openTarget(target, bus)]),
  )
  const outbox = await openOutbox({ ...parts, targets, clock })
  onClose(outbox.close)
  const { site = hostname() } = config
  const alarms = await openAlarms({
    ...{ ...parts, site, tell: outbox.tell, clock },
    rules: new Set(rules.map(({ name }) => name)),
  })
  onClose(alarms.close)
  let lookedMs = Number.NEGATIVE_INFINITY
  const isNews = ({ heard }: KnownDevice) => heard !== undefined && heard.nowMs >= lookedMs
  const watched: WatchedParts = {
    site,
    nodes: () => hardware.nodes.registry.nodes.values(),
    news: () => hardware.nodes.registry.devicesBelow('').filter(isNews),
    lastOf: (device) => hardware.nodes.values.of(device)?.payload,
    unready: parts.readiness.unready,
  }
  onClose(
    hardware.auditLog.onNews((news) => {
      for (const rule of rules) hear(rule, news, alarms)
    }),
  )
  const look = () => {
    const nowMs = clock.nowMs()
    for (const rule of rules) lookAt(rule, watched, alarms)
    lookedMs = nowMs
    alarms.tick()
  }
  onClose(repeatedly(clock, everyMs, look))
  if (config.heartbeat !== undefined) onClose(beat(config.heartbeat, { ...parts, clock }))
  return { list: alarms.list, acknowledge: alarms.acknowledge, counts: outbox.counts, close }
}

const nobody = {
  list: (): Alarm[] => [],
  acknowledge: (_rule: string, _device: string) => false,
  counts: () => ({ sent: 0, failed: 0, waiting: 0 }),
}

function checkRules({ rules, targets }: NotifyConfig): void {
  for (const [name, { url, secretUrlFile, topic, smtp }] of Object.entries(targets)) {
    const given = [url, secretUrlFile, topic, smtp].filter((each) => each !== undefined).length
    if (given === 1) continue
    const expected = `expected notify.targets.${name} to have one of url, secretUrlFile, topic and smtp`
    throw new HubError('bad-config', `${expected}, got ${given} of them`)
  }
  for (const [at, rule] of rules.entries()) {
    const unknown = rule.targets?.find((name) => !Object.hasOwn(targets, name))
    if (unknown !== undefined) {
      const expected = `expected notify.rules.${at}.targets to name targets`
      throw new HubError('bad-config', `${expected}, got ${JSON.stringify(unknown)}`)
    }
    const isOfValues = rule.when === 'above' || rule.when === 'below'
    if (isOfValues && rule.limit === undefined) {
      throw new HubError('bad-config', `expected notify.rules.${at} to have a limit, got none`)
    }
  }
}

/** Not in a row of its own: a look that takes long is not followed by another one at once. */
function repeatedly(clock: Pick<AlarmClock, 'after'>, ms: number, act: () => void): () => void {
  const again = () => {
    act()
    cancel = clock.after(ms, again)
  }
  let cancel = clock.after(ms, again)
  return () => cancel()
}

const beatMs = 60_000
const answerWithinMs = 10_000

/** Asks for `url` once a minute while the hub is ready. */
function beat(
  url: string,
  {
    readiness,
    sampledLog,
    clock,
  }: Pick<NotifyParts, 'readiness' | 'sampledLog'> & { readonly clock: AlarmClock },
): () => void {
  const once = async () => {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(answerWithinMs) })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`it answered ${response.status}`)
    } catch (error) {
      // The address may be a secret.
      const reason = reasonOf(error).replaceAll(/https?:\/\/\S+/g, '(its address)')
      sampledLog.warn('heartbeat-failed', { reason }, 'nobody took the heartbeat')
    }
  }
  const look = () => {
    if (readiness.unready() === undefined) detached(once())
  }
  const stop = repeatedly(clock, beatMs, look)
  const cancel = clock.after(0, look)
  return () => {
    cancel()
    stop()
  }
}
