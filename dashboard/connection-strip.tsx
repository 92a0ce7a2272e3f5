import type { JSX } from 'preact'
import { secondsUntil } from './clock.ts'
import { Icon } from './icons.tsx'
import { link, missed, tryNow } from './link.ts'
import { usePolled } from './polled.ts'
import { t } from './words.ts'

/** Says so when what is shown is not what is; nothing while all is well. */
export function ConnectionStrip(): JSX.Element {
  return (
    <div class="strip" role="status">
      <Trouble />
      <Overload />
      <Missed />
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

/** While the hub has more to do than it can. */
function Overload(): JSX.Element | null {
  const isOpen = link.value.is === 'open'
  const { value } = usePolled<{ overloaded: boolean }>('healthz', isOpen)
  if (!isOpen || value?.overloaded !== true) return null
  return (
    <p>
      <Icon name="warning" /> {t('overloaded')}
    </p>
  )
}

/** What this page was not told, since it read too slowly or was away for longer than the hub keeps messages. */
function Missed(): JSX.Element | null {
  if (missed.value === undefined) return null
  const { count } = missed.value
  return (
    <p>
      <Icon name="warning" />
      <span>
        {count === undefined ? t('missedSome') : t('missed', { count })} {t('missedNext')}
      </span>
      <button type="button" onClick={() => (missed.value = undefined)}>
        {t('acknowledge')}
      </button>
    </p>
  )
}
