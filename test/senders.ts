import { type Rights, rightsOf } from '../src/access/rights.ts'
import type { Sender } from '../src/access/sender.ts'

const everything: Rights = rightsOf({ name: 'clown', role: 'admin', rules: [], tokens: [] })

/** Somebody who may do everything. */
export const clown: Sender = {
  user: 'clown',
  rights: everything,
  address: '127.0.0.1',
  way: 'mqtt',
}
