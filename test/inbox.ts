/** Collects what arrives, and lets a test wait for what it expects, past or still to come. */
export interface Inbox<T> {
  /** Everything that came so far. */
  readonly items: readonly T[]
  put(item: T): void
  /** The first item that `matches` and that no other call had, waiting up to 90 seconds for it. */
  next(matches?: (item: T) => boolean): Promise<T>
}

export function createInbox<T>(): Inbox<T> {
  const items: T[] = []
  const untaken: T[] = []
  const waiting = new Set<() => void>()
  return {
    items,
    put: (item) => {
      items.push(item)
      untaken.push(item)
      for (const look of waiting) look()
    },
    next: (matches = () => true) =>
      new Promise((resolve, reject) => {
        const deadline = setTimeout(() => {
          waiting.delete(look)
          reject(
            new Error(`expected another one within 90 seconds, got\n${items.map(show).join('\n')}`),
          )
        }, 90_000)
        const look = () => {
          const at = untaken.findIndex(matches)
          if (at === -1) return
          clearTimeout(deadline)
          waiting.delete(look)
          for (const item of untaken.splice(at, 1)) resolve(item)
        }
        waiting.add(look)
        look()
      }),
  }
}

function show(item: unknown): string {
  return typeof item === 'string' ? item : JSON.stringify(item)
}
