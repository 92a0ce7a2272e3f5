import { isDeepStrictEqual } from 'node:util'
import type { Hubs } from '../../bus/foreign/hubs.ts'
import { isRecord } from '../../core/json.ts'
import type { ShareTable, TakingTable } from '../../store/stored-table.ts'

/** What several hubs know alike of devices: locks, last switches, what is to be turned off, names. */
export interface SharedGuard {
  readonly share: ShareTable
  /** This hub commands from now on: what nobody has told of yet is told by it. */
  takeOver(): void
}

/**
 * The owner tells it for each device whenever it changes, before a command leaves that changes it; the others take it as it
 * is told. So whoever owns next knows it.
 */
export function createSharedGuard(hubs: Pick<Hubs, 'keep' | 'onKept'>): SharedGuard {
  const tables = new Map<string, TakingTable>()
  const told = new Set<string>()
  const tell = (device: string) => {
    told.add(device)
    hubs.keep(device, Object.fromEntries([...tables].map(([name, { get }]) => [name, get(device)])))
  }
  hubs.onKept((device, value) => {
    told.add(device)
    for (const [name, table] of tables) {
      const known = isRecord(value) ? value[name] : undefined
      if (!isDeepStrictEqual(known, table.get(device))) table.take(device, known)
    }
  })
  return {
    share: (name, table) => {
      tables.set(name, table)
      return tell
    },
    takeOver: () => {
      const mine = new Set([...tables.values()].flatMap(({ keys }) => [...keys()]))
      for (const device of mine) if (!told.has(device)) tell(device)
    },
  }
}
