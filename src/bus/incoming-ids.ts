/**
 * The ids of a client's QoS 2 messages whose PUBREL is awaited [MQTT-4.3.3-2]. They belong to its
 * session, which may see many connections; so past `window` the oldest is forgotten: a client that
 * keeps to the window of each connection is never past it.
 */
export class IncomingIds {
  readonly #ids = new Set<number>()
  readonly #window: number

  constructor(window: number) {
    this.#window = window
  }

  /** A message came; answers whether it came before. From now on it has. */
  arrived(id: number): boolean {
    if (this.#ids.has(id)) return true
    this.#ids.add(id)
    for (const oldest of this.#ids) {
      if (this.#ids.size <= this.#window) break
      this.#ids.delete(oldest)
    }
    return false
  }

  /** PUBREL came; answers whether its message had. */
  released(id: number): boolean {
    return this.#ids.delete(id)
  }
}
