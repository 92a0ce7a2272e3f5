import type { Receipt } from '../core/message.ts'
import { noRights, type Rights, rightsOf } from './rights.ts'
import type { UserDirectory } from './user.ts'

/** Who sends a message, and on what way it comes. */
export interface Sender {
  /** The name of a user, or of a part of the hub. */
  readonly user: string
  /** What an MQTT client calls itself. */
  readonly clientId?: string
  readonly rights: Pick<Rights, 'mayPublish'>
  /** An IP address, or `hub`. */
  readonly address: string
  /** The language or protocol: `clown-talk`, `mqtt`, `http`. */
  readonly way: string
  /** Is told what becomes of a command; without one, a refusal is thrown and nothing else is told. */
  readonly watcher?: Watcher | undefined
  /** How long to wait for a device to obey, in place of the configured time. */
  readonly timeoutMs?: number | undefined
  /** Whether to command a device, too, that its node does not have. */
  readonly force?: boolean | undefined
}

export interface Watcher {
  /** Called at once with the first receipts, and later at every change. */
  changed(receipt: Receipt): void
  /** Nothing more comes but, perhaps, a late confirmation. */
  ended?(receipt: Receipt): void
}

/** Whoever speaks on a broker that somebody else runs: nobody knows who that is. They have the rights of `name`, or none. */
export function outsiderOf(
  directory: Pick<UserDirectory, 'find'>,
  name: string | undefined,
): Sender {
  const user = name === undefined ? undefined : directory.find(name)
  const rights = user === undefined ? noRights : rightsOf(user)
  return { user: user?.name ?? 'unknown', rights, address: '', way: 'observed' }
}
