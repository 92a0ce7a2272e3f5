/** The package keeps its types in another folder than the file they describe; what we use of them. */
declare module 'aedes-persistence/asyncPersistence.js' {
  import type { Readable } from 'node:stream'

  class MemoryPersistence {
    createRetainedStream(filter: string): Readable
  }
  export = MemoryPersistence
}
