/** A frame for all members of an audience. */
export interface LiveFrame {
  readonly text: string
  /** Set when a later frame on the same topic may take this one's place. */
  readonly topic: string | undefined
}

/** Frames that go together, each framed once for all who get them. */
export class Batch {
  readonly frames: readonly LiveFrame[]
  #bytes: Buffer | undefined

  constructor(frames: readonly LiveFrame[]) {
    this.frames = frames
  }

  /** All frames as a websocket carries them, for a single write. */
  get bytes(): Buffer {
    this.#bytes ??= framed(this.frames)
    return this.#bytes
  }
}

/** The batch of a single frame: the same one as before for the same frame, so that many are told the same. */
export function repeatedBatch(): (text: string, topic?: string) => Batch {
  let frame: LiveFrame = { text: '', topic: undefined }
  let batch = new Batch([frame])
  return (text, topic) => {
    if (text === frame.text && topic === frame.topic) return batch
    frame = { text, topic }
    batch = new Batch([frame])
    return batch
  }
}

function framed(frames: readonly LiveFrame[]): Buffer {
  const texts = frames.map(({ text }) => ({ text, length: Buffer.byteLength(text) }))
  const allBytes = texts.reduce((sum, { length }) => sum + headerBytes(length) + length, 0)
  const all = Buffer.allocUnsafe(allBytes)
  let at = 0
  for (const { text, length } of texts) {
    at = writeHeader(all, at, length)
    at += all.write(text, at)
  }
  return all
}

/** RFC 6455, 5.2: past these the length takes two bytes more, and eight. */
const longest = { inOneByte: 125, inTwoBytes: 65_535 }

function headerBytes(length: number): number {
  if (length <= longest.inOneByte) return 2
  return length <= longest.inTwoBytes ? 4 : 10
}

/** RFC 6455, 5.2: a text in one frame; 5.1: a server masks nothing. Answers where the text begins. */
function writeHeader(all: Buffer, start: number, length: number): number {
  const finalText = 0x81
  const at = all.writeUInt8(finalText, start)
  if (length <= longest.inOneByte) return all.writeUInt8(length, at)
  if (length <= longest.inTwoBytes) return all.writeUInt16BE(length, all.writeUInt8(126, at))
  return all.writeBigUInt64BE(BigInt(length), all.writeUInt8(127, at))
}
