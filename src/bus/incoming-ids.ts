import { noNotes, type SessionNotes } from './session-records.ts'

/**
 * The ids of a client's QoS 2 messages whose PUBREL is awaited [MQTT-4.3.3-2]. They belong to its
 * session, which may see many connections; so past `window` the oldest is forgotten: a client that
 * keeps to the window of each connection is never past it.
 */
export class IncomingIds {
  readonly #ids = new Set<number>()
  readonly #window: number
  readonly #notes: Pick<SessionNotes, 'unreleased' | 'released'>

  constructor(window: number, notes: Pick<SessionNotes, 'unreleased' | 'released'> = noNotes) {
    this.#window = window
    this.#notes = notes
  }

  /** Takes over the ids of an earlier hub, which has noted them. */
  restore(ids: Iterable<number>): void {
    for (const id of ids) this.#ids.add(id)
  }

  /** A message came; answers whether it came before. From now on it has. */
  arrived(id: number): boolean {
    if (this.#ids.has(id)) return true
    this.#ids.add(id)
    this.#notes.unreleased(id)
    for (const oldest of this.#ids) {
      if (this.#ids.size <= this.#window) break
      this.released(oldest)
    }
    return false
  }

  /** PUBREL came; answers whether its message had. */
  released(id: number): boolean {
    if (!this.#ids.delete(id)) return false
    this.#notes.released(id)
    return true
  }

  /** Forgets all of them. */
  clear(): void {
    for (const id of this.#ids) this.released(id)
  }
}
