import type { NewShare } from '../src/core/byte-budget.ts'

/** A share of as many bytes as anybody likes. */
export const unbounded: NewShare = () => ({ hold: () => true })

export const unboundedShares = { newInboundShare: unbounded, newOutboundShare: unbounded }
