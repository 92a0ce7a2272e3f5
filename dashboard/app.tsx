import { useSignalEffect } from '@preact/signals'
import type { ComponentType, JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { ConnectionStrip } from './connection-strip.tsx'
import { DevicesView } from './devices/devices-view.tsx'
import { keepHouse } from './devices/house.ts'
import { Failures } from './failures.tsx'
import { Icon, Logo } from './icons.tsx'
import { lazily } from './lazily.tsx'
import { keepConnected } from './link.ts'
import { hrefOf, route, type View, views } from './route.ts'
import { refreshSession, session } from './session.ts'
import { SignIn } from './sign-in.tsx'
import { t } from './words.ts'
import { You } from './you.tsx'

const Kiosk = lazily(async () => (await import('./rarely.ts')).Kiosk)
const Join = lazily(async () => (await import('./rarely.ts')).Join)
const SetupView = lazily(async () => (await import('./rarely.ts')).SetupView)

/** What the link says that a hub without users has printed. */
const [, setupCode = ''] = /^#\/setup\/([\w-]+)$/.exec(location.hash) ?? []

export function App(): JSX.Element | null {
  const { value } = session
  if (route.value.view === 'join' && (value.is === 'in' || value.is === 'out')) return <Join />
  switch (value.is) {
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
    const named = views.find((each) => each === route.value.view) ?? 'devices'
    document.title = `${t(named)} · Clown.Hub`
  })
  if (route.value.view === 'kiosk' || (session.value.is === 'in' && session.value.share)) {
    return (
      <>
        <ConnectionStrip />
        <main id="content" class="is-whole">
          <Failures />
          <Kiosk />
        </main>
      </>
    )
  }
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
        <Failures />
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
  share: lazily(async () => (await import('./share/share-view.tsx')).ShareView),
  kiosk: Kiosk,
  join: Join,
  why: lazily(async () => (await import('./rarely.ts')).WhyView),
}

function CurrentView(): JSX.Element {
  const View = openViews[route.value.view]
  return <View />
}
