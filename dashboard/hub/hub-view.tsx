import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { getJson } from '../api.ts'
import { Copyable } from '../copyable.tsx'
import { LogTable } from '../devices/device-page.tsx'
import { NodeCondition } from '../devices/devices-view.tsx'
import { type LoggedCommand, nodes } from '../devices/house.ts'
import { Icon } from '../icons.tsx'
import { hrefOf } from '../route.ts'
import { isOperator } from '../session.ts'
import { t } from '../words.ts'
import { PasswordForm } from './password-form.tsx'
import '../style/hub.css'

interface Health {
  readonly version: string
  readonly overloaded: boolean
  readonly counters: Readonly<Record<string, number>>
}

interface Conflict {
  readonly kind: string
  readonly [field: string]: unknown
}

const refreshMs = 10_000

/** What is asked for anew every ten seconds, while somebody looks. */
function usePolled<T>(path: string, isWanted = true): T | undefined {
  const answer = useSignal<T | undefined>(undefined)
  useEffect(() => {
    if (!isWanted) return
    const load = () => {
      if (!document.hidden)
        getJson<T>(path).then(
          (value) => (answer.value = value),
          () => {},
        )
    }
    load()
    const timer = setInterval(load, refreshMs)
    return () => clearInterval(timer)
  }, [path, isWanted])
  return answer.value
}

/** The hub itself: how it is, what it knows, and who did what. */
export function HubView(): JSX.Element {
  return (
    <div class="hub-view">
      <h1 class="unseen">{t('hub')}</h1>
      <Condition />
      <p>
        <a href={hrefOf('why')}>
          <Icon name="why" /> {t('why')}
        </a>
      </p>
      <Nodes />
      {isOperator() && <Conflicts />}
      {isOperator() && <Commands />}
      <Connect />
      <PasswordForm />
    </div>
  )
}

function Condition(): JSX.Element {
  const health = usePolled<Health>('healthz')
  const counters = Object.entries(health?.counters ?? {}).filter(([, count]) => count > 0)
  return (
    <section>
      <h2>Clown.Hub {health?.version}</h2>
      {health?.overloaded && <p class="problem">{t('overloaded')}</p>}
      <h3>{t('oddThings')}</h3>
      {counters.length === 0 ? (
        <p class="quiet">{t('nothingOdd')}</p>
      ) : (
        <dl class="counters">
          {counters.map(([name, count]) => (
            <div key={name}>
              <dt>
                <code>{name}</code>
              </dt>
              <dd>{count}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  )
}

function Nodes(): JSX.Element {
  const all = nodes.value ?? []
  return (
    <section>
      <h2>{t('nodes')}</h2>
      {all.length === 0 ? (
        <p class="quiet">{t('noDevices')}</p>
      ) : (
        <ul class="node-list">
          {all.map((node) => (
            <li key={node.base}>
              <strong>{node.base}</strong>
              <NodeCondition node={node} />
              <span class="quiet">
                {t('deviceCount', { count: node.devices.value.length })}
                {node.firmware.value !== undefined && ` · ${node.firmware.value}`}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Conflicts(): JSX.Element | null {
  const conflicts = usePolled<{ conflicts: Conflict[] }>('api/conflicts')?.conflicts ?? []
  if (conflicts.length === 0) return null
  return (
    <section>
      <h2>{t('conflicts')}</h2>
      <ul class="node-list">
        {conflicts.map((conflict) => (
          <li key={JSON.stringify(conflict)}>
            <code>
              {Object.entries(conflict)
                .map(
                  ([name, value]) =>
                    `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
                )
                .join(', ')}
            </code>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Commands(): JSX.Element {
  const commands = usePolled<{ commands: LoggedCommand[] }>('api/commands?limit=50')?.commands ?? []
  return (
    <section>
      <h2>{t('log')}</h2>
      {commands.length === 0 ? (
        <p class="quiet">{t('logEmpty')}</p>
      ) : (
        <LogTable entries={commands} hasDevice />
      )}
    </section>
  )
}

/** The lines that a program needs to come in. */
function Connect(): JSX.Element {
  const home = new URL('.', document.baseURI)
  const talk = new URL('talk', home)
  const mqtt = new URL('mqtt', home)
  for (const url of [talk, mqtt]) url.protocol = url.protocol.replace('http', 'ws')
  return (
    <section>
      <h2>{t('connect')}</h2>
      <h3>Clown.Talk</h3>
      <Copyable text={talk.href} />
      <h3>MQTT</h3>
      <Copyable text={mqtt.href} />
      <p class="quiet">{t('alsoRead')}</p>
      <p class="row">
        {['api/nodes', 'api/commands', 'healthz', 'readyz'].map((path) => (
          <a key={path} href={path} target="_blank" rel="noreferrer">
            {path}
          </a>
        ))}
      </p>
    </section>
  )
}
