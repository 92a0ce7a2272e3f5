import { useSignalEffect } from '@preact/signals'
import type { ComponentType, JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { ConnectionStrip } from './connection-strip.tsx'
import { DevicesView } from './devices/devices-view.tsx'
import { keepHouse } from './devices/house.ts'
import { Icon, Logo } from './icons.tsx'
import { lazily } from './lazily.tsx'
import { keepConnected } from './link.ts'
import { hrefOf, route, type View, views } from './route.ts'
import { refreshSession, session } from './session.ts'
import { SignIn } from './sign-in.tsx'
import { t } from './words.ts'
import { You } from './you.tsx'

const SetupView = lazily(async () => (await import('./setup/setup-view.tsx')).SetupView)

/** What the link says that a hub without users has printed. */
const [, setupCode = ''] = /^#\/setup\/([\w-]+)$/.exec(location.hash) ?? []

export function App(): JSX.Element | null {
  switch (session.value.is) {
    case 'asking':
      return null
    case 'out':
      return <SignIn />
    case 'away':
      return <Away />
    case 'not-set-up':
      return <SetupView code={setupCode} />
    case 'in':
      return <SignedIn />
  }
}

/** What is shown when the page starts while the hub does not answer. */
function Away(): JSX.Element {
  useEffect(() => {
    const timer = setInterval(() => void refreshSession(), 3000)
    return () => clearInterval(timer)
  }, [])
  const next = location.protocol === 'https:' ? 'hubAwayNextSecure' : 'hubAwayNext'
  return (
    <main class="sign-in">
      <div class="card" role="status">
        <Logo />
        <h1>{t('hubAway')}</h1>
        <p>{t(next)}</p>
        <p class="quiet">{t('hubAwayTrying')}</p>
      </div>
    </main>
  )
}

function SignedIn(): JSX.Element {
  useEffect(() => keepConnected(), [])
  useEffect(() => keepHouse(), [])
  useSignalEffect(() => {
    document.title = `${t(route.value.view)} · Clown.Hub`
  })
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        {t('skipToContent')}
      </button>
      <header class="top">
        <a class="brand" href="#/devices">
          <Logo />
          <span>Clown.Hub</span>
        </a>
        <nav aria-label={t('views')}>
          {views.map((view) => (
            <a
              key={view}
              href={hrefOf(view)}
              aria-current={route.value.view === view ? 'page' : undefined}
            >
              <Icon name={view} />
              {t(view)}
            </a>
          ))}
        </nav>
        <You />
      </header>
      <ConnectionStrip />
      <main id="content" tabIndex={-1}>
        <CurrentView />
      </main>
    </>
  )
}

function skip(): void {
  document.querySelector<HTMLElement>('#content')?.focus()
}

const openViews: Readonly<Record<View, ComponentType>> = {
  devices: DevicesView,
  charts: lazily(async () => (await import('./charts/charts-view.tsx')).ChartsView),
  topics: lazily(async () => (await import('./topics/topics-view.tsx')).TopicsView),
  hub: lazily(async () => (await import('./hub/hub-view.tsx')).HubView),
}

function CurrentView(): JSX.Element {
  const View = openViews[route.value.view]
  return <View />
}
