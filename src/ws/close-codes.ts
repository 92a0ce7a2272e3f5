/** What the end of a websocket tells its client. */
export interface CloseCode {
  readonly code: number
  /** When the hub closes a websocket so. */
  readonly when: string
  /** What its client should do. */
  readonly advice: string
}

/**
 * All codes a websocket of the hub is closed with; docs/clown-talk.md shows this table. Those below 4000 are of RFC
 * 6455, 7.4.1, and of its registry at IANA; those from 4000 are ours, and end like the HTTP status they stand for.
 */
export const closeCodes = {
  stopping: {
    code: 1012,
    when: 'the hub stops, perhaps to start again',
    advice: 'connect again after the pause that the reason says, which is another one for each',
  },
  protocol: {
    code: 1002,
    when: 'a frame breaks the rules of RFC 6455',
    advice: 'fix the program',
  },
  notText: { code: 1007, when: 'a text is not UTF-8', advice: 'fix the program' },
  tooMuch: {
    code: 1008,
    when: 'too much was sent for too long while memory was short, or more than one message before signing in',
    advice: 'send less, then connect again',
  },
  tooBig: {
    code: 1009,
    when: 'a frame has more than 256 MiB; smaller ones that are too large are lost alone',
    advice: 'send smaller ones',
  },
  defect: {
    code: 1011,
    when: 'the hub has a defect',
    advice: 'connect again after a pause, and report it',
  },
  later: {
    code: 1013,
    when: 'too much waits to be read, or too many connections or sign-ins are there at once',
    advice: 'connect again after a pause, which grows from time to time',
  },
  noSignIn: {
    code: 4400,
    when: 'the first message is none that signs in',
    advice: 'fix the program',
  },
  signedOut: {
    code: 4401,
    when: 'nobody is signed in any more; the reason is `signed-out` or `expired`',
    advice: 'sign in again, by asking the user',
  },
  refused: {
    code: 4403,
    when: 'the first message has a wrong user, password or token, or an admin has banned the user',
    advice: 'ask for others; the same again is of no use',
  },
  tooLate: {
    code: 4408,
    when: 'no first message came in time',
    advice: 'connect again, and sign in at once',
  },
  throttled: {
    code: 4429,
    when: 'too many wrong passwords were given',
    advice: 'wait as long as the reason says',
  },
} satisfies Readonly<Record<string, CloseCode>>
