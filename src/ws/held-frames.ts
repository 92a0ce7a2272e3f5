interface HeldFrame {
  readonly frame: string
  readonly bytes: number
  /** Set when a later frame on the same topic may take this one's place. */
  readonly topic: string | undefined
}

/** What a frame costs besides its text, so that many small ones count too. */
const overheadBytes = 64

/** Frames that wait for a slow reader, in order; a later one may take the place of an earlier one. */
export class HeldFrames {
  readonly #frames = new Map<number, HeldFrame>()
  /** The number of the latest frame of each topic. */
  readonly #latest = new Map<string, number>()
  #count = 0
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#frames.size === 0
  }

  /** Whether a frame of `topic` waits. */
  has(topic: string): boolean {
    return this.#latest.has(topic)
  }

  /** Puts `frame` last. */
  add(frame: string, topic: string | undefined): void {
    const bytes = Buffer.byteLength(frame) + overheadBytes
    const number = this.#count++
    this.#frames.set(number, { frame, bytes, topic })
    this.#bytes += bytes
    if (topic !== undefined) this.#latest.set(topic, number)
  }

  /** Takes away the latest frame of `topic`; answers whether there was one. */
  drop(topic: string): boolean {
    const number = this.#latest.get(topic) ?? -1
    return this.#remove(number) !== undefined
  }

  /** Keeps only the latest frame of each topic; answers how many it took away. */
  conflate(): number {
    const before = this.#frames.size
    for (const [number, { topic }] of this.#frames) {
      if (topic !== undefined && this.#latest.get(topic) !== number) this.#remove(number)
    }
    return before - this.#frames.size
  }

  /** Takes away the first frame and answers it. */
  take(): string | undefined {
    for (const number of this.#frames.keys()) return this.#remove(number)
    return undefined
  }

  clear(): void {
    this.#frames.clear()
    this.#latest.clear()
    this.#bytes = 0
  }

  #remove(number: number): string | undefined {
    const held = this.#frames.get(number)
    if (held === undefined) return undefined
    const { frame, topic, bytes } = held
    this.#frames.delete(number)
    this.#bytes -= bytes
    if (topic !== undefined && this.#latest.get(topic) === number) this.#latest.delete(topic)
    return frame
  }
}
