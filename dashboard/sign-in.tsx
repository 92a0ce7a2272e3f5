import { useSignal } from '@preact/signals'
import type { JSX, TargetedSubmitEvent } from 'preact'
import { ApiError } from './api.ts'
import { hubTime, now, secondsUntil } from './clock.ts'
import { Logo } from './icons.tsx'
import { route } from './route.ts'
import { session, signIn } from './session.ts'
import { t } from './words.ts'

type Problem =
  | { readonly is: 'wrong' | 'busy' | 'away' | 'code-needed' }
  | { readonly is: 'locked-out'; readonly untilMs: number }
  | { readonly is: 'other'; readonly message: string }

/** The form that signs in; says of each failure what to do next. */
export function SignIn(): JSX.Element {
  const problem = useSignal<Problem | undefined>(undefined)
  const isBusy = useSignal(false)
  // Once somebody has one, it is asked for each time.
  const needsCode = useSignal(false)
  const submit = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string) => String(form.get(name) ?? '')
    isBusy.value = true
    problem.value = undefined
    try {
      await signIn(text('user'), text('password'), text('code'))
    } catch (error) {
      problem.value = problemOf(error)
      if (problem.value.is === 'code-needed') needsCode.value = true
    }
    isBusy.value = false
  }
  const { value } = problem
  const isLockedOut = value?.is === 'locked-out' && value.untilMs > now.value
  return (
    <main class="sign-in">
      <form onSubmit={(event) => void submit(event)} aria-busy={isBusy.value}>
        <Logo />
        <h1>Clown.Hub</h1>
        <Why />
        <label for="user">{t('user')}</label>
        <input
          id="user"
          name="user"
          autocomplete="username"
          autocapitalize="none"
          defaultValue={route.value.query.get('user') ?? ''}
          required
        />
        <label for="password">{t('password')}</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="current-password"
          required
        />
        {needsCode.value && (
          <>
            <label for="code">{t('code')}</label>
            <input
              id="code"
              name="code"
              inputMode="numeric"
              autocomplete="one-time-code"
              maxLength={6}
              required
            />
          </>
        )}
        <div role="alert">{value && <ProblemText problem={value} />}</div>
        <button type="submit" class="primary" disabled={isBusy.value || isLockedOut}>
          {isBusy.value ? t('signingIn') : t('signIn')}
        </button>
      </form>
    </main>
  )
}

function problemOf(error: unknown): Problem {
  if (!(error instanceof ApiError)) return { is: 'away' }
  if (error.code === 'code-needed') return { is: 'code-needed' }
  if (error.status === 401) return { is: 'wrong' }
  const { retryAfter = 1 } = error
  if (error.status === 429) return { is: 'locked-out', untilMs: hubTime() + retryAfter * 1000 }
  return error.status === 503 ? { is: 'busy' } : { is: 'other', message: error.message }
}

/** Why whoever was signed in is so no more. */
function Why(): JSX.Element | null {
  const { value } = session
  if (value.is !== 'out' || value.why === undefined) return null
  return <p class="note">{t(value.why === 'expired' ? 'sessionExpired' : 'signedOut')}</p>
}

function ProblemText({ problem }: { problem: Problem }): JSX.Element {
  switch (problem.is) {
    case 'wrong':
      return <Sentences what={t('wrongPassword')} next={t('wrongPasswordNext')} />
    case 'locked-out':
      return problem.untilMs > now.value ? (
        <Sentences
          what={t('lockedOut', { seconds: secondsUntil(problem.untilMs) })}
          next={t('lockedOutNext')}
        />
      ) : (
        <Sentences what={t('lockedOutOver')} next="" />
      )
    case 'code-needed':
      return <Sentences what={t('codeNeeded')} next={t('codeNeededNext')} />
    case 'busy':
      return <Sentences what={t('hubBusy')} next={t('hubBusyNext')} />
    case 'away':
      return (
        <Sentences
          what={t('hubAway')}
          next={t(location.protocol === 'https:' ? 'hubAwayNextSecure' : 'hubAwayNext')}
        />
      )
    case 'other':
      return <Sentences what={problem.message} next="" />
  }
}

function Sentences({ what, next }: { what: string; next: string }): JSX.Element {
  return (
    <p class="problem">
      <strong>{what}</strong> {next}
    </p>
  )
}
