import type { IncomingMessage } from 'node:http'
import type { WebSocket } from 'ws'
import { credentialsIn, type Peer, tokenIn } from '../access/request-sign-in.ts'
import type { Credentials, SignIn, SignInResult } from '../access/sign-in.ts'
import { createTokenOwners } from '../access/tokens.ts'
import type { User, UserDirectory } from '../access/user.ts'
import { systemClock } from '../core/clock.ts'
import { HubError } from '../core/errors.ts'
import { parseJson } from '../core/json.ts'
import { errorPayload, errorTopic } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Dialect } from '../dialects/dialect.ts'
import type { Config } from '../generated/config.ts'
import { type CloseCode, closeCodes } from './close-codes.ts'

export interface MessageSignInOptions {
  readonly signIn: SignIn
  readonly directory: UserDirectory
  readonly limits: Readonly<
    Pick<Config['limits']['signIn'], 'firstMessageSeconds' | 'firstMessageBytes'>
  >
  readonly sampledLog: SampledLog
  peerOf(request: IncomingMessage): Peer
}

/** How a websocket came, and the language it speaks. */
export interface UnknownPeer {
  readonly request: IncomingMessage
  readonly dialect: Encoder
}

type Encoder = Pick<Dialect, 'encode'>

/**
 * Waits for the first message of a websocket and hands on the user it names, or closes it. Until then
 * nothing is sent, and a second message ends it.
 */
export type MessageSignIn = (
  websocket: WebSocket,
  peer: UnknownPeer,
  onUser: (user: User) => void,
) => void

const topic = '$hub/auth'

export function createMessageSignIn(options: MessageSignInOptions): MessageSignIn {
  const ownerOf = createTokenOwners(options.directory)
  const identify = async (
    frame: Buffer,
    { address, foreignOrigin }: Peer,
  ): Promise<MessageResult> => {
    const credentials = readFirstMessage(frame, ownerOf)
    if (credentials === undefined) return { refused: 'malformed' }
    return options.signIn(credentials, address, foreignOrigin)
  }
  return (websocket, { request, dialect }, onUser) => {
    const peer = options.peerOf(request)
    const settle = (result: MessageResult) => {
      // It may have been closed meanwhile, for saying more.
      if (websocket.readyState !== websocket.OPEN) return
      stop()
      if ('user' in result) {
        onUser(result.user)
        return
      }
      const { code, reason } = closeReasonOf(result)
      const error = new HubError('not-signed-in', reason)
      websocket.send(dialect.encode(errorTopic(topic), errorPayload(error)))
      websocket.close(code, reason)
    }
    const stop = expectOne(websocket, options, (frame) => {
      // A defect of ours must not end the hub.
      const fail = () =>
        websocket.close(closeCodes.defect.code, 'the hub could not sign anybody in')
      identify(frame, peer).then(settle).catch(fail)
    })
  }
}

/** What tells a websocket that it is signed in now. */
export function welcomeFrame(dialect: Encoder, { name }: User): string {
  const value = { user: name }
  return dialect.encode(`${topic}/ok`, Payload.ofValue(value))
}

type MessageResult = SignInResult | { readonly refused: 'malformed' }

/**
 * Takes the first message of a websocket, and closes one that sends none in time, too long a one, or
 * a second. Returns how to stop that.
 */
function expectOne(
  websocket: WebSocket,
  { limits, sampledLog }: MessageSignInOptions,
  take: (frame: Buffer) => void,
): () => void {
  const { firstMessageSeconds, firstMessageBytes } = limits
  let isTaken = false
  const fail = ({ code }: CloseCode, reason: string) => {
    sampledLog.warn('websocket-sign-in-refused', { reason }, 'a websocket did not sign in')
    stop()
    websocket.close(code, reason)
  }
  const receive = (frame: unknown) => {
    cancel()
    // Never anything but a buffer with the default binaryType.
    if (!isTaken && Buffer.isBuffer(frame) && frame.length <= firstMessageBytes) {
      isTaken = true
      take(frame)
      return
    }
    refuse()
  }
  const refuse = () =>
    fail(closeCodes.tooMuch, `expected one message of at most ${firstMessageBytes} bytes`)
  const stop = () => {
    cancel()
    websocket.off('message', receive)
    websocket.off('excess', refuse)
  }
  const expire = () => fail(closeCodes.tooLate, 'expected a first message sooner')
  const cancel = systemClock.after(firstMessageSeconds * 1000, expire)
  websocket.on('message', receive)
  websocket.on('excess', refuse)
  websocket.once('close', stop)
  return stop
}

/** A token comes without a user; it is given as the password of its owner. */
function readFirstMessage(
  frame: Buffer,
  ownerOf: (token: string) => User | undefined,
): Credentials | undefined {
  const parts = parseJson(frame)
  if (!Array.isArray(parts) || parts.length !== 2 || parts[0] !== topic) return undefined
  const token = tokenIn(parts[1])
  if (token === undefined) return credentialsIn(parts[1])
  return { user: ownerOf(token)?.name ?? '', password: token }
}

function closeReasonOf(result: Exclude<MessageResult, { user: unknown }>): {
  code: number
  reason: string
} {
  if (result.refused === 'malformed') {
    const { code } = closeCodes.noSignIn
    return { code, reason: `expected ["${topic}", {"user", "password"}] or {"token"}` }
  }
  if (!('retryAfterSeconds' in result)) {
    const { code } = closeCodes.refused
    const expected = result.refused === 'wrong' ? 'a user and a password, or a token,' : 'a token'
    return { code, reason: `refused: expected ${expected} of this hub` }
  }
  const later = `try again in ${result.retryAfterSeconds} s`
  return result.refused === 'throttled'
    ? { code: closeCodes.throttled.code, reason: `expected fewer wrong passwords: ${later}` }
    : { code: closeCodes.later.code, reason: `expected fewer sign-ins at once: ${later}` }
}
