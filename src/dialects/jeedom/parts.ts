import type { ServedContext } from '../served-dialect.ts'
import type { Feed } from './feed.ts'
import type { UserKeys } from './keys.ts'

/** What the websocket and JSON-RPC share. */
export interface Parts {
  readonly context: ServedContext
  readonly feed: Feed
  readonly userKeys: UserKeys
}
