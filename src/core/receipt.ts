import type { Receipt as GeneratedReceipt } from '../generated/receipt.ts'
import type { ErrorCode } from './errors.ts'

/** What became of a command; docs/commands.md has the picture. */
export type Receipt = Readonly<GeneratedReceipt> & { readonly code?: ErrorCode }

export type ReceiptName = Receipt['receipt']
