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

/**
 * Whoever speaks on a broker that somebody else runs: nobody knows who that is. They have the rights of `name`, or none;
 * what is returned says who they are as of now, and looks it up again only when users have changed.
 */
export function createOutsider(
  directory: Pick<UserDirectory, 'find' | 'edition'>,
  name: string | undefined,
  way: string,
): () => Sender {
  const lookUp = (): Sender => {
    const user = name === undefined ? undefined : directory.find(name)
    const rights = user === undefined ? noRights : rightsOf(user)
    return { user: user?.name ?? 'unknown', rights, address: '', way }
  }
  let { edition } = directory
  let outsider = lookUp()
  return () => {
    if (edition !== directory.edition) {
      edition = directory.edition
      outsider = lookUp()
    }
    return outsider
  }
}
