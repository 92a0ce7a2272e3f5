import type { Duplex } from 'node:stream'

/** What has come and gone in one language since the start, and how many have a link now. */
export class LinkTraffic {
  messagesReceived = 0
  messagesSent = 0
  links = 0
  readonly #sockets = new Set<Duplex>()
  /** Of sockets that are closed. */
  readonly #closed = { bytesRead: 0, bytesWritten: 0 }

  /** Counts what goes over `socket`, which counts its bytes itself, until it is closed. */
  follow(socket: Duplex): void {
    this.links++
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.links--
      this.#sockets.delete(socket)
      this.#closed.bytesRead += bytesOf(socket, 'bytesRead')
      this.#closed.bytesWritten += bytesOf(socket, 'bytesWritten')
    })
  }

  get bytesReceived(): number {
    return this.#sum('bytesRead')
  }

  get bytesSent(): number {
    return this.#sum('bytesWritten')
  }

  #sum(counter: Counter): number {
    let sum = this.#closed[counter]
    for (const socket of this.#sockets) sum += bytesOf(socket, counter)
    return sum
  }
}

type Counter = 'bytesRead' | 'bytesWritten'

/** A socket has both, also a closed one. */
function bytesOf(socket: Duplex, counter: Counter): number {
  return Number(Reflect.get(socket, counter))
}

/** The traffic of each language, by what carries it. */
export interface LinkTraffics {
  of(transport: LinkTransport, language: string): LinkTraffic
  all(): Iterable<KindOfLink>
}

type LinkTransport = 'websocket' | 'http'

/** The traffic of the links of one kind. */
export interface KindOfLink {
  readonly transport: LinkTransport
  readonly language: string
  readonly traffic: LinkTraffic
}

export function createLinkTraffics(): LinkTraffics {
  const kinds = new Map<string, KindOfLink>()
  return {
    of: (transport, language) => {
      const key = `${transport} ${language}`
      const kind = kinds.get(key) ?? { transport, language, traffic: new LinkTraffic() }
      kinds.set(key, kind)
      return kind.traffic
    },
    all: () => kinds.values(),
  }
}
