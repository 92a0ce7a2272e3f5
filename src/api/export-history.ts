import type { ServerResponse } from 'node:http'
import type { SignedIn } from '../access/signed-in.ts'
import type { User } from '../access/user.ts'
import type { HistorySource } from '../nodes/history/history-answer.ts'
import type { LineFormat } from '../nodes/history/history-lines.ts'
import { type Exported, exportChunks } from '../nodes/history/history-streams.ts'
import { sendChunks } from './send-chunks.ts'

export interface ExportOptions {
  readonly history: HistorySource
  readonly signedIn: Pick<SignedIn, 'register'>
}

/** Whose export it is, what of, and how its lines are written. */
export interface ExportWanted {
  readonly user: User
  readonly exported: Exported
  readonly lines: LineFormat
}

/**
 * Sends all of a range as lines, as fast as they are read. It may take long, and is broken off when its
 * user is not signed in any more, or may not read all of it any more.
 */
export async function exportHistory(
  response: ServerResponse,
  { user, exported, lines }: ExportWanted,
  { history, signedIn }: ExportOptions,
): Promise<void> {
  const registered = signedIn.register({
    user,
    isObserver: true,
    rightsChanged: ({ mayRead }) => {
      if (!exported.series.every(({ topic }) => mayRead(topic))) response.destroy()
    },
    ended: () => response.destroy(),
  })
  try {
    const chunks = exportChunks(history, exported, lines)
    await sendChunks(response, { type: lines.type, chunks })
  } finally {
    registered.leave()
  }
}
