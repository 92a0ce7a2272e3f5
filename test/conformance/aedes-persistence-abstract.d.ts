/** The package has no types for its tests. */
declare module 'aedes-persistence/abstract.js' {
  import type { test } from 'node:test'

  function abstractPersistence(options: {
    readonly test: typeof test
    readonly persistence: () => Promise<object>
    readonly testAsync: boolean
  }): void
  export = abstractPersistence
}
