import { reasonOf } from '../core/errors.ts'
import type { DiskWatch } from './disk-watch.ts'
import type { Engine } from './store.ts'

export interface PatientOptions {
  readonly disk: Pick<DiskWatch, 'trouble' | 'nextLook'>
  /** From when on a write that cannot be done is given up. */
  readonly ending: AbortSignal
  /** Opens what was closed again. */
  open(): Promise<Engine>
}

/** An engine whose writes wait until they can be done. */
export interface PatientEngine extends Engine {
  /** Why nothing can be written now. */
  trouble(): string | undefined
}

/**
 * Lets writes wait while the disk has no room, and tries again each second what could not be written.
 * LevelDB is opened anew then: after an error its log may end with half a record, and what would be
 * written behind that would be lost the next time it is read.
 */
export function createPatientEngine(first: Engine, options: PatientOptions): PatientEngine {
  const { disk, ending } = options
  const engine = reopening(first, options.open)
  let failure: string | undefined
  const tryOnce = async (changes: Parameters<Engine['apply']>[0]) => {
    try {
      const current = await engine.current()
      await current.apply(changes)
      failure = undefined
    } catch (error) {
      // The path is for the log alone.
      const reason = reasonOf(error).replace(/^.*: /s, '')
      failure = `the store could not be written: ${reason}`
      await engine.renew()
      if (ending.aborted) throw error
      await disk.nextLook()
    }
  }
  return {
    ...first,
    get: async (key) => (await engine.current()).get(key),
    entries: async function* (prefix) {
      yield* (await engine.current()).entries(prefix)
    },
    clear: async (prefix) => (await engine.current()).clear(prefix),
    apply: async (changes) => {
      do {
        while (disk.trouble() !== undefined && !ending.aborted) await disk.nextLook()
        await tryOnce(changes)
      } while (failure !== undefined)
    },
    trouble: () => disk.trouble() ?? failure,
    close: engine.close,
  }
}

/** One engine after the other, never two at once. */
function reopening(first: Engine, open: () => Promise<Engine>) {
  let opened: Promise<Engine> | undefined = Promise.resolve(first)
  const begin = (from: () => Promise<Engine>) => {
    const opening = from()
    opened = opening
    opening.catch(() => {
      // Whoever needs it next tries again.
      opened = undefined
    })
    return opening
  }
  const closed = async (before: Promise<Engine> | undefined) => {
    const engine = await before?.catch(() => undefined)
    await engine?.close()
  }
  return {
    current: () => opened ?? begin(open),
    /** Does not throw: who asks for `current` next learns why it could not be opened. */
    renew: async () => {
      const before = opened
      await begin(() => closed(before).then(open)).catch(() => {})
    },
    close: () => closed(opened),
  }
}
