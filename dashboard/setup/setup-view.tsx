import { useSignal } from '@preact/signals'
import type { JSX, TargetedSubmitEvent } from 'preact'
import { ApiError, postJson } from '../api.ts'
import { Logo } from '../icons.tsx'
import { Problem } from '../parts.tsx'
import { signIn } from '../session.ts'
import { t } from '../words.ts'

/** The hub has no users yet: who has its link makes the first one, and others are told where it is. */
export function SetupView({ code }: { code: string }): JSX.Element {
  return (
    <main class="sign-in">
      {code === '' ? (
        <div class="card" role="status">
          <Logo />
          <h1>{t('notSetUp')}</h1>
          <p>{t('notSetUpNext')}</p>
        </div>
      ) : (
        <SetupForm code={code} />
      )}
    </main>
  )
}

function SetupForm({ code }: { code: string }): JSX.Element {
  const problem = useSignal('')
  const isBusy = useSignal(false)
  const submit = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string) => String(form.get(name) ?? '')
    isBusy.value = true
    problem.value = ''
    try {
      await postJson('api/setup', { code, user: text('user'), password: text('password') })
      await signInOnceStarted(text('user'), text('password'))
    } catch (error) {
      problem.value = problemOf(error)
      isBusy.value = false
    }
  }
  return (
    <form onSubmit={(event) => void submit(event)} aria-busy={isBusy.value}>
      <Logo />
      <h1>{t('setUp')}</h1>
      <p class="quiet">{t('setUpNext')}</p>
      <label for="user">{t('user')}</label>
      <input
        id="user"
        name="user"
        autocomplete="username"
        autocapitalize="none"
        defaultValue="admin"
        required
      />
      <label for="password">{t('newPassword')}</label>
      <input
        id="password"
        name="password"
        type="password"
        autocomplete="new-password"
        minLength={8}
        required
      />
      <Problem text={problem.value} />
      <button type="submit" class="primary" disabled={isBusy.value}>
        {t(isBusy.value ? 'hubStarts' : 'makeAdmin')}
      </button>
    </form>
  )
}

function problemOf(error: unknown): string {
  if (!(error instanceof ApiError)) return t('hubAway')
  return error.code === 'setup-over' ? t('setupOver') : error.message
}

const tries = 40
const pauseMs = 500

/** The hub itself starts now, in the place of what made the admin. */
async function signInOnceStarted(user: string, password: string): Promise<void> {
  for (let left = tries; left > 0; left--) {
    try {
      await signIn(user, password, '')
      history.replaceState(null, '', '#/devices')
      return
    } catch (error) {
      if (left === 1) throw error
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
}
