import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { Logo } from '../icons.tsx'
import { replaceRoute, route } from '../route.ts'
import { session, signIn } from '../session.ts'
import { t } from '../words.ts'

/** Somebody has opened a link by which they may look. Who is signed in here is asked before. */
export function Join(): JSX.Element {
  const isOver = useSignal(false)
  const { rest } = route.value
  const look = async () => {
    const [, id = '', token = ''] = /^([\w-]+)\.(\w+)$/.exec(rest) ?? []
    try {
      await signIn(id, token, '')
      replaceRoute('#/kiosk')
    } catch {
      isOver.value = true
    }
  }
  const isIn = session.value.is === 'in'
  useEffect(() => {
    if (!isIn) void look()
  }, [])
  return (
    <main class="sign-in">
      <div class="card" role="status">
        <Logo />
        <h1>{t('share')}</h1>
        {isOver.value && <p class="problem">{t('linkOver')}</p>}
        {isIn && !isOver.value && (
          <>
            <p>{t('lookInstead')}</p>
            <button type="button" class="primary" onClick={() => void look()}>
              {t('lookByLink')}
            </button>
            <a href="#/devices">{t('stay')}</a>
          </>
        )}
      </div>
    </main>
  )
}
