import { useSignal } from '@preact/signals'
import type { JSX, TargetedSubmitEvent } from 'preact'
import { ago, dateTime } from '../clock.ts'
import { bytesText, Problem, SureButton, Table } from '../parts.tsx'
import { useChange, usePolled } from '../polled.ts'
import { t, type Word } from '../words.ts'

interface Connection {
  readonly id: number
  readonly user: string
  readonly way: string
  readonly title: string
  readonly address: string
  readonly since: string
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly bytesWaiting: number
}

interface Present {
  readonly connections: readonly Connection[]
  readonly sessions: readonly { user: string; since: string; isInUse: boolean }[]
}

/** So many lines are drawn; a hub may have thousands. */
const mostLines = 100

/** Who is connected now, and who has signed in with a page: for admins. */
export function Connections(): JSX.Element {
  const { value, load } = usePolled<Present>('api/connections')
  const { problem, change } = useChange(load)
  const { connections = [], sessions = [] } = value ?? {}
  const heads = ['user', 'by', 'from', 'since', 'received', 'sent', 'waiting'] as const
  return (
    <section>
      <h2>{t('connections', { count: connections.length })}</h2>
      <Problem text={problem.value} />
      <Table label={t('whoIsThere')} heads={[...heads.map((head) => t(head)), t('what')]}>
        {connections.slice(0, mostLines).map((one) => (
          <tr key={one.id}>
            <td>{one.user}</td>
            <td>
              {one.way} {one.title !== '' && <code>{one.title}</code>}
            </td>
            <td>{one.address}</td>
            <td>{ago(Date.parse(one.since))}</td>
            <td>{bytesText(one.bytesReceived)}</td>
            <td>{bytesText(one.bytesSent)}</td>
            <td>{bytesText(one.bytesWaiting)}</td>
            <td>
              <SureButton
                text={t('disconnect')}
                about={`${one.user}, ${one.title}`}
                onSure={() => void change('api/disconnect', { id: one.id })}
              />
            </td>
          </tr>
        ))}
      </Table>
      <h3>{t('pageSessions', { count: sessions.length })}</h3>
      <ul class="node-list">
        {sessions.slice(0, mostLines).map(({ user, since, isInUse }) => (
          <li key={`${user} ${since}`}>
            <strong>{user}</strong>
            <span class="quiet">
              {dateTime(Date.parse(since))}
              {isInUse && ` · ${t('inUse')}`}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

interface Ban {
  readonly what: 'address' | 'user' | 'client'
  readonly who: string
  readonly reason: string
  readonly by: string
  readonly until?: string
}

const banWords: Readonly<Record<Ban['what'], Word>> = {
  address: 'banAddress',
  user: 'banUser',
  client: 'banClient',
}

/** Who is kept out: for admins. */
export function Bans(): JSX.Element {
  const { value, load } = usePolled<{ bans: Ban[] }>('api/bans')
  const { problem, change } = useChange(load)
  const bans = value?.bans ?? []
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    const fields = new FormData(form)
    const hours = Number(fields.get('hours'))
    const asked = Object.fromEntries(
      ['what', 'who', 'reason'].map((name) => [name, fields.get(name)]),
    )
    const body = { ...asked, ...(hours > 0 && { seconds: hours * 3600 }) }
    void change('api/ban', body).then((done) => done && form.reset())
  }
  return (
    <section>
      <h2>{t('bans')}</h2>
      {bans.length === 0 && <p class="quiet">{t('noBans')}</p>}
      <ul class="node-list">
        {bans.map(({ what, who, reason, by, until }) => (
          <li key={`${what} ${who}`}>
            <strong>{who}</strong>
            <span class="quiet">
              {t(banWords[what])} · {reason} ({by}
              {until !== undefined && `, ${t('until', { when: dateTime(Date.parse(until)) })}`})
            </span>
            <SureButton
              text={t('endLink')}
              about={who}
              onSure={() => void change('api/unban', { what, who })}
            />
          </li>
        ))}
      </ul>
      <details class="more">
        <summary>{t('addBan')}</summary>
        <form class="fields" onSubmit={submit}>
          <label for="ban-what">{t('what')}</label>
          <select id="ban-what" name="what">
            {(['address', 'user', 'client'] as const).map((what) => (
              <option key={what} value={what}>
                {t(banWords[what])}
              </option>
            ))}
          </select>
          <label for="ban-who">{t('who')}</label>
          <input id="ban-who" name="who" required spellcheck={false} autocapitalize="none" />
          <label for="ban-reason">{t('reason')}</label>
          <input id="ban-reason" name="reason" required maxLength={200} />
          <label for="ban-hours">{t('shareFor')}</label>
          <select id="ban-hours" name="hours">
            <option value={24}>{t('day')}</option>
            <option value={168}>{t('week')}</option>
            <option value={0}>{t('forGood')}</option>
          </select>
          <button type="submit">{t('addBan')}</button>
        </form>
      </details>
      <Problem text={problem.value} />
    </section>
  )
}

interface SecurityEvent {
  readonly at: string
  readonly event: string
  readonly user?: string
  readonly address?: string
  readonly way?: string
  readonly count: number
}

/** Who came in and who did not, and what was changed: for admins. */
export function SignIns(): JSX.Element {
  const isAll = useSignal(false)
  const path = `api/security-log?limit=${isAll.value ? mostLines : 10}`
  const events = usePolled<{ events: SecurityEvent[] }>(path).value?.events ?? []
  return (
    <section>
      <h2>{t('signIns')}</h2>
      <Table label={t('signIns')} heads={[t('when'), t('what'), t('who'), t('from'), t('by')]}>
        {events.map((event) => (
          <tr key={`${event.at} ${event.event} ${event.user} ${event.address}`}>
            <td>{dateTime(Date.parse(event.at))}</td>
            <td>
              <code>{event.event}</code>
              {event.count > 1 && ` × ${event.count}`}
            </td>
            <td>{event.user}</td>
            <td>{event.address}</td>
            <td>{event.way}</td>
          </tr>
        ))}
      </Table>
      {!isAll.value && (
        <button type="button" onClick={() => (isAll.value = true)}>
          {t('showMore')}
        </button>
      )}
    </section>
  )
}
