/**
 * A stream of bytes to another system, by TCP or by a serial line: messages of text, as its language cuts them out of what
 * comes.
 */
import { fork } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { extname } from 'node:path'
import { Duplex } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { fileURLToPath } from 'node:url'
import type { AlarmClock } from '../core/clock.ts'
import { HubError, quote, reasonOf, systemCodeOf } from '../core/errors.ts'
import { guardEvents } from '../core/guard.ts'
import { resetConnection } from '../core/reset.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import { commandMs, sentenceOnFailure } from './far-http.ts'
import type { LinkEnding } from './upstream.ts'

export interface FarStreamOptions {
  readonly clock: AlarmClock
  readonly url: URL
  readonly stream: Duplex
  /** Emitted when it is open. */
  readonly openEvent: 'connect' | 'open'
  /** Whole messages, and what is left for the next one. */
  cut(text: string): { readonly messages: readonly string[]; readonly rest: string }
}

export interface FarStreamEvents {
  opened(): void
  said(text: string): void
  gone(ending: LinkEnding): void
}

/** A message that is longer never ends. */
const mostBytes = 65_536

/** So many are read, and no more: who sends faster waits. */
const rate = { perSecond: 5000, burst: 20_000 }

const openMs = 10_000

export class FarStream {
  readonly #options: FarStreamOptions
  readonly #events: FarStreamEvents
  readonly #bucket: TokenBucket
  /** Half a character may have come, whose other half is on its way. */
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''
  #heardMs = 0
  #isOver = false
  #stopProbe: () => void

  constructor(options: FarStreamOptions, events: FarStreamEvents) {
    const { clock, url, stream, openEvent } = options
    this.#options = options
    this.#events = events
    this.#bucket = new TokenBucket({ ...rate, now: clock.nowMs })
    this.#stopProbe = clock.after(openMs, () => {
      this.end(`expected ${quote(url.href)} to answer: nothing answers there`)
    })
    guardEvents(stream)
      .once(openEvent, () => {
        this.#stopProbe()
        this.#events.opened()
      })
      .on('data', (bytes: Buffer) => this.#heard(bytes))
      .on('error', (error) => this.#gone({ reason: sentenceOnFailure(error, url) }))
      .on('close', () => this.#gone({ reason: 'it has closed the connection' }))
  }

  send(text: string): void {
    if (!this.#isOver) this.#options.stream.write(text)
  }

  /** The same of what switches something: where nothing is said after it, it is not to arrive later either. */
  command(text: string): void {
    this.send(text)
    this.#stopProbe()
    const sentMs = this.#options.clock.nowMs()
    this.#stopProbe = this.#options.clock.after(commandMs, () => {
      if (this.#heardMs < sentMs) this.end('expected an answer to a command, nothing came')
    })
  }

  /** Ends it at once: what has not arrived yet never does. Tells `reason`, if there is one. */
  end(reason?: string): void {
    if (reason === undefined) this.#isOver = true
    else this.#gone({ reason })
    this.#stopProbe()
    resetConnection(this.#options.stream)
    this.#options.stream.destroy()
  }

  #gone(ending: LinkEnding): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stopProbe()
    this.#events.gone(ending)
  }

  #heard(bytes: Buffer): void {
    const { clock, stream, cut } = this.#options
    this.#heardMs = clock.nowMs()
    const { messages, rest } = cut(this.#rest + this.#decoder.write(bytes))
    this.#rest = rest
    for (const message of messages) if (!this.#isOver) this.#events.said(message)
    if (rest.length > mostBytes) this.end(`expected at most ${mostBytes} bytes, got more`)
    this.#bucket.spend(messages.length)
    const waitMs = this.#bucket.waitMs()
    if (waitMs === 0) return
    stream.pause()
    clock.after(waitMs, () => stream.resume())
  }
}

interface SerialLine {
  /** `/dev/ttyACM0`, or `COM3` on Windows. */
  readonly path: string
  readonly baudRate: number
}

/**
 * A serial line that begins to open: 8 bits, no parity, one stop bit, no flow control, for us alone. It is held by a process
 * of its own, which is killed when the stream is destroyed, and ends when this one does: see `serial-port.ts`.
 *
 * @throws HubError `cannot-connect` for a line that is not there, or may not be opened.
 */
export function openSerialLine({ path, baudRate }: SerialLine): Duplex {
  checkLine(path)
  const program = new URL(`serial-port${extname(import.meta.url)}`, import.meta.url)
  const child = guardEvents(
    fork(fileURLToPath(program), [path, String(baudRate)], {
      stdio: ['pipe', 'pipe', 'ignore', 'ipc'],
    }),
  )
  const { stdin, stdout } = child
  const stream = Duplex.from({ readable: stdout, writable: stdin })
  child
    .on('message', (said) => {
      if (said === 'open') stream.emit('open')
      else stream.destroy(new Error(sentenceOf(String(said))))
    })
    .on('error', (error) => stream.destroy(error))
    .on('exit', () => stream.destroy())
  return stream.once('close', () => child.kill('SIGKILL'))
}

/** Before a process is started for nothing, once a minute. */
function checkLine(path: string): void {
  if (!path.startsWith('/')) return
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
  } catch (error) {
    const hint = lineHints[String(systemCodeOf(error))] ?? reasonOf(error)
    throw new HubError('cannot-connect', `expected a serial line at ${quote(path)}: ${hint}`)
  }
}

const lineHints: Readonly<Record<string, string>> = {
  ENOENT: 'nothing is plugged in there',
  EACCES: 'the hub may not open it, its user has to be in the group of it (ls -l)',
}

/** The package is optional: most hubs have no serial line. */
function sentenceOf(said: string): string {
  return said.startsWith("Cannot find module 'serialport'")
    ? 'the package for it is missing: npm install serialport'
    : said
}
