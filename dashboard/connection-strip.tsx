import type { JSX } from 'preact'
import { secondsUntil } from './clock.ts'
import { Icon } from './icons.tsx'
import { link, tryNow } from './link.ts'
import { t } from './words.ts'

/** Says so when what is shown is not what is; nothing while all is well. */
export function ConnectionStrip(): JSX.Element {
  return (
    <div class="strip" role="status">
      <Trouble />
    </div>
  )
}

function Trouble(): JSX.Element | null {
  const { value } = link
  if (value.is === 'open' || value.is === 'resting') return null
  if (value.is === 'connecting') return <p>{t('connecting')}</p>
  return (
    <p>
      <Icon name="offline" />
      <span>
        <strong>{t('disconnected')}</strong> {t('disconnectedNext')}
      </span>
      <button type="button" onClick={tryNow}>
        {t('tryNow', { seconds: secondsUntil(value.untilMs) })}
      </button>
    </p>
  )
}
