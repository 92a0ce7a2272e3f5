import type { Store } from '../store.ts'
import { periodPrefix } from './keys.ts'
import type { Periods } from './periods.ts'
import { periodMs, startOfPeriod, type Tier, tiers } from './tiers.ts'

export interface Retention {
  /** For how long each tier is kept, in milliseconds. */
  readonly ageMs: Readonly<Record<Tier, number>>
  /** What all of it may take. */
  readonly maxBytes: number
}

/** When there is too much, each tier may have this part of it. */
const shares: Readonly<Record<Tier, number>> = { raw: 0.5, minute: 0.25, hour: 0.25 }

export interface GiveUpOptions {
  readonly store: Pick<Store, 'clear'>
  readonly periods: Periods
  readonly retention: Retention
  /** What is not in closed blocks. */
  readonly openBytes: number
  /** What time it is; undefined while that is not sure, and nothing is too old. */
  readonly at: number | undefined
}

/** Gives up what is too old or too much, and returns whether that was something. */
export async function giveUp(options: GiveUpOptions): Promise<boolean> {
  const { store, periods } = options
  let isAny = false
  for (;;) {
    const [tier, period] = tooOld(options) ?? tooMuch(options) ?? []
    if (tier === undefined || period === undefined) return isAny
    await store.clear(periodPrefix(tier, period))
    periods.remove(tier, period)
    isAny = true
  }
}

type Found = readonly [tier: Tier, period: number] | undefined

function tooOld({ periods, retention, at }: GiveUpOptions): Found {
  if (at === undefined) return undefined
  for (const tier of tiers) {
    const oldest = periods.of(tier)[0]?.[0]
    if (oldest === undefined) continue
    const end = startOfPeriod(tier, oldest) + periodMs[tier]
    if (end <= at - retention.ageMs[tier]) return [tier, oldest]
  }
  return undefined
}

/** The oldest of the tier that is furthest past its share. */
function tooMuch({ periods, retention, openBytes }: GiveUpOptions): Found {
  if (periods.bytes + openBytes <= retention.maxBytes) return undefined
  const excessOf = (tier: Tier) => periods.bytesOf(tier) - shares[tier] * retention.maxBytes
  const [tier] = tiers
    .filter((each) => periods.bytesOf(each) > 0)
    .sort((one, other) => excessOf(other) - excessOf(one))
  const oldest = tier && periods.of(tier)[0]
  return oldest && [tier, oldest[0]]
}
