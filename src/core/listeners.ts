/** Those who want to be told when something happens. */
export interface Listeners<Arguments extends unknown[]> {
  /** Calls `listener` from now on; the answer ends that. */
  add(listener: (...told: Arguments) => void): () => void
  readonly size: number
  /** Calls each of them, in the order they came. */
  tell(...told: Arguments): void
}

export function createListeners<Arguments extends unknown[]>(): Listeners<Arguments> {
  const listeners = new Set<(...told: Arguments) => void>()
  return {
    get size() {
      return listeners.size
    },
    add: (listener) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    tell: (...told) => {
      for (const listener of listeners) listener(...told)
    },
  }
}
