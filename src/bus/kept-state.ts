import type { Subscription } from 'aedes'
import type { SampledLog } from '../core/sampled-log.ts'
import { switchesActuator } from '../core/topic.ts'
import type { Store } from '../store/store.ts'
import type { ClientRights } from './client-rights.ts'
import { type Journal, openJournal } from './journal.ts'
import type { RetainedLimits } from './retained-quota.ts'
import { createRetainedRecords, type RetainedRecords } from './retained-records.ts'
import { RetainedValues } from './retained-values.ts'
import { createSessionRecords, type SessionRecords, type StoredSession } from './session-records.ts'
import { SessionStore } from './session-store.ts'
import { createSessions, type SessionLimits, type Sessions } from './sessions.ts'
import type { SubscriptionQuota } from './subscription-quota.ts'

export interface KeptStateOptions {
  readonly store: Store
  readonly limits: {
    readonly mqtt: { readonly qos2Window: number }
    readonly sessions: SessionLimits
    readonly retained: RetainedLimits
  }
  readonly rights: Pick<ClientRights, 'of' | 'forget'>
  readonly quota: Pick<SubscriptionQuota, 'take' | 'end'>
  readonly sampledLog: SampledLog
}

/** What the broker keeps: what is retained, and the sessions with their subscriptions. */
export interface KeptState {
  readonly journal: Journal
  readonly retained: RetainedValues
  readonly sessions: Sessions
  readonly persistence: SessionStore
  /** Takes each subscription that is granted: only those may be kept. */
  readonly granted: WeakSet<Subscription>
  /** Waits until all of it is on disk; the sessions are closed before. */
  close(): Promise<void>
}

/** Goes on with what an earlier hub has kept in `store`. */
export async function openKeptState(options: KeptStateOptions): Promise<KeptState> {
  const { store, limits, sampledLog, quota } = options
  const journal = openJournal(store)
  const records = createSessionRecords(journal)
  const retainedRecords = createRetainedRecords(journal)
  const retained = new RetainedValues(limits.retained, retainedRecords)
  const granted = new WeakSet<Subscription>()
  const sessions = openSessions(options, records, (clientId) => {
    void persistence.cleanSubscriptions({ id: clientId })
  })
  const persistence = new SessionStore({ ...options, records, sessions, retained, granted })
  await restoreRetained(retained, retainedRecords, sampledLog)
  await restoreSessions(sessions, records, { persistence, quota })
  return { journal, retained, sessions, persistence, granted, close: journal.close }
}

function openSessions(
  { limits, rights, sampledLog, quota }: KeptStateOptions,
  records: SessionRecords,
  cleanSubscriptions: (clientId: string) => void,
): Sessions {
  return createSessions({
    limits: limits.sessions,
    qos2Window: limits.mqtt.qos2Window,
    records,
    onForgotten: (clientId) => quota.end(clientId),
    onEnded: (clientId) => {
      const fields = { client: clientId }
      sampledLog.warn('mqtt-sessions-ended', fields, 'a session was given up: its client is away')
      rights.forget(clientId)
      cleanSubscriptions(clientId)
    },
    onDropped: (clientId, { topic }) => {
      const kind = switchesActuator(topic) ? 'mqtt-commands-dropped' : 'mqtt-messages-dropped'
      sampledLog.warn(kind, { client: clientId, topic }, 'a kept message was dropped')
    },
  })
}

/** A limit may be lower than it was. */
async function restoreRetained(
  retained: RetainedValues,
  records: RetainedRecords,
  sampledLog: SampledLog,
): Promise<void> {
  for await (const message of records.load()) {
    if (retained.restore(message)) continue
    const fields = { topic: message.topic, bytes: message.payload.length }
    sampledLog.warn('retained-refused', fields, 'a value is retained no longer')
  }
}

async function restoreSessions(
  sessions: Sessions,
  records: SessionRecords,
  { persistence, quota }: Pick<KeptStateOptions, 'quota'> & Pick<KeptState, 'persistence'>,
): Promise<void> {
  const stored: StoredSession[] = []
  for await (const session of records.load()) {
    stored.push(session)
    // First, since a session that is given up takes its subscriptions along.
    persistence.restore(session)
    for (const { topic } of session.subscriptions) quota.take(session.clientId, topic)
  }
  sessions.restore(stored)
}
