import { useSignal } from '@preact/signals'
import type { JSX, TargetedSubmitEvent } from 'preact'
import { ApiError, postJson } from '../api.ts'
import { session } from '../session.ts'
import { t, type Word } from '../words.ts'

/** By the hub's own codes: docs/sign-in.md. */
const problems: Readonly<Record<string, Word>> = {
  'wrong-password': 'oldPasswordWrong',
  'bad-payload': 'newPasswordShort',
  'not-in-users-file': 'passwordNotYours',
}

/** Changes the password of whoever is signed in. */
export function PasswordForm(): JSX.Element {
  const answer = useSignal('')
  const isBad = useSignal(false)
  const submit = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    const fields = new FormData(form)
    const code = String(fields.get('code'))
    const body = { old: fields.get('old'), new: fields.get('new'), ...(code !== '' && { code }) }
    try {
      await postJson('api/password', body)
      isBad.value = false
      answer.value = t('passwordChanged')
      form.reset()
    } catch (error) {
      isBad.value = true
      answer.value = problemOf(error)
    }
  }
  return (
    <section>
      <form class="password" onSubmit={(event) => void submit(event)}>
        <h2>{t('changePassword')}</h2>
        <input
          class="unseen"
          name="user"
          autocomplete="username"
          tabIndex={-1}
          aria-hidden="true"
          readOnly
          value={session.value.is === 'in' ? session.value.user : ''}
        />
        <label for="old">{t('oldPassword')}</label>
        <input id="old" name="old" type="password" autocomplete="current-password" required />
        <label for="new">{t('newPassword')}</label>
        <input
          id="new"
          name="new"
          type="password"
          autocomplete="new-password"
          required
          minLength={8}
        />
        <label for="code">{t('codeIfAny')}</label>
        <input
          id="code"
          name="code"
          inputMode="numeric"
          autocomplete="one-time-code"
          maxLength={6}
        />
        <button type="submit">{t('changePassword')}</button>
        <p role="status" class={isBad.value ? 'problem' : ''}>
          {answer}
        </p>
      </form>
    </section>
  )
}

function problemOf(error: unknown): string {
  if (!(error instanceof ApiError)) return t('hubAway')
  const { code, status, retryAfter = 1, message } = error
  if (status === 429) return t('lockedOut', { seconds: retryAfter })
  const word = problems[code]
  return word === undefined ? message : t(word)
}
