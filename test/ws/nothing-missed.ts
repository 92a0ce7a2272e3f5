import type { Presence } from '../../src/nodes/registry/presence.ts'
import type { Recovery } from '../../src/ws/recovery.ts'

/** Nobody comes or goes. */
export const presence: Presence = { subscribe: () => () => {} }

/** Nothing is kept for who comes back. */
export const recovery: Recovery = {
  open: () => ({
    position: 'none:0',
    note: () => 'none:0',
    placeAfter: () => ({ missed: undefined }),
    partAt: () => undefined,
    close: () => {},
  }),
  close: () => {},
}
