import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { getJson } from '../api.ts'
import { dateTime } from '../clock.ts'
import { reasonOf } from '../failures.tsx'
import { Icon } from '../icons.tsx'
import { Problem } from '../parts.tsx'
import { hrefOf, replaceRoute, route } from '../route.ts'
import { t, type Word } from '../words.ts'
import '../style/why.css'

/** An entry of `GET /api/trace`: docs/trace.md. */
interface TraceEntry {
  readonly id: number
  readonly at: string
  readonly kind: 'message' | 'command' | 'connection'
  readonly user: string
  readonly client?: string
  readonly address: string
  readonly way: string
  readonly topic?: string
  readonly bytes?: number
  readonly rule?: string
  readonly refused?: { readonly code: string; readonly message: string }
  readonly shed?: true
  readonly receivers?: number
  readonly receivedBy?: readonly Reached[]
  readonly tookMs?: number
  readonly receipt?: string
  readonly receiptMs?: number
  readonly ended?: string
}

interface Reached {
  readonly user: string
  readonly client?: string
  readonly way: string
  readonly waits?: true
  readonly slow?: true
}

const refreshMs = 3000
const limit = 100

/** Who sent what lately, which rule let it pass or refused it, who got it, and how connections ended. */
export function WhyView(): JSX.Element {
  const { rest } = route.value
  const entries = useSignal<readonly TraceEntry[] | undefined>(undefined)
  const problem = useSignal('')
  useEffect(() => {
    const load = () => {
      if (document.hidden) return
      const query = { limit, ...(rest !== '' && { topic: rest }) }
      getJson<{ entries: TraceEntry[] }>('api/trace', query).then(
        (answer) => {
          entries.value = answer.entries
          problem.value = ''
        },
        (error) => {
          problem.value = reasonOf(error)
        },
      )
    }
    load()
    const timer = setInterval(load, refreshMs)
    return () => clearInterval(timer)
  }, [rest])
  return (
    <div class="why-view">
      <a class="back" href={hrefOf('hub')}>
        <Icon name="back" /> {t('hub')}
      </a>
      <h1>{t('why')}</h1>
      <p class="quiet">{t('whyNext')}</p>
      <input
        type="search"
        aria-label={t('whyTopic')}
        placeholder={t('whyTopic')}
        value={rest}
        onChange={({ currentTarget }) => replaceRoute(hrefOf('why', currentTarget.value.trim()))}
      />
      <Problem text={problem.value} />
      {entries.value?.length === 0 && <p class="quiet">{t('whyNothing')}</p>}
      <ol class="why-list">
        {entries.value?.map((entry) => (
          <Entry key={entry.id} entry={entry} />
        ))}
      </ol>
    </div>
  )
}

function Entry({ entry }: { entry: TraceEntry }): JSX.Element {
  const { topic, at } = entry
  const isBad = entry.refused !== undefined || entry.shed === true
  return (
    <li class={isBad ? 'is-bad' : ''}>
      <p class="what">
        <strong>{topic ?? t('connection')}</strong>
        <time dateTime={at}>{dateTime(Date.parse(at))}</time>
      </p>
      <dl>
        {factsOf(entry).map(([word, text]) => (
          <div key={word}>
            <dt>{t(word)}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </li>
  )
}

/** What there is to say of it, each with the word for it. */
function factsOf(entry: TraceEntry): [word: Word, text: string][] {
  const { user, client, address, way, rule, refused, shed, receipt, tookMs, ended } = entry
  const all: [word: Word, text: string | undefined][] = [
    ['who', [user, client, address, way].filter(Boolean).join(', ')],
    ['whyRule', rule],
    ['whyRefused', refused && `${refused.message} (${refused.code})`],
    ['whyShed', shed && '✓'],
    ['result', receipt && `${receipt}, ${entry.receiptMs} ms`],
    ['whyReceivers', receiversText(entry)],
    ['whyTook', tookMs === undefined ? undefined : `${tookMs} ms`],
    ['whyEnded', ended],
  ]
  return all.flatMap(([word, text]) => (text === undefined || text === '' ? [] : [[word, text]]))
}

/** How many got it; for admins also who, and of whom it waits or who is too slow. */
function receiversText({ receivers, receivedBy = [] }: TraceEntry): string | undefined {
  if (receivers === undefined) return undefined
  const names = receivedBy.map(({ user, client, way, waits, slow }) => {
    const name = [user, client, way].filter(Boolean).join(' ')
    return `${name}${slow ? ` (${t('whySlow')})` : waits ? ` (${t('whyWaits')})` : ''}`
  })
  return names.length === 0 ? String(receivers) : `${receivers}: ${names.join(', ')}`
}
