/** Gives a key its value, or takes it away. */
export interface Change {
  readonly key: string
  /** Not changed by anybody from now on; undefined removes the key. */
  readonly value: Buffer | undefined
}

export type Entry = readonly [key: string, value: Buffer]

/**
 * What the hub keeps: values by key, on disk or in memory. Keys are well-formed text that begins with
 * the name of whose they are, and a slash: `node/nodes/bridge/0`.
 */
export interface Store {
  /** Whether what was written is there again when the hub starts again. */
  readonly isLasting: boolean
  /** What was written; a value that is on its way to the disk is not there yet. */
  get(key: string): Promise<Buffer | undefined>
  /** All whose keys begin with `prefix`, in the order of their bytes, as they are at the first step. */
  entries(prefix: string): AsyncIterable<Entry>
  /**
   * Resolves when the changes are on disk, in the order of the calls; rejects when none of them is.
   * All changes of one turn of the event loop come there together or not at all; without any it
   * resolves when those before are there. Nobody has to catch the rejection.
   *
   * @throws HubError `cannot-write-store`
   */
  write(changes: readonly Change[]): Promise<void>
  /**
   * Takes away all whose keys begin with `prefix`, which ends with a slash, and gives back their room.
   * Not in order with what is written.
   *
   * @throws HubError `cannot-write-store`
   */
  clear(prefix: string): Promise<void>
  /** Waits for what is being written. Nothing may be asked of the store afterwards. */
  close(): Promise<void>
}

/** Changes by key: of several, the last one. */
export type Changes = ReadonlyMap<string, Buffer | undefined>

/** What a store keeps its values in. */
export interface Engine extends Pick<Store, 'isLasting' | 'get' | 'entries' | 'clear' | 'close'> {
  /** Resolves when all changes are on disk; is not called again before. */
  apply(changes: Changes): Promise<void>
}

/** Under this key a store keeps its own format: how keys and values are to be read. */
export const formatKey = 'format'
