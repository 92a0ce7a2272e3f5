import type { Test } from 'tap'
import { followDefects } from '../src/core/guard.ts'
import { createInbox, type Inbox } from './inbox.ts'

/** The defects that come up until the end of a test, which fails by none of them. */
export function followedDefects(t: Test): Inbox<unknown> {
  const defects = createInbox<unknown>()
  t.teardown(followDefects(defects.put))
  return defects
}
