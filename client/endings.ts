import type { Place } from './place.ts'
import type { Credentials } from './types.ts'

/** Why a connection ended or did not come about, and what the next one needs besides a pause. */
export interface Ending {
  readonly needs?: 'credentials' | 'mending' | undefined
  /** A sentence; it may end in the seconds to wait. */
  readonly why: string
}

/** Codes after which the same again is of no use: docs/clown-talk.md. */
const needsOfCode: Readonly<Record<number, Ending['needs']>> = {
  1002: 'mending',
  1007: 'mending',
  1009: 'mending',
  4400: 'mending',
  4401: 'credentials',
  4403: 'credentials',
}

export function endingOf(code: number, reason: string): Ending {
  return { needs: needsOfCode[code], why: reason || `the connection has ended (${code})` }
}

const away: Ending = { why: 'the hub cannot be reached' }

/** Of what a page is, the hub has told it nothing; that may change while it tries again. */
function foreign(): Ending {
  const origin = Reflect.get(globalThis, 'origin')
  return { why: `the hub does not let in pages of ${origin}: its http.origins has to list that` }
}

/** Why a websocket did not open. Browsers tell nobody, so the hub is asked in plain HTTP. */
export async function refusalOf(
  error: unknown,
  { talk, home }: Place,
  credentials: Credentials | undefined,
): Promise<Ending> {
  // The package ws tells the status.
  const [, known] = /response: (\d{3})$/.exec(String(Object(error).message)) ?? []
  if (known !== undefined) return endingOfStatus(Number(known), `the hub answers ${known}`)
  const url = new URL(talk)
  url.protocol = home.protocol
  try {
    const answer = await fetch(url)
    if (answer.status !== websocketsOnly) return await endingOfAnswer(answer)
    if (credentials !== undefined) return 'ticket' in credentials ? usedUp : away
    const session = await fetch(new URL('session', home), { credentials: 'include' })
    return session.ok ? away : await endingOfAnswer(session)
  } catch {
    const hasTicket = credentials !== undefined && 'ticket' in credentials
    // Whether anybody answers, if not what.
    return fetch(home, { mode: 'no-cors' }).then(
      () => (hasTicket ? usedUp : foreign()),
      () => away,
    )
  }
}

/** RFC 9110, 15.5.22: what the hub says to a plain request where it takes websockets. */
const websocketsOnly = 426

const usedUp: Ending = { needs: 'credentials', why: 'the ticket is used up, or too old' }

async function endingOfAnswer(answer: Response): Promise<Ending> {
  const seconds = answer.headers.get('Retry-After')
  const text = (await answer.text()).trim()
  return endingOfStatus(answer.status, seconds === null ? text : `${text}: again in ${seconds} s`)
}

/** RFC 9110, 15.5: what a client has to change, but for too many requests. */
function endingOfStatus(status: number, why: string): Ending {
  if (status === 401) return { needs: 'credentials', why }
  return { needs: status < 500 && status !== 429 ? 'mending' : undefined, why }
}
