import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { Icon } from './icons.tsx'
import { link } from './link.ts'
import { session, signOut } from './session.ts'
import { chooseTheme, type Theme, theme, themes } from './theme.ts'
import { currentLanguage, type Language, languages, speak, t, type Word } from './words.ts'

/** Who is signed in, and how the page is to look and speak. */
export function You(): JSX.Element {
  const menu = useRef<HTMLDetailsElement>(null)
  const isFailed = useSignal(false)
  useEffect(() => {
    const close = (event: Event) => {
      const { current } = menu
      const isOutside = event.target instanceof Node && !current?.contains(event.target)
      const isEscape = event instanceof KeyboardEvent && event.key === 'Escape'
      if (current !== null && (isEscape || (isOutside && event.type === 'pointerdown')))
        current.open = false
    }
    addEventListener('pointerdown', close)
    addEventListener('keydown', close)
    return () => {
      removeEventListener('pointerdown', close)
      removeEventListener('keydown', close)
    }
  }, [])
  const leave = (where: 'here' | 'everywhere') =>
    signOut(where).catch(() => {
      isFailed.value = true
    })
  const { value } = session
  if (value.is !== 'in') return <span />
  return (
    <details class="you" ref={menu}>
      <summary>
        <span class={link.value.is === 'open' ? 'dot is-live' : 'dot'} />
        <Icon name="person" />
        <span class="name">{value.user}</span>
        <span class="unseen">{t('yourMenu')}</span>
      </summary>
      <div class="menu">
        <p>
          {t('signedInAs')} <strong>{value.user}</strong>
          {value.role !== null && `, ${value.role}`}
        </p>
        <Choices />
        <button type="button" onClick={() => void leave('here')}>
          {t('signOut')}
        </button>
        <button type="button" onClick={() => void leave('everywhere')}>
          {t('signOutEverywhere')}
        </button>
        <p role="alert">{isFailed.value && t('hubAway')}</p>
      </div>
    </details>
  )
}

const themeWords: Readonly<Record<Theme, Word>> = {
  auto: 'themeAuto',
  light: 'themeLight',
  dark: 'themeDark',
}

function Choices(): JSX.Element {
  return (
    <>
      <label for="language">{t('language')}</label>
      <select
        id="language"
        value={currentLanguage()}
        onChange={({ currentTarget }) => void speak(currentTarget.value as Language)}
      >
        {Object.entries(languages).map(([key, { name }]) => (
          <option key={key} value={key} lang={key}>
            {name}
          </option>
        ))}
      </select>
      <label for="theme">{t('theme')}</label>
      <select
        id="theme"
        value={theme.value}
        onChange={({ currentTarget }) => chooseTheme(currentTarget.value as Theme)}
      >
        {themes.map((each) => (
          <option key={each} value={each}>
            {t(themeWords[each])}
          </option>
        ))}
      </select>
    </>
  )
}
