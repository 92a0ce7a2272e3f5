import { useSignal } from '@preact/signals'
import type { JSX, TargetedSubmitEvent } from 'preact'
import { useEffect } from 'preact/hooks'
import { encode } from 'uqr'
import { getJson, postJson } from '../api.ts'
import { dateTime } from '../clock.ts'
import { Copyable } from '../copyable.tsx'
import { nodes } from '../devices/house.ts'
import { reasonOf } from '../failures.tsx'
import { Problem } from '../parts.tsx'
import { route } from '../route.ts'
import { t } from '../words.ts'
import '../style/share.css'

interface ShareLink {
  readonly id: string
  readonly title: string
  readonly filters: readonly string[]
  readonly by: string
  readonly until: string
}

type MadeLink = ShareLink & { readonly token: string }

/** Makes links by which others may look, without a user of their own, and ends them. */
export function ShareView(): JSX.Element {
  const links = useSignal<readonly ShareLink[]>([])
  const made = useSignal<MadeLink | undefined>(undefined)
  const problem = useSignal('')
  const act = async (change?: () => Promise<unknown>) => {
    problem.value = ''
    try {
      await change?.()
      links.value = (await getJson<{ links: ShareLink[] }>('api/shares')).links
    } catch (error) {
      problem.value = reasonOf(error)
    }
  }
  useEffect(() => void act(), [])
  const make = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const filters = String(form.get('filters')).split(/\s+/).filter(Boolean)
    const body = { title: form.get('title'), filters, hours: Number(form.get('hours')) }
    void act(async () => {
      made.value = Object(await (await postJson('api/share', body)).json())
    })
  }
  const end = (id: string) => act(() => postJson('api/unshare', { id }))
  return (
    <div class="share-view">
      <h1>{t('share')}</h1>
      <p class="quiet">{t('shareNext')}</p>
      <ShareForm onSubmit={make} />
      <Problem text={problem.value} />
      {made.value !== undefined && <Made link={made.value} />}
      <h2>{t('shareLinks')}</h2>
      {links.value.length === 0 && <p class="quiet">{t('noShareLinks')}</p>}
      <ul class="node-list">
        {links.value.map((link) => (
          <li key={link.id}>
            <strong>{link.title}</strong>
            <code>{link.filters.join(' ')}</code>
            <span class="quiet">
              {t('shareUntil', { user: link.by, when: dateTime(Date.parse(link.until)) })}
            </span>
            <button type="button" onClick={() => void end(link.id)}>
              {t('endLink')}
              <span class="unseen"> {link.title}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}

const hoursOf = { day: 24, week: 168, month: 720, year: 8760 } as const

interface ShareFormProps {
  onSubmit(event: TargetedSubmitEvent<HTMLFormElement>): void
}

function ShareForm({ onSubmit }: ShareFormProps): JSX.Element {
  const room = route.value.query.get('page') ?? ''
  return (
    <form class="share" onSubmit={onSubmit}>
      <label for="share-title">{t('title')}</label>
      <input id="share-title" name="title" required maxLength={128} defaultValue={room} />
      <label for="share-filters">{t('shareFilters')}</label>
      <textarea
        id="share-filters"
        name="filters"
        rows={3}
        required
        spellcheck={false}
        key={nodes.value === undefined ? 'asking' : room}
        defaultValue={filtersOf(room)}
      />
      <label for="share-hours">{t('shareFor')}</label>
      <select id="share-hours" name="hours">
        {(['day', 'week', 'month', 'year'] as const).map((each) => (
          <option key={each} value={hoursOf[each]} selected={each === 'week'}>
            {t(each)}
          </option>
        ))}
      </select>
      <button type="submit" class="primary">
        {t('makeLink')}
      </button>
    </form>
  )
}

const mostFilters = 16

/** The topics of a room; all of it where none is named. */
function filtersOf(room: string): string {
  const devices = (nodes.value ?? []).flatMap((node) => node.devices.value)
  const topics = devices.filter(({ label }) => label.value.room === room).map(({ topic }) => topic)
  return topics.length === 0 || topics.length > mostFilters ? '#' : topics.join('\n')
}

function Made({ link }: { link: MadeLink }): JSX.Element {
  const url = `${new URL('.', document.baseURI).href}#/join/${link.id}.${link.token}`
  return (
    <section class="made-link" aria-label={link.title}>
      <p>{t('shareOnce')}</p>
      <Copyable text={url} />
      <QrCode text={url} />
    </section>
  )
}

/** What a phone reads by its camera. */
function QrCode({ text }: { text: string }): JSX.Element {
  const { data, size } = encode(text, { border: 2 })
  const path = data
    .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')))
    .join('')
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={t('qrCode')}>
      <path d={path} />
    </svg>
  )
}
