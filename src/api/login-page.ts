import type { ServerResponse } from 'node:http'
import type { Refusal } from '../core/refusal.ts'
import { escaped, sendPage } from './html-page.ts'

/** The form that signs in, for who has no other page that does. */
export function sendLoginPage(response: ServerResponse): void {
  sendPage(response, { title, main: form('', '') })
}

/** The same once more after a refusal, with the user that was given. */
export function refuseLoginPage(response: ServerResponse, refusal: Refusal, user: string): void {
  const { status, headers = {} } = refusal
  const text = sentences[status]?.(headers['Retry-After']) ?? refusal.reason
  const alert = `<p class="alert" role="alert">${escaped(text)}</p>`
  sendPage(response, { title, main: form(alert, user), status, headers })
}

const title = 'Sign in to Clown.Hub'

/** What a person is told, by status. */
const sentences: Readonly<Record<number, (seconds: string | undefined) => string>> = {
  400: () => 'Please give a user and a password.',
  401: () => 'This user and this password do not belong together.',
  429: (seconds) => `Too many wrong passwords were given. Please try again in ${seconds} s.`,
  503: () => 'Too many people are signing in at the moment. Please try again.',
}

function form(alert: string, user: string): string {
  const [userFocus, passwordFocus] = user === '' ? [' autofocus', ''] : ['', ' autofocus']
  return `<h1>Clown.Hub</h1>
${alert}
<form class="sign-in" method="post" action="login">
<label for="user">User</label>
<input id="user" name="user" value="${escaped(user)}" autocomplete="username" autocapitalize="none" spellcheck="false" required${userFocus}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${passwordFocus}>
<button>Sign in</button>
</form>`
}
