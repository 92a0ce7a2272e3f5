import type { Client } from 'aedes'
import { noRights } from '../access/rights.ts'
import type { Sender } from '../access/sender.ts'
import type { ClientAddress } from './client-address.ts'
import { partsOf } from './client-name.ts'
import type { ClientRights } from './client-rights.ts'

/** Who the clients of the broker are as senders, as of now. */
export interface Senders {
  /** Without a client it is somebody of whom nothing is known. */
  of(client: Client | null): Sender
}

const way = 'mqtt'

const nobody: Sender = { user: 'nobody', rights: noRights, address: 'unknown', way }

export function createSenders(rights: Pick<ClientRights, 'of'>, addressOf: ClientAddress): Senders {
  const known = new WeakMap<Client, Sender>()
  return {
    of: (client) => {
      if (client === null) return nobody
      const now = rights.of(client.id) ?? noRights
      const found = known.get(client)
      if (found?.rights === now) return found
      const sender = { ...partsOf(client.id), rights: now, address: addressOf(client), way }
      known.set(client, sender)
      return sender
    },
  }
}
