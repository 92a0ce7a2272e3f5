import type { Duplex } from 'node:stream'
import { guarded } from '../core/guard.ts'

/** How large messages may be. */
export interface MessageLimit {
  /** Bytes of one message, all its fragments together. */
  readonly messageBytes: number
  /**
   * Whether so many bytes may be kept of a message that has not come to its end; if not, it is read past. 0 is
   * told when nothing is kept any more.
   */
  mayKeep(bytes: number): boolean
  /** A message of so many bytes has come to its end, and was read past. */
  onExcess(bytes: number): void
}

export interface WholeMessagesOptions {
  /**
   * Without it there is no message to wait for, as where websockets carry a stream: what comes of one
   * passes at once, as a message of its own.
   */
  readonly limit?: MessageLimit | undefined
  /** So many fragments came of less than 512 bytes each. */
  onFragments(count: number): void
}

/** More than any program puts into one frame, or MQTT into a packet: past it the websocket is closed with 1009. */
export const largestFrameBytes = 256 * 1024 * 1024

/** A fragment with fewer bytes costs more to look at than to send. */
const smallBytes = 512

const nothing = Buffer.alloc(0)
const maskBytes = 4

const opcodes = { continuation: 0, binary: 2, close: 8, pong: 10 }

/** RFC 6455, 5.2: what stands before the payload of a frame. */
interface Head {
  readonly isFinal: boolean
  readonly opcode: number
  readonly bytes: number
  readonly payloadBytes: number
  /** Whether it keeps the rules, as far as it can be told from here. */
  readonly isSound: boolean
}

/** A message that came not, or not yet, in one whole frame. */
interface Message {
  readonly opcode: number
  /** What its frames so far announce. */
  bytes: number
  /** Room for what came, and perhaps for more; undefined from where it is read past. */
  kept: Buffer | undefined
  keptBytes: number
}

/** A frame of which the head has come. */
interface Frame {
  readonly message: Message
  readonly isFinal: boolean
  readonly mask: Buffer
  readonly payloadBytes: number
  readBytes: number
}

/**
 * Stands before the parser of a websocket and hands it whole messages, each in one frame: those that come
 * in pieces are put together here, and those that are too large are left out. So a message may be lost
 * where the parser, which knows no other way, would end the connection. Whole frames pass as they are; so
 * does whatever breaks the rules, for the parser to refuse.
 */
export class WholeMessages {
  readonly #options: WholeMessagesOptions
  readonly #mostBytes: number
  /** The beginning of a frame that cannot be read yet: a head, or a short control frame. */
  #unread: Buffer = nothing
  #frame: Frame | undefined
  #message: Message | undefined
  #passed: Buffer[] = []
  #smallFragments = 0
  #isBroken = false

  constructor(options: WholeMessagesOptions) {
    this.#options = options
    this.#mostBytes = options.limit?.messageBytes ?? Number.POSITIVE_INFINITY
  }

  /** Whether the next bytes of the socket are for the parser as they are, and all of them: mostly so. */
  passes(chunk: Buffer): boolean {
    const isBetweenMessages = this.#frame === undefined && this.#message === undefined
    if (!isBetweenMessages || this.#unread.length > 0 || this.#isBroken) return false
    return this.#endOfWholeFrames(chunk, 0) === chunk.length
  }

  /** Takes the next bytes of the socket, which it may change, and returns those for the parser. */
  read(chunk: Buffer): Buffer[] {
    const bytes = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk])
    this.#unread = nothing
    this.#passed = []
    for (let at = 0; at < bytes.length; ) at = this.#readOn(bytes, at)
    if (this.#options.limit === undefined && this.#message !== undefined) this.#pass(this.#message)
    if (this.#smallFragments > 0) this.#options.onFragments(this.#smallFragments)
    this.#smallFragments = 0
    return this.#passed
  }

  #readOn(bytes: Buffer, at: number): number {
    if (this.#frame !== undefined) return this.#readPayload(this.#frame, bytes, at)
    const end = this.#isBroken ? bytes.length : this.#endOfWholeFrames(bytes, at)
    if (end > at) this.#passed.push(bytes.subarray(at, end))
    return end > at ? end : this.#readHead(bytes, at)
  }

  /** Where the frames end that pass as they are. */
  #endOfWholeFrames(bytes: Buffer, start: number): number {
    let at = start
    for (let head = headAt(bytes, at); head !== undefined; head = headAt(bytes, at)) {
      const end = at + head.bytes + head.payloadBytes
      if (end > bytes.length || !this.#isWhole(head)) break
      at = end
    }
    return at
  }

  #isWhole({ isSound, isFinal, opcode, payloadBytes }: Head): boolean {
    if (!isSound || opcode >= opcodes.close) return isSound
    if (!isFinal || opcode === opcodes.continuation || this.#message !== undefined) return false
    return payloadBytes <= this.#mostBytes
  }

  #readHead(bytes: Buffer, at: number): number {
    const head = headAt(bytes, at)
    const isControl = head !== undefined && head.opcode >= opcodes.close
    if (head === undefined || (head.isSound && isControl)) {
      // It holds on to nothing else of the chunk.
      this.#unread = Buffer.from(bytes.subarray(at))
      return bytes.length
    }
    const isContinuation = head.opcode === opcodes.continuation
    if (!head.isSound || isContinuation !== (this.#message !== undefined)) {
      // A message inside another one: the parser, which knows of no other, has to be shown what is wrong.
      if (head.isSound && !isContinuation) this.#passed.push(headOf(opcodes.continuation, 0))
      this.#isBroken = true
      this.#message = undefined
      return at
    }
    return this.#startFrame(head, bytes, at + head.bytes)
  }

  #startFrame({ isFinal, opcode, payloadBytes }: Head, bytes: Buffer, at: number): number {
    this.#message ??= { opcode, bytes: 0, kept: nothing, keptBytes: 0 }
    const message = this.#message
    message.bytes += payloadBytes
    if (message.bytes > this.#mostBytes) this.#readPast(message)
    const isFragment = !isFinal || opcode === opcodes.continuation
    if (isFragment && payloadBytes < smallBytes) this.#smallFragments++
    const mask = Buffer.from(bytes.subarray(at - maskBytes, at))
    this.#frame = { message, isFinal, mask, payloadBytes, readBytes: 0 }
    return this.#readPayload(this.#frame, bytes, at)
  }

  #readPayload(frame: Frame, bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + frame.payloadBytes - frame.readBytes)
    this.#take(frame, bytes.subarray(at, end))
    frame.readBytes += end - at
    if (frame.readBytes < frame.payloadBytes) return end
    this.#frame = undefined
    if (frame.isFinal) this.#finish(frame.message)
    return end
  }

  #take(frame: Frame, piece: Buffer): void {
    const { message } = frame
    if (piece.length === 0 || message.kept === undefined) return
    unmask(piece, frame)
    message.kept = this.#withRoom(message, message.kept, piece.length)
    if (message.kept === undefined) this.#readPast(message)
    else message.keptBytes += piece.copy(message.kept, message.keptBytes)
  }

  /** `kept`, or a larger one. Room grows with what has come: what is only announced takes none. */
  #withRoom({ keptBytes }: Message, kept: Buffer, more: number): Buffer | undefined {
    const neededBytes = keptBytes + more
    if (neededBytes <= kept.length) return kept
    const room = Math.max(neededBytes, Math.min(2 * kept.length, this.#mostBytes))
    if (this.#options.limit?.mayKeep(room) === false) return undefined
    const larger = Buffer.allocUnsafe(room)
    kept.copy(larger, 0, 0, keptBytes)
    return larger
  }

  #readPast(message: Message): void {
    message.kept = undefined
    this.#options.limit?.mayKeep(0)
  }

  #finish(message: Message): void {
    const { limit } = this.#options
    this.#message = undefined
    if (message.kept === undefined) limit?.onExcess(message.bytes)
    else {
      limit?.mayKeep(0)
      this.#pass(message)
    }
  }

  /** Passes what there is of a message, and begins it anew. */
  #pass(message: Message): void {
    const { opcode, kept = nothing, keptBytes } = message
    if (keptBytes > 0 || this.#options.limit !== undefined) {
      this.#passed.push(headOf(opcode, keptBytes), kept.subarray(0, keptBytes))
    }
    Object.assign(message, { kept: nothing, keptBytes: 0 })
  }
}

/** The head that begins at `at`; undefined when some of it is missing. */
function headAt(bytes: Buffer, at: number): Head | undefined {
  if (at + 2 > bytes.length) return undefined
  const first = bytes.readUInt8(at)
  const second = bytes.readUInt8(at + 1)
  const short = second & 127
  const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8
  const isMasked = second >= 128
  const headBytes = 2 + lengthBytes + (isMasked ? maskBytes : 0)
  if (at + headBytes > bytes.length) return undefined
  const payloadBytes = lengthBytes === 0 ? short : lengthAt(bytes, at + 2, lengthBytes)
  const isFinal = first >= 128
  const opcode = first & 15
  const isControl = opcode >= opcodes.close
  const isKnown = opcode <= (isControl ? opcodes.pong : opcodes.binary)
  const hasRightLength = isControl
    ? isFinal && payloadBytes < 126
    : payloadBytes <= largestFrameBytes
  // No bit is set that an extension would have to explain.
  const isPlain = (first & 0x70) === 0
  const isSound = isMasked && isKnown && hasRightLength && isPlain
  return { isFinal, opcode, bytes: headBytes, payloadBytes, isSound }
}

function lengthAt(bytes: Buffer, at: number, lengthBytes: number): number {
  if (lengthBytes === 2) return bytes.readUInt16BE(at)
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
}

/** The head of a whole message; four zeros are a mask that changes nothing. */
function headOf(opcode: number, payloadBytes: number): Buffer {
  const lengthBytes = payloadBytes < 126 ? 0 : payloadBytes < 65_536 ? 2 : 4
  const head = Buffer.alloc(2 + (lengthBytes === 4 ? 8 : lengthBytes) + maskBytes)
  head.writeUInt8(128 | opcode, 0)
  head.writeUInt8(128 | (lengthBytes === 0 ? payloadBytes : lengthBytes === 2 ? 126 : 127), 1)
  if (lengthBytes > 0)
    head.writeUIntBE(payloadBytes, head.length - maskBytes - lengthBytes, lengthBytes)
  return head
}

/** RFC 6455, 5.3, for the next bytes of a frame. */
function unmask(piece: Buffer, { mask, readBytes }: Frame): void {
  for (let at = 0; at < piece.length; at++) {
    // Both are there; a checked read takes five times as long.
    piece[at] = Number(piece[at]) ^ Number(mask[(readBytes + at) & 3])
  }
}

/**
 * Lets a socket hand on what `messages` leave of its bytes: first `early`, those that have been read
 * already. What is left out is not read either while the socket is paused, though nothing of it waits.
 */
export function readWholeMessages(socket: Duplex, early: Buffer, messages: WholeMessages): void {
  const push = socket.push.bind(socket)
  let isStopped = false
  const handOn = (pieces: readonly Buffer[]) => {
    isStopped = pieces.length === 0 && socket.isPaused()
    if (isStopped) return false
    let wantsMore = true
    // Without a piece the socket has to be asked for more.
    for (const piece of pieces.length > 0 ? pieces : [nothing]) wantsMore = push(piece)
    return wantsMore
  }
  socket.push = (chunk: unknown) => {
    // What is no bytes is the end.
    if (!Buffer.isBuffer(chunk)) return push(chunk)
    let wantsMore = false
    const take = () => {
      wantsMore = handOn(messages.passes(chunk) ? [chunk] : messages.read(chunk))
    }
    guarded(take, () => socket.destroy())
    return wantsMore
  }
  socket.on('resume', () => {
    if (isStopped) push(nothing)
    isStopped = false
  })
  if (early.length > 0) socket.unshift(Buffer.concat(messages.read(early)))
}
