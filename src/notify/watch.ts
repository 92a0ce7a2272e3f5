/** The conditions of rules: what they look at, and when something is wrong. */

import { matches } from '../core/filter.ts'
import type { ReceiptName } from '../core/message.ts'
import type { Payload } from '../core/payload.ts'
import type { CommandNews } from '../nodes/commands/audit-log.ts'
import { quantitiesIn } from '../nodes/history/recorder.ts'
import type { KnownDevice, KnownNode } from '../nodes/registry/device-table.ts'
import type { AlarmRule, Alarms } from './alarms.ts'
import type { NotifyConfig } from './targets.ts'

type RuleConfig = NotifyConfig['rules'][number]

/** A rule, and what it looks for. */
export interface WatchedRule extends AlarmRule, Pick<RuleConfig, 'when' | 'devices' | 'quantity'> {
  readonly limit: number | undefined
}

/** What is known of hardware and of the hub. */
export interface WatchedParts {
  readonly site: string
  nodes(): Iterable<KnownNode>
  /** The devices that were heard since they were looked at before. */
  news(): Iterable<KnownDevice>
  /** What a device has reported last. */
  lastOf(device: string): Payload | undefined
  /** Why the hub is not ready. */
  unready(): string | undefined
}

export function watchedRules({ rules, targets }: NotifyConfig): WatchedRule[] {
  return rules.map((rule) => ({
    ...rule,
    name: rule.name ?? rule.when,
    targets: rule.targets ?? Object.keys(targets),
    limit: rule.limit,
    forMs: rule.forSeconds * 1000,
    repeatMs: (rule.repeatMinutes ?? Number.POSITIVE_INFINITY) * 60_000,
  }))
}

/** What goes on as long as it is wrong: looked at once a second. */
export function lookAt(
  rule: WatchedRule,
  watched: WatchedParts,
  alarms: Pick<Alarms, 'set'>,
): void {
  looks[rule.when]?.(rule, watched, alarms)
}

type Look = typeof lookAt

const looks: { readonly [when in RuleConfig['when']]?: Look } = {
  offline: lookAtNodes,
  'never-seen': lookForNode,
  above: lookAtValues,
  below: lookAtValues,
  'battery-low': lookAtValues,
  'not-ready': (rule, { site, unready }, alarms) => alarms.set(rule, site, unready()),
}

function lookAtNodes(
  rule: WatchedRule,
  { nodes }: WatchedParts,
  alarms: Pick<Alarms, 'set'>,
): void {
  for (const { base, online } of nodes()) {
    // Nobody knows of one that comes and goes without a word.
    if (online === null || !isOf(rule, base)) continue
    alarms.set(rule, base, online ? undefined : 'is offline')
  }
}

function lookForNode(rule: WatchedRule, watched: WatchedParts, alarms: Pick<Alarms, 'set'>): void {
  const { devices: base } = rule
  const node = [...watched.nodes()].find((each) => each.base === base)
  const isSeen = node !== undefined && node.heard !== undefined && !node.heard.isRestored
  alarms.set(rule, base, isSeen ? undefined : 'was not seen since the hub was started')
}

function lookAtValues(rule: WatchedRule, watched: WatchedParts, alarms: Pick<Alarms, 'set'>): void {
  for (const { topic } of watched.news()) {
    if (!isOf(rule, topic)) continue
    const value = watched.lastOf(topic)?.value
    for (const quantity of quantitiesIn(value)) {
      if (!isMeant(rule, quantity.quantity) || typeof quantity.value === 'boolean') continue
      alarms.set(
        rule,
        nameOf(topic, quantity.quantity),
        wrongWith(rule, quantity.value, quantity.unit),
      )
    }
  }
}

/** As the history calls them. */
const batteries = /(^|\.)battery([-_]?(level|percent(age)?))?$/i
const usualBatteryLimit = 20

function isMeant({ when, quantity }: WatchedRule, name: string): boolean {
  return when === 'battery-low' ? batteries.test(name) : name === quantity
}

function nameOf(topic: string, quantity: string): string {
  return quantity === 'value' ? topic : `${topic} ${quantity}`
}

function wrongWith(rule: WatchedRule, value: number, unit = ''): string | undefined {
  const { when, limit = usualBatteryLimit } = rule
  const isWrong = when === 'above' ? value > limit : value < limit
  const shown = unit === '' ? `${value}` : `${value} ${unit}`
  return isWrong ? `is ${shown}, ${when === 'above' ? 'above' : 'below'} ${limit}` : undefined
}

/** What has happened to a command, or to a device without one. */
export function hear(rule: WatchedRule, news: CommandNews, alarms: Alarms): void {
  const { device, receipt } = news
  if (!isOf(rule, device)) return
  if (rule.when === 'by-itself' && receipt === 'by-itself') {
    alarms.happened(rule, device, 'has changed by itself')
  } else if (rule.when === 'not-confirmed' && receipt !== 'by-itself') {
    if (failures.has(receipt))
      alarms.set(rule, device, `did not confirm what ${news.user} asked for: ${receipt}`)
    else if (successes.has(receipt)) alarms.set(rule, device, undefined)
  }
}

const failures: ReadonlySet<ReceiptName> = new Set(['timed-out', 'mismatch'])
const successes: ReadonlySet<ReceiptName> = new Set(['confirmed', 'confirmed-late'])

function isOf({ devices }: WatchedRule, topic: string): boolean {
  return devices === '#' || matches(devices, topic)
}
