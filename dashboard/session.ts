/** Who is signed in, by the cookie that the hub has given this browser. */
import { signal } from '@preact/signals'
import { ApiError, getJson, postJson } from './api.ts'

/** `asking` until the hub has said who it is; `away` when it does not answer. */
export type Session =
  | { readonly is: 'asking' }
  | { readonly is: 'away' }
  /** The hub has no users yet. */
  | { readonly is: 'not-set-up' }
  | { readonly is: 'out'; readonly why?: Why }
  | SignedIn

interface SignedIn {
  readonly is: 'in'
  readonly user: string
  readonly role: string | null
  /** There for who looks by a link. */
  readonly share?: { readonly title: string; readonly until: string }
}

export const session = signal<Session>({ is: 'asking' })

type Why = 'signed-out' | 'expired'

/** Asks the hub who is signed in; `why` is what is told to whoever is so no more. */
export async function refreshSession(why?: Why): Promise<void> {
  try {
    session.value = { is: 'in', ...(await getJson<Omit<SignedIn, 'is'>>('session')) }
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) endSession(why)
    else if (error instanceof ApiError && error.code === 'not-set-up')
      session.value = { is: 'not-set-up' }
    // Whoever is signed in keeps what was shown last.
    else if (session.peek().is !== 'in') session.value = { is: 'away' }
  }
}

/** What is shown of the house goes with whoever might see it. */
function endSession(why?: Why): void {
  const wasIn = session.peek().is === 'in'
  if (session.peek().is !== 'out') session.value = { is: 'out', ...(wasIn && why && { why }) }
}

/** @throws ApiError, HubAwayError */
export async function signIn(user: string, password: string, code: string): Promise<void> {
  await postJson('login', { user, password, ...(code !== '' && { code }) })
  await refreshSession()
}

/** Here, or on every device. */
export async function signOut(where: 'here' | 'everywhere'): Promise<void> {
  await postJson(where === 'here' ? 'logout' : 'logout-everywhere')
  session.value = { is: 'out' }
}

/** Whether whoever is signed in may look and nothing else. */
export function mayOnlyLook(): boolean {
  const { value } = session
  return value.is === 'in' && (value.role === 'viewer' || value.share !== undefined)
}

/** Whether whoever is signed in runs the hub: may lock devices and read who commanded what. */
export function isOperator(): boolean {
  const { value } = session
  return value.is === 'in' && (value.role === 'operator' || value.role === 'admin')
}

/** Whether whoever is signed in may change users, and see who is there. */
export function isAdmin(): boolean {
  const { value } = session
  return value.is === 'in' && value.role === 'admin'
}
