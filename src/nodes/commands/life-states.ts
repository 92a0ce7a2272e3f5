import type { ReceiptName } from '../../core/message.ts'

/** What may happen to a command that was accepted. */
export type LifeEvent =
  | 'sent'
  /** The device reports the state that was asked for. */
  | 'reported-as-asked'
  /** The device reports another state. */
  | 'reported-otherwise'
  /** It waited for its turn, and was refused then. */
  | 'refused'
  /** It waited for its turn, and its node was away then. */
  | 'went-offline'
  /** It had as long as it may take. */
  | 'deadline'
  /** A later command to the same device was accepted. */
  | 'overtaken'
  /** The hub ends, or has so many commands to follow that it gives this one up. */
  | 'lost'

/** A place in the life of a command. */
export interface LifeState {
  readonly receipt: ReceiptName
  /** Whether its deadline is still to come. What was confirmed in time, or overtaken, is not open. */
  readonly isOpen: boolean
}

export const beginning: LifeState = { receipt: 'accepted', isOpen: true }

/** What leads from a receipt to another one while the deadline is to come, and whether it still is. */
const open: Readonly<Partial<Record<ReceiptName, Partial<Record<LifeEvent, LifeState>>>>> = {
  accepted: {
    sent: { receipt: 'sent', isOpen: true },
    refused: ended('refused'),
    'went-offline': ended('node-offline'),
    overtaken: ended('superseded'),
    lost: ended('unknown'),
  },
  sent: {
    'reported-as-asked': ended('confirmed'),
    // Not the end: the report may have been on its way when the command was sent.
    'reported-otherwise': { receipt: 'mismatch', isOpen: true },
    deadline: ended('timed-out'),
    overtaken: ended('superseded'),
    lost: ended('unknown'),
  },
  mismatch: {
    'reported-as-asked': ended('confirmed'),
    deadline: ended('mismatch'),
    overtaken: ended('superseded'),
    lost: ended('unknown'),
  },
}

/** The same past the deadline: a late confirmation is told once. */
const past: typeof open = {
  'timed-out': { 'reported-as-asked': ended('confirmed-late') },
  mismatch: { 'reported-as-asked': ended('confirmed-late') },
}

/** Where `event` leads to; the same state when it changes nothing. */
export function nextState(state: LifeState, event: LifeEvent): LifeState {
  return (state.isOpen ? open : past)[state.receipt]?.[event] ?? state
}

/** Whether a report can still change `state`. */
export function isWaiting({ isOpen, receipt }: LifeState): boolean {
  return isOpen || past[receipt] !== undefined
}

function ended(receipt: ReceiptName): LifeState {
  return { receipt, isOpen: false }
}
