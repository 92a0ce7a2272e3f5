import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { ago, dateTime, now, secondsUntil } from '../clock.ts'
import { Copyable } from '../copyable.tsx'
import { bytesText } from '../parts.tsx'
import { useChange, usePolled } from '../polled.ts'
import { isOperator } from '../session.ts'
import { t } from '../words.ts'

interface About {
  readonly node: string
  readonly system: string
  readonly since: string
  readonly memoryBytes: number
  readonly data: {
    readonly folder: string
    readonly freeBytes: number
    readonly totalBytes: number
  } | null
}

/** The release, and for operators the machine it runs on. */
export function Condition(): JSX.Element {
  const health = usePolled<{ version: string }>('healthz').value
  const about = usePolled<About>('api/about', isOperator()).value
  return (
    <section>
      <h2>Clown.Hub {health?.version}</h2>
      {about !== undefined && (
        <dl class="facts">
          <dt>{t('runsSince')}</dt>
          <dd>{dateTime(Date.parse(about.since))}</dd>
          <dt>{t('machine')}</dt>
          <dd>
            Node.js {about.node}, {about.system}
          </dd>
          <dt>{t('memory')}</dt>
          <dd>{bytesText(about.memoryBytes)}</dd>
          <dt>{t('disk')}</dt>
          <dd>
            {about.data === null ? (
              t('keepsNothing')
            ) : (
              <>
                {t('freeOf', {
                  free: bytesText(about.data.freeBytes),
                  all: bytesText(about.data.totalBytes),
                })}{' '}
                <code>{about.data.folder}</code>
              </>
            )}
          </dd>
        </dl>
      )}
    </section>
  )
}

interface Hit {
  readonly counter: string
  readonly count: number
  readonly limits: readonly {
    readonly setting: string
    readonly variable: string
    readonly value: unknown
    readonly meaning: string
  }[]
}

/** What happened since the start, and which setting it is of: for operators. */
export function HitLimits(): JSX.Element {
  const hits = usePolled<{ hits: Hit[] }>('api/limits').value?.hits ?? []
  return (
    <section>
      <h2>{t('oddThings')}</h2>
      {hits.length === 0 && <p class="quiet">{t('nothingOdd')}</p>}
      <ul class="cards">
        {hits.map(({ counter, count, limits }) => (
          <li key={counter}>
            <details>
              <summary>
                <code>{counter}</code>
                <span class="count">{count.toLocaleString()}</span>
              </summary>
              {limits.length === 0 && <p class="quiet">{t('noLimit')}</p>}
              <dl class="facts">
                {limits.map(({ setting, variable, value, meaning }) => (
                  <>
                    <dt>
                      <code title={variable}>
                        {setting}: {String(value)}
                      </code>
                    </dt>
                    <dd>{meaning}</dd>
                  </>
                ))}
              </dl>
            </details>
          </li>
        ))}
      </ul>
    </section>
  )
}

interface Alarm {
  readonly rule: string
  readonly device: string
  readonly text: string
  readonly since: string
  readonly acknowledged: boolean
}

/** What people were told of and is not over: for operators. */
export function Alarms(): JSX.Element | null {
  const { value, load } = usePolled<{ alarms: Alarm[] }>('api/alarms')
  const { problem, change } = useChange(load)
  const alarms = value?.alarms ?? []
  if (alarms.length === 0) return null
  return (
    <section>
      <h2>{t('alarms')}</h2>
      <ul class="node-list">
        {alarms.map(({ rule, device, text, since, acknowledged }) => (
          <li key={`${rule} ${device}`}>
            <strong>{text}</strong>
            <span class="quiet">
              {rule}, {dateTime(Date.parse(since))}
            </span>
            {acknowledged ? (
              <span class="quiet">{t('acknowledged')}</span>
            ) : (
              <button
                type="button"
                onClick={() => void change('api/acknowledge', { rule, device })}
              >
                {t('acknowledge')}
              </button>
            )}
          </li>
        ))}
      </ul>
      <p role="alert">{problem}</p>
    </section>
  )
}

/** Something that the hub dials, and dials again when it is away. */
interface Dialled {
  readonly state: string
  readonly url?: string
  readonly since?: string
  readonly reason?: string
  readonly nextTry?: string
}

interface Upstream extends Dialled {
  readonly name: string
  readonly dialect: string
  readonly devices: number
}

/** The broker beside which the hub runs, and the systems that it dials: docs/upstreams.md. */
export function Neighbours(): JSX.Element | null {
  const bus = usePolled<Dialled>('api/bus').value
  const upstreams = usePolled<{ upstreams: Upstream[] }>('api/upstreams').value?.upstreams ?? []
  const isBeside = bus !== undefined && bus.state !== 'embedded'
  if (!isBeside && upstreams.length === 0) return null
  return (
    <section>
      <h2>{t('neighbours')}</h2>
      <ul class="node-list">
        {isBeside && <Neighbour name={t('broker')} dialled={bus} />}
        {upstreams.map((upstream) => (
          <Neighbour key={upstream.name} name={upstream.name} dialled={upstream}>
            {upstream.dialect}, {t('deviceCount', { count: upstream.devices })}
          </Neighbour>
        ))}
      </ul>
    </section>
  )
}

interface Bridge extends Dialled {
  readonly name: string
  readonly waiting: { readonly messages: number; readonly bytes: number }
  readonly lost: number
}

/** The brokers that the hub's own one is bridged to, and what has not got there: docs/bridges.md. */
export function Bridges(): JSX.Element | null {
  const bridges = usePolled<{ bridges: Bridge[] }>('api/bridges').value?.bridges ?? []
  if (bridges.length === 0) return null
  return (
    <section>
      <h2>{t('bridges')}</h2>
      <ul class="node-list">
        {bridges.map((bridge) => (
          <Neighbour key={bridge.name} name={bridge.name} dialled={bridge}>
            {t('bridgeWaiting', {
              count: bridge.waiting.messages,
              size: bytesText(bridge.waiting.bytes),
            })}
            {bridge.lost > 0 && `, ${t('bridgeLost', { count: bridge.lost })}`}
          </Neighbour>
        ))}
      </ul>
    </section>
  )
}

interface NeighbourProps {
  readonly name: string
  readonly dialled: Dialled
  readonly children?: ComponentChildren
}

/** How it is and since when; where it is away why, and when it is tried again. */
function Neighbour({ name, dialled, children }: NeighbourProps): JSX.Element {
  const { state, url, since, reason, nextTry } = dialled
  return (
    <li>
      <strong>{name}</strong>
      <span>{state}</span>
      <span class="quiet">
        {url} {children}
      </span>
      {since !== undefined && <span class="quiet">{ago(Date.parse(since))}</span>}
      {reason !== undefined && <span class="problem">{reason}</span>}
      {nextTry !== undefined && (
        <span class="quiet">{t('nextTry', { seconds: secondsUntil(Date.parse(nextTry)) })}</span>
      )}
    </li>
  )
}

interface HubsAnswer {
  readonly name: string
  readonly owner: string | null
  readonly since: string | null
  readonly hubs: readonly { readonly name: string; readonly online: boolean }[]
}

/** Of several hubs before one broker, which are there, and which of them commands: docs/growing.md. */
export function Hubs(): JSX.Element | null {
  const { value } = usePolled<HubsAnswer>('api/hubs')
  if (value === undefined) return null
  const { name: own, owner, since, hubs } = value
  return (
    <section>
      <h2>{t('hubs')}</h2>
      {owner === null && <p class="problem">{t('nobodyOwns')}</p>}
      <ul class="node-list">
        {hubs.map(({ name, online }) => (
          <li key={name}>
            <strong>{name}</strong>
            <span>{t(online ? 'online' : 'offline')}</span>
            {name === owner && since !== null && (
              <span>{t('owns', { when: dateTime(Date.parse(since)) })}</span>
            )}
            {name === own && <span class="quiet">{t('thisHub')}</span>}
          </li>
        ))}
      </ul>
    </section>
  )
}

interface Dialect {
  readonly dialect: string
  readonly title: string
  readonly port?: number
  readonly path?: string
  readonly error?: string
  readonly operations: readonly string[]
}

/** What a program of another system is given to find the hub, by the language it speaks. */
const clientPaths: Readonly<Record<string, string>> = { jeedom: '/core/api/jeeApi.php' }

/** The languages of other systems that are served: for operators. */
export function Dialects(): JSX.Element | null {
  const dialects = usePolled<{ dialects: Dialect[] }>('api/dialects').value?.dialects ?? []
  if (dialects.length === 0) return null
  return (
    <section>
      <h2>{t('otherLanguages')}</h2>
      {dialects.map((dialect) => (
        <div class="dialect" key={`${dialect.dialect} ${dialect.port} ${dialect.path}`}>
          <h3>{dialect.title}</h3>
          {dialect.error === undefined ? (
            <Copyable text={addressOf(dialect)} />
          ) : (
            <p class="problem">{dialect.error}</p>
          )}
          {dialect.operations.includes('unlock') && <Unlock dialect={dialect.dialect} />}
        </div>
      ))}
    </section>
  )
}

function addressOf({ dialect, port, path = '' }: Dialect): string {
  const home = new URL('.', document.baseURI)
  const url = port === undefined ? new URL(path.replace(/^\//, ''), home) : home
  if (port !== undefined) {
    url.protocol = 'http:'
    url.port = String(port)
    url.pathname = ''
  }
  return url.href.replace(/\/$/, '') + (clientPaths[dialect] ?? '')
}

const unlockSeconds = 60

/** Lets whoever asks within a minute have a key, as the button of a gateway does. */
function Unlock({ dialect }: { dialect: string }): JSX.Element {
  const untilMs = useSignal(0)
  const { problem, change } = useChange(() => {})
  const unlock = async () => {
    const done = await change(`api/dialects/${dialect}/unlock`, { seconds: unlockSeconds })
    if (done !== undefined) untilMs.value = Date.now() + unlockSeconds * 1000
  }
  void now.value
  const seconds = Math.ceil((untilMs.value - Date.now()) / 1000)
  return (
    <p class="row" role="status">
      <button type="button" onClick={() => void unlock()} disabled={seconds > 0}>
        {t('letProgramIn')}
      </button>
      {seconds > 0 && t('openFor', { seconds })}
      <span class="problem">{problem}</span>
    </p>
  )
}
