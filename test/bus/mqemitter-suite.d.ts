/** The suite that mqemitter has for every emitter, written for the runner of Node.js; what we use of it. */
declare module 'mqemitter/abstractTest.js' {
  import type { Emitted, Emitter } from '../../src/bus/emitter.ts'

  interface SuiteContext {
    readonly assert: {
      ok(value: unknown, message?: string): void
      equal(found: unknown, wanted: unknown, message?: string): void
      deepEqual(found: unknown, wanted: unknown, message?: string): void
      ifError(error: unknown): void
    }
    plan(count: number): void
    fail(message: string): void
  }

  function abstractTests(options: {
    builder(): Emitter<Emitted>
    test(title: string, run: (t: SuiteContext) => Promise<void>): void
  }): void
  export = abstractTests
}
