import { closest, distance } from 'fastest-levenshtein'

/**
 * Every error a client, an operator or an embedding program can meet. Codes are stable: programs
 * decide by them. docs/errors.md says of each what to do, and a test compares the two.
 */
export const errorCodes = {
  'bad-frame': 'a frame or line is not ["topic", payload] or ["topic", payload, object]',
  'bad-topic': 'a topic breaks the rules: wildcards, control characters, $ at its start, no text',
  'topic-too-big': 'a topic has more bytes or levels than the hub takes',
  'bad-payload': 'a command breaks the JSON Schema of its kind',
  'bad-query': 'the part of a URL after the ? asks for something that is not served',
  forbidden: 'no rule of the user allows this: to publish here, or to subscribe to this',
  'too-fast': 'a client sends more than it may, or a device is commanded more often than it may be',
  'too-large': 'a message has more bytes than the hub takes, or than its reader does',
  'too-many': 'there are as many of something as the hub keeps',
  interlocked: 'a command would turn on a device while another one of its group may be on',
  locked: 'an operator has locked the device, for the reason that is given',
  'node-offline': 'the node of a commanded device is known to be away; nothing was sent',
  'without-effect':
    'a device says that it is on, and what its rule names as proof says that it is not',
  'still-has-power':
    'a device says that it is off, and what its rule names as proof says that it is not',
  'refused-by-device':
    'a device, or the gateway in front of it, has said that it does not do what was asked',
  'state-unknown':
    'the state of a device is not known: it has not reported since its node started or came back, or since the hub started',
  'unknown-device': 'a node that has listed its devices has none of the commanded name',
  'bus-away': 'the broker beside which the hub runs cannot be reached; nothing was sent',
  'bridge-away':
    'a command is for a device beyond a bridge whose broker cannot be reached; nothing was sent',
  'no-owner': 'of several hubs the one that commands was not there, or did not answer in time',
  'hub-ends': 'a command waited for its turn when the hub ended; nothing was sent',
  'not-served': 'the configuration has no entry for what was asked for',
  banned:
    'an admin has banned the address, the user or the client id, for the reason that is given',
  'wrong-password': 'who changes a password did not give the one there is, or no right code',
  'not-in-users-file': 'a user is in no users file, where the hub could change or remove it',
  'unknown-user': 'there is no user of this name, and nothing is kept of one',
  'not-set-up': 'the hub has no users yet: who has the link that it printed makes the first one',
  'setup-over': 'a link to set up the hub is another one, was used, or is too old',
  'code-needed':
    'a right password came without the code of an authenticator app that belongs to it',
  'not-signed-in': 'a first message does not say who it is from, or the hub does not know them',
  'unknown-node': 'no node has this base, or none of which the user may read anything',
  'bad-command-line': 'a command of clown-hub was called with arguments it does not know',
  'bad-config': 'the configuration, or a CLOWN_… variable, breaks its JSON Schema',
  'unreadable-file': 'a file named on the command line or in the configuration cannot be read',
  'unwritable-file': 'a file cannot be written',
  'exposed-secret': 'a file that holds secrets can be read by more than its owner',
  'cannot-open-store': 'the data folder cannot be opened, mostly because another hub has it',
  'cannot-read-store': 'the data folder cannot be read, mostly because its disk is damaged',
  'cannot-write-store': 'the data folder cannot be written, mostly because its disk is full',
  'missing-package': 'a package of npm is needed that is not installed, or not all of it',
  'not-ended': 'a part of the hub did not end in time, mostly because its disk stands still',
  'cannot-listen': 'an address or port cannot be opened, mostly because it is in use',
  'cannot-connect': 'another program, such as an MQTT broker, cannot be reached or refuses us',
} as const

export type ErrorCode = keyof typeof errorCodes

/** A code that this release does not know is none. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorCodes, code)
}

/** An error with a stable code and one sentence that says what was expected and what came. */
export class HubError extends Error {
  override readonly name = 'HubError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Why a message of `bytes` was lost: there are more than `mostBytes`, or others hold too much of the memory. */
export function tooLarge(bytes: number, mostBytes: number): HubError {
  const sentence =
    bytes > mostBytes
      ? `expected a message of at most ${mostBytes} bytes, got ${bytes}`
      : `expected room for a message of ${bytes} bytes, got none: others hold too much of it`
  return new HubError('too-large', sentence)
}

/** The first 40 characters of `text` for an error message, quoted, control characters escaped. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}

/** The message of anything that was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** The code of a system error such as `EADDRINUSE`, or of one of ours; undefined when it has none. */
export function systemCodeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
}

/**
 * Which of `known` somebody most likely meant by `text`; undefined when none is near: a far one would only
 * lead astray. Two letters in the wrong order are one mistake.
 */
export function nearest(text: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined
  const found = closest(text, known)
  const mistakes = distance(text, found) - (lettersOf(text) === lettersOf(found) ? 1 : 0)
  return mistakes <= Math.max(1, Math.floor(found.length / 3)) ? found : undefined
}

function lettersOf(text: string): string {
  return [...text].sort().join('')
}
